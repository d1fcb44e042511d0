// On a GPU weights stay in rows, and tiles follow the rows of a step: up to 16 stream a weight 16 columns a block, more meet it in tiles.
// RUN: r1-opt %s --r1-select-kernels --split-input-file | FileCheck %s

// Rows of 96 columns take 128; 136 of them in 9 blocks of columns.
// CHECK-LABEL: @stacked
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x96xbf16>
// CHECK: %[[W:.*]] = kern.constant "rowmajor" [1, 136, 96, 1] [#kern.source<tensor = "a", scale = "", row_begin = 0, row_end = 96, {{[^>]*}}dest_row = 0>, #kern.source<tensor = "b", scale = "", row_begin = 0, row_end = 40, {{[^>]*}}dest_row = 96>] : tensor<34816xi8>
// CHECK: %[[Y:.*]] = kern.dispatch "gemm_bf16" {accumulators = 1 : i64, batch = 1 : i64, epsilon = 0.000000e+00 : f64, k = 96 : i64, n = 136 : i64, prologue = 0 : i64, tile_m = 16 : i64, tile_n = 16 : i64, x_batch_stride = 0 : i64, x_stride = 96 : i64}
// CHECK-SAME: (%[[X]], %[[W]]) fixed [2, 0] grid [0, 16, -1, 1, -1, 9] rows 0 fusions [] cost {expert_fraction = 1.000000e+00 : f64, flops_per_token = 26112 : i64, weight_bytes = 34816 : i64}
// CHECK: kern.slice %[[Y]][96] : (tensor<?x136xf32>) -> tensor<?x40xf32>
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @stacked(%x: tensor<?x96xbf16>) -> tensor<?x40xf32> attributes {r1.max_tokens = 1} {
    %a = r1.weight "a" : tensor<96x96xbf16>
    %b = r1.weight "b" : tensor<40x96xbf16>
    %w = r1.concat_rows %a, %b : tensor<96x96xbf16>, tensor<40x96xbf16> -> tensor<136x96xbf16>
    %y = r1.linear %x, %w : (tensor<?x96xbf16>, tensor<136x96xbf16>) -> tensor<?x136xf32>
    %s = r1.slice %y[96] : (tensor<?x136xf32>) -> tensor<?x40xf32>
    return %s : tensor<?x40xf32>
  }
}

// -----

// 16 tokens stream; 17 to 64 are one block of 64 rows, above that blocks of 128. An f8 weight brings its factors as a third fixed input.
// CHECK-LABEL: @f8_16
// CHECK: %[[W:.*]] = kern.constant "rowmajor_f8" [1, 160, 144, 1] [#kern.source<tensor = "w", scale = "w.scale",{{.*}} : tensor<40960xi8>
// CHECK: %[[S:.*]] = kern.constant "rowscales" [1, 160, 144, 1] [#kern.source<tensor = "w", scale = "w.scale",{{.*}} : tensor<80xi8>
// CHECK: kern.dispatch "gemm_f8" {{{.*}}tile_m = 16 : i64, tile_n = 16 : i64{{.*}}}(%{{.*}}, %[[W]], %[[S]]) fixed [3, 0] grid [0, 16, -1, 1, -1, 10]
// CHECK-LABEL: @f8_17
// CHECK: kern.dispatch "gemm_f8" {{{.*}}tile_m = 64 : i64, tile_n = 128 : i64{{.*}} grid [0, 64, -1, 1, -1, 2]
// CHECK-LABEL: @f8_65
// CHECK: kern.dispatch "gemm_f8" {{{.*}}tile_m = 128 : i64, tile_n = 128 : i64{{.*}} grid [0, 128, -1, 1, -1, 2]
// CHECK-LABEL: @narrow
// CHECK: kern.dispatch "gemm_f8" {{{.*}}n = 40 : i64, {{.*}}tile_m = 128 : i64, tile_n = 48 : i64{{.*}} grid [0, 128, -1, 1, -1, 1]
module attributes {r1.machine = "cuda", r1.chip = 80 : i64} {
  func.func @f8_16(%x: tensor<?x144xbf16>) -> tensor<?x160xf32> attributes {r1.max_tokens = 16} {
    %w = r1.weight "w" : tensor<160x144xf8E4M3FN>
    %s = r1.weight "w.scale" : tensor<2x2xf32>
    %y = r1.linear %x, %w scale %s : (tensor<?x144xbf16>, tensor<160x144xf8E4M3FN>, tensor<2x2xf32>) -> tensor<?x160xf32>
    return %y : tensor<?x160xf32>
  }
  func.func @f8_17(%x: tensor<?x144xbf16>) -> tensor<?x160xf32> attributes {r1.max_tokens = 17} {
    %w = r1.weight "w" : tensor<160x144xf8E4M3FN>
    %s = r1.weight "w.scale" : tensor<2x2xf32>
    %y = r1.linear %x, %w scale %s : (tensor<?x144xbf16>, tensor<160x144xf8E4M3FN>, tensor<2x2xf32>) -> tensor<?x160xf32>
    return %y : tensor<?x160xf32>
  }
  func.func @f8_65(%x: tensor<?x144xbf16>) -> tensor<?x160xf32> attributes {r1.max_tokens = 65} {
    %w = r1.weight "w" : tensor<160x144xf8E4M3FN>
    %s = r1.weight "w.scale" : tensor<2x2xf32>
    %y = r1.linear %x, %w scale %s : (tensor<?x144xbf16>, tensor<160x144xf8E4M3FN>, tensor<2x2xf32>) -> tensor<?x160xf32>
    return %y : tensor<?x160xf32>
  }
  func.func @narrow(%x: tensor<?x144xbf16>) -> tensor<?x40xf32> attributes {r1.max_tokens = 512} {
    %w = r1.weight "w" : tensor<40x144xf8E4M3FN>
    %s = r1.weight "w.scale" : tensor<1x2xf32>
    %y = r1.linear %x, %w scale %s : (tensor<?x144xbf16>, tensor<40x144xf8E4M3FN>, tensor<1x2xf32>) -> tensor<?x40xf32>
    return %y : tensor<?x40xf32>
  }
}

