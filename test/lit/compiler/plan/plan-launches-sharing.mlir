// Entries share what they can: one packed copy of each weight, one kernel for equal dispatches; other functions are dropped.
// RUN: r1-opt %s --r1-plan-launches | FileCheck %s

// Literals lie in segment 0, weights in segment 1, in order of first use and on multiples of 256 bytes: 3 floats, then 64 floats.
// CHECK: module attributes {plan.segment_bytes = array<i64: 256, 1792>}
// CHECK-NEXT: plan.tensor "literal.1" "literal" [1, 1, 3, 1] [] values [1.000000e+00, 2.000000e+00, 3.000000e+00] type f32 in 0 at 0 bytes 12 random 0.000000e+00
// CHECK-NEXT: plan.tensor "norm.vector" "vector" {{.*}} type f32 in 1 at 0 bytes 256 random 0.000000e+00
// A matrix of 16 x 30 is padded to 16 x 32 bf16; random weights keep unit variance: sqrt(3 / 30).
// CHECK-NEXT: plan.tensor "w.vnni16" "vnni16" [1, 16, 30, 1] {{.*}} type i8 in 1 at 256 bytes 1024 random 0.31622776601683794
// Only decode reads this one; it comes after prefill's.
// CHECK-NEXT: plan.tensor "other.vector" "vector" {{.*}} type f32 in 1 at 1280 bytes 260 random 0.000000e+00

// Equal dispatches of both entries are one kernel; other parameters, a fusion or another hole make another. Names stay distinct.
// (The entries hold different numbers of values before the shared hole: how a printer numbers them must not matter.)
// CHECK-NEXT: plan.kernel @gemm__bf16__n16_k30_m256_t64
// CHECK: plan.kernel @rows__f32__c64 "rows" {cols = 64 : i64}
// CHECK: plan.kernel @rows__f32__c64_residual_norm "rows" {cols = 64 : i64} {{.*}} fusions ["residual-norm"]
// CHECK: plan.kernel @gemm__bf16__n16_k30_m1_t32
// CHECK: plan.kernel @rows__f32__c64_v1 "rows" {cols = 64 : i64}
// CHECK-NOT: plan.kernel

// CHECK: plan.entry @prefill tokens 8 logit_rows 1
// CHECK-NEXT: plan.launch @gemm__bf16__n16_k30_m256_t64 [#plan.arg<"io", 0, 0>, #plan.arg<"segment", 0, 0>, #plan.arg<"segment", 1, 256>, #plan.arg<"arena", 0, 0>]
// CHECK-NEXT: plan.launch @rows__f32__c64 [#plan.arg<"arena", 0, 0>, #plan.arg<"segment", 1, 0>,
// CHECK-NEXT: plan.launch @rows__f32__c64_residual_norm [
// CHECK-NEXT: {{^ *[}]$}}
// CHECK-NEXT: plan.entry @decode tokens 1 logit_rows 1
// CHECK-NEXT: plan.launch @gemm__bf16__n16_k30_m1_t32 [#plan.arg<"io", 0, 0>, #plan.arg<"segment", 0, 0>, #plan.arg<"segment", 1, 256>, #plan.arg<"arena", 0, 0>]
// CHECK-NEXT: plan.launch @rows__f32__c64 [#plan.arg<"arena", 0, 0>, #plan.arg<"segment", 1, 0>,
// CHECK-NEXT: plan.launch @rows__f32__c64_v1 [{{.*}}, #plan.arg<"segment", 1, 1280>,
// CHECK-NEXT: {{^ *[}]$}}
// CHECK-NOT: mtp
func.func @prefill(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x64xf32>
    attributes {r1.max_tokens = 8, r1.max_logit_rows = 1} {
  %l = kern.constant "literal" [1, 1, 3, 1] [] values [1.0, 2.0, 3.0] : tensor<3xf32>
  %v = kern.constant "vector" [1, 1, 64, 1] [#kern.source<tensor = "norm", scale = "", row_begin = 0, row_end = 1, col_begin = 0, col_end = 64, transposed = false, batch = 0, accumulator = 0, dest_row = 0>] : tensor<64xf32>
  %w = kern.constant "vnni16" [1, 16, 30, 1] [#kern.source<tensor = "w", scale = "", row_begin = 0, row_end = 16, col_begin = 0, col_end = 30, transposed = false, batch = 0, accumulator = 0, dest_row = 0>] : tensor<1024xi8>
  %a = kern.dispatch "gemm_bf16" {n = 16, k = 30, tile_m = 256, tile_n = 64}(%ids, %l, %w) fixed [3, 1] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<3xf32>, tensor<1024xi8>) -> tensor<?x64xf32> holes []
  %b = kern.dispatch "rows" {cols = 64}(%a, %v) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
      holes [array<i64: 0, 1>] {
      ^bb0(%x: f32, %y: f32):
        %z = arith.addf %x, %y : f32
        kern.yield %z : f32
      }
  %c = kern.dispatch "rows" {cols = 64}(%b, %v) fixed [0, 0] grid [0, 1] rows 0 fusions ["residual-norm"] cost {}
      : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32> holes [array<i64: 0, 1>] {
      ^bb0(%x: f32, %y: f32):
        kern.yield %x : f32
      }
  return %c : tensor<?x64xf32>
}

func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>) -> tensor<?x64xf32>
    attributes {r1.max_tokens = 1, r1.max_logit_rows = 1} {
  %l = kern.constant "literal" [1, 1, 3, 1] [] values [1.0, 2.0, 3.0] : tensor<3xf32>
  %v = kern.constant "vector" [1, 1, 64, 1] [#kern.source<tensor = "norm", scale = "", row_begin = 0, row_end = 1, col_begin = 0, col_end = 64, transposed = false, batch = 0, accumulator = 0, dest_row = 0>] : tensor<64xf32>
  %w = kern.constant "vnni16" [1, 16, 30, 1] [#kern.source<tensor = "w", scale = "", row_begin = 0, row_end = 16, col_begin = 0, col_end = 30, transposed = false, batch = 0, accumulator = 0, dest_row = 0>] : tensor<1024xi8>
  %o = kern.constant "vector" [1, 1, 65, 1] [#kern.source<tensor = "other", scale = "", row_begin = 0, row_end = 1, col_begin = 0, col_end = 65, transposed = false, batch = 0, accumulator = 0, dest_row = 0>] : tensor<65xf32>
  %a = kern.dispatch "gemm_bf16" {n = 16, k = 30, tile_m = 1, tile_n = 32}(%ids, %l, %w) fixed [3, 1] grid [0, 1] rows 0 fusions [] cost {}
      : (tensor<?xi32>, tensor<3xf32>, tensor<1024xi8>) -> tensor<?x64xf32> holes []
  %b = kern.dispatch "rows" {cols = 64}(%a, %v) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>, tensor<64xf32>) -> tensor<?x64xf32>
      holes [array<i64: 0, 1>] {
      ^bb0(%x: f32, %y: f32):
        %z = arith.addf %x, %y : f32
        kern.yield %z : f32
      }
  %c = kern.dispatch "rows" {cols = 64}(%b, %o) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x64xf32>, tensor<65xf32>) -> tensor<?x64xf32>
      holes [array<i64: 0, 1>] {
      ^bb0(%x: f32, %y: f32):
        %z = arith.mulf %x, %y : f32
        kern.yield %z : f32
      }
  return %c : tensor<?x64xf32>
}

// No r1.max_tokens: not a step of the main path.
func.func @mtp(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  return %x : tensor<?x64xf32>
}
