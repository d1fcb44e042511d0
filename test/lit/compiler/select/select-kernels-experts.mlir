// Routing becomes `router_*`, expert layers `grouped_gemm` over one `router_group` that sorts the pairs of a choice by expert.
// RUN: r1-opt %s --r1-select-kernels --split-input-file | FileCheck %s

// gate, bias and choice in one kernel: three fixed inputs, two fixed outputs, no holes.
// CHECK-LABEL: @fused_router
// CHECK: %[[W:.*]] = kern.constant "rows" [1, 8, 32, 1]
// CHECK: %[[B:.*]] = kern.constant "vector" [1, 1, 8, 1]
// CHECK: kern.dispatch "router_fused" {experts = 8 : i64, group_score = 2 : i64, groups = 4 : i64, has_bias = 1 : i64, hidden = 32 : i64, normalize = 1 : i64, scale = 2.500000e+00 : f64, sigmoid = 1 : i64, tile_tokens = 1 : i64, top_k = 2 : i64, topk_group = 2 : i64, w_type = 1 : i64, x_stride = 32 : i64}
// CHECK-SAME: (%{{.*}}, %[[W]], %[[B]]) fixed [3, 2] grid [0, 1] rows 0 fusions ["router-topk"]
// CHECK-SAME: -> (tensor<?x2xi32>, tensor<?x2xf32>) holes []
func.func @fused_router(%x: tensor<?x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) attributes {r1.max_tokens = 4} {
  %w = r1.weight "gate" : tensor<8x32xbf16>
  %b = r1.weight "bias" : tensor<8xf32>
  %f:2 = r1.fused ["router-topk"](%x, %w, %b) : (tensor<?x32xf32>, tensor<8x32xbf16>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  ^bb0(%a: tensor<?x32xf32>, %v: tensor<8x32xbf16>, %c: tensor<8xf32>):
    %l = r1.router_logits %a, %v : (tensor<?x32xf32>, tensor<8x32xbf16>) -> tensor<?x8xf32>
    %i, %p = r1.router_gate %l bias %c {group_score = #r1.group_score<top2_sum>, groups = 4, normalize = true, scale = 2.5 : f64,
        scoring = #r1.scoring<sigmoid>, topk_group = 2} : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    r1.yield %i, %p : tensor<?x2xi32>, tensor<?x2xf32>
  }
  return %f#0, %f#1 : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// Apart: blocks of 16 experts over threads, then the choice, here without a bias (a placeholder keeps the order of buffers).
// CHECK-LABEL: @split_router
// CHECK: %[[L:.*]] = kern.dispatch "router_logits" {experts = 40 : i64, {{.*}} fixed [2, 1] grid [0, 1, -1, 3] rows 0
// CHECK: %[[Z:.*]] = kern.constant "literal" [1, 1, 1, 1] [] values [0.000000e+00] : tensor<1xf32>
// CHECK: kern.dispatch "router_topk" {{{.*}}has_bias = 0 : i64, {{.*}}sigmoid = 0 : i64{{.*}}}(%[[L]], %[[Z]]) fixed [2, 2] grid [0, 1] rows 0
func.func @split_router(%x: tensor<?x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) attributes {r1.max_tokens = 4} {
  %w = r1.weight "gate" : tensor<40x32xbf16>
  %l = r1.router_logits %x, %w : (tensor<?x32xf32>, tensor<40x32xbf16>) -> tensor<?x40xf32>
  %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
      scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x40xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %p : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// Two expert layers over one choice share one router_group. It holds 2 + 2 * 8 words and one for each of 4 * 2 pairs.
// Rows of the first are gathered by token, rows of the second are the pairs themselves.
// CHECK-LABEL: @experts
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x32xbf16>, %[[L:[a-z0-9]+]]: tensor<?x8xf32>
// CHECK: %[[C:.*]]:2 = kern.dispatch "router_topk"
// CHECK-NEXT: %[[G:.*]] = kern.dispatch "router_group" {experts = 8 : i64, {{.*}}top_k = 2 : i64{{.*}}}(%[[C]]#0) fixed [1, 1] grid [-1, 1] rows 0 {{.*}} -> tensor<26xi32>
// CHECK: %[[UP:.*]] = kern.constant "vnni16" [8, 48, 32, 1] [#kern.source<tensor = "experts.0.up", {{[^>]*}}batch = 0, accumulator = 0, dest_row = 0>, #kern.source<tensor = "experts.1.up", {{[^>]*}}batch = 1,
// CHECK: %[[Y:.*]] = kern.dispatch "grouped_gemm_bf16" {accumulators = 1 : i64, experts = 8 : i64, gather = 1 : i64, k = 32 : i64, max_active = 8 : i64, n = 48 : i64, tile_m = 0 : i64, tile_n = 48 : i64, top_k = 2 : i64, x_stride = 32 : i64}
// CHECK-SAME: (%[[X]], %[[UP]], %[[G]]) fixed [3, 0] grid [-1, 8, -1, 1] rows 0 {{.*}} cost {expert_fraction = 2.500000e-01 : f64, flops_per_token = 6144 : i64,
// CHECK: kern.dispatch "grouped_gemm_bf16" {{{.*}}gather = 0 : i64, {{.*}}}(%[[Y]], %{{.*}}, %[[G]])
// CHECK-NOT: router_group
func.func @experts(%x: tensor<?x32xbf16>, %l: tensor<?x8xf32>) -> tensor<?x2x32xf32> attributes {r1.max_tokens = 4} {
  %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
      scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %up = r1.expert_weight "experts." ".up" : tensor<8x48x32xbf16>
  %down = r1.expert_weight "experts." ".down" : tensor<8x32x48xbf16>
  %y = r1.expert_linear %x, %i, %up : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x48x32xbf16>) -> tensor<?x2x48xbf16>
  %z = r1.expert_linear %y, %i, %down : (tensor<?x2x48xbf16>, tensor<?x2xi32>, tensor<8x32x48xbf16>) -> tensor<?x2x32xf32>
  return %z : tensor<?x2x32xf32>
}

// -----

// One token with two experts: only two of eight can be active.
// CHECK-LABEL: @one_token
// CHECK: kern.dispatch "grouped_gemm_f8" {{{.*}}max_active = 2 : i64, {{.*}} fixed [4, 0] grid [-1, 2, -1, 1]
func.func @one_token(%x: tensor<?x32xbf16>, %l: tensor<?x8xf32>) -> tensor<?x2x48xbf16> attributes {r1.max_tokens = 1} {
  %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
      scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %up = r1.expert_weight "experts." ".up" : tensor<8x48x32xf8E4M3FN>
  %s = r1.expert_weight "experts." ".up.scale" : tensor<8x1x1xf32>
  %y = r1.expert_linear %x, %i, %up scale %s
      : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x48x32xf8E4M3FN>, tensor<8x1x1xf32>) -> tensor<?x2x48xbf16>
  return %y : tensor<?x2x48xbf16>
}

// -----

// Experts that the function is given are grouped at its begin.
// CHECK-LABEL: @given
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x32xbf16>, %[[IDS:[a-z0-9]+]]: tensor<?x2xi32>
// CHECK: %[[G:.*]] = kern.dispatch "router_group" {{.*}}(%[[IDS]]) fixed [1, 1] grid [-1, 1] rows 0
// CHECK: kern.dispatch "grouped_gemm_bf16" {{.*}}(%[[X]], %{{.*}}, %[[G]])
func.func @given(%x: tensor<?x32xbf16>, %ids: tensor<?x2xi32>) -> tensor<?x2x16xf32> attributes {r1.max_tokens = 4} {
  %w = r1.expert_weight "experts." ".up" : tensor<8x16x32xbf16>
  %y = r1.expert_linear %x, %ids, %w : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x16x32xbf16>) -> tensor<?x2x16xf32>
  return %y : tensor<?x2x16xf32>
}