// -----

// A quantised x brings its scales behind those of the weight, and is never streamed. sm_90a multiplies 128 rows by warp groups, both operands
// through maps with a swizzle; up to 64 rows go without. Rows of 144 e4m3 take 256.
// CHECK-LABEL: @quantised_64
// CHECK: %[[Q:.*]]:2 = kern.dispatch "rows_quantize" {cols = 144 : i64, inner = 1 : i64, ue8m0 = 0 : i64, x_stride = 144 : i64, x_type = 1 : i64}(%{{.*}}) fixed [1, 2] grid [0, 1, -1, 1] rows 0
// CHECK: %[[W:.*]] = kern.constant "rowmajor_f8" [1, 160, 144, 1]
// CHECK: %[[S:.*]] = kern.constant "rowscales" [1, 160, 144, 1]
// CHECK: kern.dispatch "gemm_quantised_f8" {{{.*}}tile_m = 64 : i64, tile_n = 128 : i64, {{.*}}x_stride = 256 : i64}(%[[Q]]#0, %[[W]], %[[S]], %[[Q]]#1) fixed [4, 0] grid [0, 64, -1, 1, -1, 2]
// CHECK-LABEL: @quantised_65
// CHECK: kern.dispatch "gemm_hopper_quantised_f8" {{{.*}}tile_m = 128 : i64{{.*}} fixed [4, 0] grid [0, 128, -1, 1, -1, 2] {{.*}}maps = [#kern.tensor_map<argument = 0, type = f8E4M3FN, extents = [144, 1, 65], strides = [256, 256], box = [128, 1, 128], swizzle = 128>, #kern.tensor_map<argument = 1, type = f8E4M3FN, extents = [256, 160, 1], strides = [256, 40960], box = [128, 128, 1], swizzle = 128>]
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @quantised_64(%x: tensor<?x144xbf16>) -> tensor<?x160xf32> attributes {r1.max_tokens = 64} {
    %w = r1.weight "w" : tensor<160x144xf8E4M3FN>
    %s = r1.weight "w.scale" : tensor<2x2xf32>
    %q, %t = r1.quantize_rows %x : (tensor<?x144xbf16>) -> (tensor<?x144xf8E4M3FN>, tensor<?x2xf32>)
    %y = r1.linear %q, %w scale %s x_scale %t
        : (tensor<?x144xf8E4M3FN>, tensor<160x144xf8E4M3FN>, tensor<2x2xf32>, tensor<?x2xf32>) -> tensor<?x160xf32>
    return %y : tensor<?x160xf32>
  }
  func.func @quantised_65(%x: tensor<?x144xbf16>) -> tensor<?x160xf32> attributes {r1.max_tokens = 65} {
    %w = r1.weight "w" : tensor<160x144xf8E4M3FN>
    %s = r1.weight "w.scale" : tensor<2x2xf32>
    %q, %t = r1.quantize_rows %x : (tensor<?x144xbf16>) -> (tensor<?x144xf8E4M3FN>, tensor<?x2xf32>)
    %y = r1.linear %q, %w scale %s x_scale %t
        : (tensor<?x144xf8E4M3FN>, tensor<160x144xf8E4M3FN>, tensor<2x2xf32>, tensor<?x2xf32>) -> tensor<?x160xf32>
    return %y : tensor<?x160xf32>
  }
}

