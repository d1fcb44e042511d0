// Linear layers become `gemm` over weights packed in blocks of 16 rows; what is fused before and after them becomes holes.
// RUN: r1-opt %s --r1-select-kernels --split-input-file | FileCheck %s

// One token: blocks of 32 columns. The packed weight stacks both tensors, the second from output row 96 on.
// CHECK-LABEL: @stacked
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x96xbf16>
// CHECK: %[[W:.*]] = kern.constant "vnni16" [1, 136, 96, 1] [#kern.source<tensor = "a", scale = "", row_begin = 0, row_end = 96, {{[^>]*}}dest_row = 0>, #kern.source<tensor = "b", scale = "", row_begin = 0, row_end = 40, {{[^>]*}}dest_row = 96>] : tensor<27648xi8>
// CHECK: %[[Y:.*]] = kern.dispatch "gemm_bf16" {accumulators = 1 : i64, batch = 1 : i64, epsilon = 0.000000e+00 : f64, k = 96 : i64, n = 136 : i64, prologue = 0 : i64, tile_m = 1 : i64, tile_n = 32 : i64, x_batch_stride = 0 : i64, x_stride = 96 : i64}
// CHECK-SAME: (%[[X]], %[[W]]) fixed [2, 0] grid [0, 1, -1, 1, -1, 5] rows 0 fusions [] cost {expert_fraction = 1.000000e+00 : f64, flops_per_token = 26112 : i64, weight_bytes = 27648 : i64}
// CHECK: kern.slice %[[Y]][96] : (tensor<?x136xf32>) -> tensor<?x40xf32>
func.func @stacked(%x: tensor<?x96xbf16>) -> tensor<?x40xf32> attributes {r1.max_tokens = 1} {
  %a = r1.weight "a" : tensor<96x96xbf16>
  %b = r1.weight "b" : tensor<40x96xbf16>
  %w = r1.concat_rows %a, %b : tensor<96x96xbf16>, tensor<40x96xbf16> -> tensor<136x96xbf16>
  %y = r1.linear %x, %w : (tensor<?x96xbf16>, tensor<136x96xbf16>) -> tensor<?x136xf32>
  %s = r1.slice %y[96] : (tensor<?x136xf32>) -> tensor<?x40xf32>
  return %s : tensor<?x40xf32>
}

// -----

// Many tokens: tiles of 256 rows and 64 columns. An f8 weight brings its scales as a third fixed input.
// CHECK-LABEL: @f8
// CHECK: %[[W:.*]] = kern.constant "vnni16_f8" [1, 160, 128, 1] [#kern.source<tensor = "w", scale = "w.scale",
// CHECK: %[[S:.*]] = kern.constant "scales" [1, 160, 128, 1] [#kern.source<tensor = "w", scale = "w.scale",
// CHECK: kern.dispatch "gemm_f8" {{{.*}}tile_m = 256 : i64, tile_n = 64 : i64{{.*}}}(%{{.*}}, %[[W]], %[[S]]) fixed [3, 0] grid [0, 256, -1, 1, -1, 3]
func.func @f8(%x: tensor<?x128xbf16>) -> tensor<?x160xf32> attributes {r1.max_tokens = 512} {
  %w = r1.weight "w" : tensor<160x128xf8E4M3FN>
  %s = r1.weight "w.scale" : tensor<2x1xf32>
  %y = r1.linear %x, %w scale %s : (tensor<?x128xbf16>, tensor<160x128xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x160xf32>
  return %y : tensor<?x160xf32>
}

// -----

// gate and up are one packed weight with two accumulators, in the order silu_mul reads them whatever theirs is; the epilogue multiplies.
// CHECK-LABEL: @gate_up
// CHECK: kern.constant "vnni16" [1, 48, 32, 2] [#kern.source<tensor = "gate", {{[^>]*}}accumulator = 0, dest_row = 0>, #kern.source<tensor = "up", {{[^>]*}}accumulator = 1, dest_row = 0>]
// CHECK: kern.dispatch "gemm_bf16" {accumulators = 2 : i64, {{.*}} fusions ["gate-up-silu-mul"]
// CHECK-SAME: holes [array<i64>] {
// CHECK-NEXT: ^bb0(%[[G:.*]]: f32, %[[U:.*]]: f32):
// CHECK: arith.negf %[[G]] : f32
// CHECK: arith.mulf %{{.*}}, %[[U]] : f32
func.func @gate_up(%x: tensor<?x32xbf16>) -> tensor<?x48xbf16> attributes {r1.max_tokens = 1} {
  %a = r1.weight "gate" : tensor<48x32xbf16>
  %b = r1.weight "up" : tensor<48x32xbf16>
  %f = r1.fused ["gate-up-silu-mul"](%x, %b, %a) : (tensor<?x32xbf16>, tensor<48x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xbf16> {
  ^bb0(%c: tensor<?x32xbf16>, %d: tensor<48x32xbf16>, %e: tensor<48x32xbf16>):
    %u = r1.linear %c, %d : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
    %g = r1.linear %c, %e : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
    %y = r1.silu_mul %g, %u : tensor<?x48xf32>
    %r = r1.cast %y : (tensor<?x48xf32>) -> tensor<?x48xbf16>
    r1.yield %r : tensor<?x48xbf16>
  }
  return %f : tensor<?x48xbf16>
}

// -----

// A norm before the layer is its prologue: holes epilogue, map, finish; buffer 0 is what map reads.
// CHECK-LABEL: @norm_into_linear
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x32xf32>
// CHECK: %[[N:.*]] = kern.constant "vector" [1, 1, 32, 1] [#kern.source<tensor = "norm",
// CHECK: kern.dispatch "gemm_bf16" {{{.*}}epsilon = 5.000000e-01 : f64, {{.*}}prologue = 1 : i64{{.*}}}(%[[X]], %{{.*}}, %[[X]], %[[N]]) fixed [2, 0]
// CHECK-SAME: holes [array<i64>, array<i64: 2>, array<i64: 3>] {
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32):
// CHECK-NEXT:   kern.yield %[[SUM]] : f32
// CHECK-NEXT: }, {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %[[E:.*]]: f32):
// CHECK-NEXT:   kern.yield %[[E]] : f32
// CHECK-NEXT: }, {
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %[[R:.*]]: f32, %[[W:.*]]: f32):
// CHECK-NEXT:   %[[M:.*]] = arith.mulf %[[V]], %[[R]] : f32
// CHECK-NEXT:   %[[O:.*]] = arith.mulf %[[M]], %[[W]] : f32
// CHECK-NEXT:   kern.yield %[[O]] : f32
func.func @norm_into_linear(%x: tensor<?x32xf32>) -> tensor<?x48xf32> attributes {r1.max_tokens = 1} {
  %v = r1.weight "norm" : tensor<32xbf16>
  %w = r1.weight "w" : tensor<48x32xbf16>
  %f = r1.fused ["norm-into-linear"](%x, %v, %w) : (tensor<?x32xf32>, tensor<32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<32xbf16>, %c: tensor<48x32xbf16>):
    %n = r1.rms_norm %a, %b {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xbf16>) -> tensor<?x32xf32>
    %r = r1.cast %n : (tensor<?x32xf32>) -> tensor<?x32xbf16>
    %y = r1.linear %r, %c : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
    r1.yield %y : tensor<?x48xf32>
  }
  return %f : tensor<?x48xf32>
}