// -----

// Experts' pairs have rows of their own, and scales behind the list of groups. Where mma.sync widens e4m3 (sm_100), tiles have 64 rows.
// CHECK-LABEL: @quantised_experts
// CHECK: %[[G:.*]] = kern.dispatch "router_group"
// CHECK: %[[Q:.*]]:2 = kern.dispatch "rows_quantize" {cols = 32 : i64, inner = 2 : i64, {{.*}}ue8m0 = 1 : i64, {{.*}} fixed [1, 2] grid [0, 1, -1, 2] rows 0
// CHECK: kern.dispatch "grouped_gemm_quantised_f8" {{{.*}}gather = 0 : i64, {{.*}}tile_m = 64 : i64, {{.*}}x_stride = 128 : i64}(%[[Q]]#0, %{{.*}}, %{{.*}}, %[[G]], %[[Q]]#1) fixed [5, 0] grid [-1, 8, -1, 1]
module attributes {r1.machine = "cuda", r1.chip = 100 : i64} {
  func.func @quantised_experts(%x: tensor<?x2x32xbf16>, %l: tensor<?x8xf32>) -> tensor<?x2x80xbf16> attributes {r1.max_tokens = 512} {
    %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %w = r1.expert_weight "experts." ".up" : tensor<8x80x32xf8E4M3FN>
    %s = r1.expert_weight "experts." ".up.scale" : tensor<8x1x1xf32>
    %q, %t = r1.quantize_rows %x ue8m0 : (tensor<?x2x32xbf16>) -> (tensor<?x2x32xf8E4M3FN>, tensor<?x2x1xf32>)
    %y = r1.expert_linear %q, %i, %w scale %s x_scale %t
        : (tensor<?x2x32xf8E4M3FN>, tensor<?x2xi32>, tensor<8x80x32xf8E4M3FN>, tensor<8x1x1xf32>, tensor<?x2x1xf32>) -> tensor<?x2x80xbf16>
    return %y : tensor<?x2x80xbf16>
  }
}

// -----

// Gate and up are two matrices of one weight, one behind the other; with two sums a tile has 64 columns.
// CHECK-LABEL: @gate_up
// CHECK: kern.constant "rowmajor" [1, 80, 32, 2] [#kern.source<tensor = "gate", {{[^>]*}}accumulator = 0, dest_row = 0>, #kern.source<tensor = "up", {{[^>]*}}accumulator = 1, dest_row = 0>] : tensor<20480xi8>
// CHECK: kern.dispatch "gemm_bf16" {accumulators = 2 : i64, {{.*}}tile_m = 64 : i64, tile_n = 64 : i64{{.*}} grid [0, 64, -1, 1, -1, 2] rows 0 fusions ["gate-up-silu-mul"]
module attributes {r1.machine = "cuda", r1.chip = 86 : i64} {
  func.func @gate_up(%x: tensor<?x32xbf16>) -> tensor<?x80xbf16> attributes {r1.max_tokens = 64} {
    %a = r1.weight "gate" : tensor<80x32xbf16>
    %b = r1.weight "up" : tensor<80x32xbf16>
    %f = r1.fused ["gate-up-silu-mul"](%x, %b, %a) : (tensor<?x32xbf16>, tensor<80x32xbf16>, tensor<80x32xbf16>) -> tensor<?x80xbf16> {
    ^bb0(%c: tensor<?x32xbf16>, %d: tensor<80x32xbf16>, %e: tensor<80x32xbf16>):
      %u = r1.linear %c, %d : (tensor<?x32xbf16>, tensor<80x32xbf16>) -> tensor<?x80xf32>
      %g = r1.linear %c, %e : (tensor<?x32xbf16>, tensor<80x32xbf16>) -> tensor<?x80xf32>
      %y = r1.silu_mul %g, %u : tensor<?x80xf32>
      %r = r1.cast %y : (tensor<?x80xf32>) -> tensor<?x80xbf16>
      r1.yield %r : tensor<?x80xbf16>
    }
    return %f : tensor<?x80xbf16>
  }
}

// -----

// Experts' tiles follow the rows an expert meets on average: 512 tokens with 2 of 8 experts are 128 rows each, 4 tokens one. Without warp
// groups a tile walks an expert's rows.
// Every block of 16 of the router's experts reads 4 tokens where there are many.
// CHECK-LABEL: @many
// CHECK: kern.dispatch "router_logits" {experts = 8 : i64, {{.*}}tile_tokens = 4 : i64{{.*}} fixed [2, 1] grid [0, 4, -1, 1] rows 0
// CHECK: kern.dispatch "router_topk" {{{.*}}tile_tokens = 1 : i64{{.*}} grid [0, 1] rows 0
// CHECK: %[[G:.*]] = kern.dispatch "router_group" {{.*}} grid [-1, 1] rows 0
// CHECK: kern.constant "rowmajor_f8" [8, 80, 32, 1]
// CHECK: kern.constant "rowscales" [8, 80, 32, 1]
// CHECK: kern.dispatch "grouped_gemm_f8" {{{.*}}max_active = 8 : i64, n = 80 : i64, tile_m = 128 : i64, tile_n = 64 : i64{{.*}}}(%{{.*}}, %{{.*}}, %{{.*}}, %[[G]]) fixed [4, 0] grid [-1, 8, -1, 2]
// CHECK-LABEL: @few
// CHECK: kern.dispatch "router_logits" {{{.*}}tile_tokens = 1 : i64{{.*}} grid [0, 1, -1, 1] rows 0
// CHECK: kern.dispatch "grouped_gemm_f8" {{{.*}}max_active = 8 : i64, n = 80 : i64, tile_m = 16 : i64, tile_n = 16 : i64{{.*}} fixed [4, 0] grid [-1, 8, -1, 5]
module attributes {r1.machine = "cuda", r1.chip = 89 : i64} {
  func.func @many(%x: tensor<?x32xbf16>, %h: tensor<?x32xf32>) -> tensor<?x2x80xbf16> attributes {r1.max_tokens = 512} {
    %gate = r1.weight "gate" : tensor<8x32xbf16>
    %l = r1.router_logits %h, %gate : (tensor<?x32xf32>, tensor<8x32xbf16>) -> tensor<?x8xf32>
    %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %up = r1.expert_weight "experts." ".up" : tensor<8x80x32xf8E4M3FN>
    %s = r1.expert_weight "experts." ".up.scale" : tensor<8x1x1xf32>
    %y = r1.expert_linear %x, %i, %up scale %s
        : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x80x32xf8E4M3FN>, tensor<8x1x1xf32>) -> tensor<?x2x80xbf16>
    return %y : tensor<?x2x80xbf16>
  }
  func.func @few(%x: tensor<?x32xbf16>, %h: tensor<?x32xf32>) -> tensor<?x2x80xbf16> attributes {r1.max_tokens = 4} {
    %gate = r1.weight "gate" : tensor<8x32xbf16>
    %l = r1.router_logits %h, %gate : (tensor<?x32xf32>, tensor<8x32xbf16>) -> tensor<?x8xf32>
    %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %up = r1.expert_weight "experts." ".up" : tensor<8x80x32xf8E4M3FN>
    %s = r1.expert_weight "experts." ".up.scale" : tensor<8x1x1xf32>
    %y = r1.expert_linear %x, %i, %up scale %s
        : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x80x32xf8E4M3FN>, tensor<8x1x1xf32>) -> tensor<?x2x80xbf16>
    return %y : tensor<?x2x80xbf16>
  }
}

// -----

// On sm_90a warp groups multiply blocks of an expert's rows, 64 where it has fewer on average, and the copy engine reads the weights through a
// map: 136 rows of 96 columns take 128. A launch has a block for each full one and one for each expert: (1024 + 8 * 127) / 128 = 15, (240 + 8 *
// 63) / 64 = 11. 128 columns are an f8 tile's most, or 64 of gate and up each.
// CHECK-LABEL: @average_128
// CHECK: kern.dispatch "grouped_gemm_hopper_f8" {{{.*}}max_active = 8 : i64, n = 136 : i64, tile_m = 128 : i64, tile_n = 128 : i64{{.*}} fixed [4, 0] grid [-1, 15, -1, 2] {{.*}}maps = [#kern.tensor_map<argument = 1, type = f8E4M3FN, extents = [128, 136, 8], strides = [128, 17408], box = [128, 128, 1], swizzle = 0>]
// CHECK-LABEL: @average_30
// CHECK: kern.dispatch "grouped_gemm_hopper_bf16" {accumulators = 2 : i64, {{.*}}n = 136 : i64, tile_m = 64 : i64, tile_n = 128 : i64{{.*}} fixed [3, 0] grid [-1, 11, -1, 2] {{.*}}maps = [#kern.tensor_map<argument = 1, type = bf16, extents = [128, 136, 16], strides = [256, 34816], box = [64, 128, 1], swizzle = 128>]
// Columns are what wgmma takes: at 64 rows each group half of 128, not of 96.
// CHECK-LABEL: @narrow
// CHECK: kern.dispatch "grouped_gemm_hopper_bf16" {{{.*}}n = 72 : i64, tile_m = 64 : i64, tile_n = 128 : i64
// CHECK-LABEL: @average_16
// CHECK: kern.dispatch "grouped_gemm_bf16" {{{.*}}tile_m = 16 : i64, tile_n = 16 : i64{{.*}} grid [-1, 8, -1, 9]
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @average_128(%x: tensor<?x96xbf16>, %l: tensor<?x8xf32>) -> tensor<?x2x136xbf16> attributes {r1.max_tokens = 512} {
    %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %w = r1.expert_weight "experts." ".w" : tensor<8x136x96xf8E4M3FN>
    %s = r1.expert_weight "experts." ".w.scale" : tensor<8x2x1xf32>
    %y = r1.expert_linear %x, %i, %w scale %s
        : (tensor<?x96xbf16>, tensor<?x2xi32>, tensor<8x136x96xf8E4M3FN>, tensor<8x2x1xf32>) -> tensor<?x2x136xbf16>
    return %y : tensor<?x2x136xbf16>
  }
  func.func @average_30(%x: tensor<?x96xbf16>, %l: tensor<?x8xf32>) -> tensor<?x2x136xbf16> attributes {r1.max_tokens = 120} {
    %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %a = r1.expert_weight "experts." ".gate" : tensor<8x136x96xbf16>
    %b = r1.expert_weight "experts." ".up" : tensor<8x136x96xbf16>
    %f = r1.fused ["gate-up-silu-mul"](%x, %i, %a, %b)
        : (tensor<?x96xbf16>, tensor<?x2xi32>, tensor<8x136x96xbf16>, tensor<8x136x96xbf16>) -> tensor<?x2x136xbf16> {
    ^bb0(%c: tensor<?x96xbf16>, %j: tensor<?x2xi32>, %d: tensor<8x136x96xbf16>, %e: tensor<8x136x96xbf16>):
      %g = r1.expert_linear %c, %j, %d : (tensor<?x96xbf16>, tensor<?x2xi32>, tensor<8x136x96xbf16>) -> tensor<?x2x136xf32>
      %u = r1.expert_linear %c, %j, %e : (tensor<?x96xbf16>, tensor<?x2xi32>, tensor<8x136x96xbf16>) -> tensor<?x2x136xf32>
      %y = r1.silu_mul %g, %u : tensor<?x2x136xf32>
      %r = r1.cast %y : (tensor<?x2x136xf32>) -> tensor<?x2x136xbf16>
      r1.yield %r : tensor<?x2x136xbf16>
    }
    return %f : tensor<?x2x136xbf16>
  }
  func.func @narrow(%x: tensor<?x96xbf16>, %l: tensor<?x8xf32>) -> tensor<?x2x72xbf16> attributes {r1.max_tokens = 120} {
    %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %w = r1.expert_weight "experts." ".w" : tensor<8x72x96xbf16>
    %y = r1.expert_linear %x, %i, %w : (tensor<?x96xbf16>, tensor<?x2xi32>, tensor<8x72x96xbf16>) -> tensor<?x2x72xbf16>
    return %y : tensor<?x2x72xbf16>
  }
  func.func @average_16(%x: tensor<?x96xbf16>, %l: tensor<?x8xf32>) -> tensor<?x2x136xbf16> attributes {r1.max_tokens = 64} {
    %i, %p = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
        scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %w = r1.expert_weight "experts." ".w" : tensor<8x136x96xbf16>
    %y = r1.expert_linear %x, %i, %w : (tensor<?x96xbf16>, tensor<?x2xi32>, tensor<8x136x96xbf16>) -> tensor<?x2x136xbf16>
    return %y : tensor<?x2x136xbf16>
  }
}
