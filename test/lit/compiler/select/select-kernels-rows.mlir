// Row operations become dispatches of `rows` (map, reduction, finish), `embed` and `gather`; element-wise operations become scalar holes.
// RUN: r1-opt %s --r1-select-kernels --split-input-file | FileCheck %s

// An addition and a norm: `map` adds, `finish` scales; both results are stored, the rounded one by its type alone.
// CHECK-LABEL: @residual_norm
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x24xf32>, %[[Y:[a-z0-9]+]]: tensor<?x24xf32>
// CHECK: %[[W:.*]] = kern.constant "vector" [1, 1, 24, 1] [#kern.source<tensor = "norm", scale = "", row_begin = 0, row_end = 1, col_begin = 0, col_end = 24,
// CHECK: %[[R:.*]]:2 = kern.dispatch "rows" {cols = 24 : i64, combine_k = 0 : i64, epsilon = 5.000000e-01 : f64, norm = 1 : i64, y_stride = 0 : i64}
// CHECK-SAME: (%[[X]], %[[Y]], %[[W]]) fixed [0, 0] grid [0, 1, -1, 1] rows 0 fusions ["residual-norm"]
// CHECK-SAME: -> (tensor<?x24xf32>, tensor<?x24xbf16>) holes [array<i64: 0, 1>, array<i64: 2>] {
// CHECK-NEXT: ^bb0(%{{.*}}: f32, %[[A:.*]]: f32, %[[B:.*]]: f32):
// CHECK-NEXT:   %[[S:.*]] = arith.addf %[[A]], %[[B]] : f32
// CHECK-NEXT:   kern.yield %[[S]] : f32
// CHECK-NEXT: }, {
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %[[RSTD:.*]]: f32, %[[G:.*]]: f32):
// CHECK-NEXT:   %[[M:.*]] = arith.mulf %[[V]], %[[RSTD]] : f32
// CHECK-NEXT:   %[[N:.*]] = arith.mulf %[[M]], %[[G]] : f32
// CHECK-NEXT:   kern.yield %[[V]], %[[N]] : f32, f32
// CHECK-NEXT: }
// CHECK-NEXT: return %[[R]]#0, %[[R]]#1
func.func @residual_norm(%x: tensor<?x24xf32>, %y: tensor<?x24xf32>) -> (tensor<?x24xf32>, tensor<?x24xbf16>) attributes {r1.max_tokens = 4} {
  %w = r1.weight "norm" : tensor<24xbf16>
  %f:2 = r1.fused ["residual-norm"](%x, %y, %w) : (tensor<?x24xf32>, tensor<?x24xf32>, tensor<24xbf16>) -> (tensor<?x24xf32>, tensor<?x24xbf16>) {
  ^bb0(%a: tensor<?x24xf32>, %b: tensor<?x24xf32>, %v: tensor<24xbf16>):
    %s = r1.add %a, %b : tensor<?x24xf32>
    %n = r1.rms_norm %s, %v {epsilon = 0.5 : f64} : (tensor<?x24xf32>, tensor<24xbf16>) -> tensor<?x24xf32>
    %c = r1.cast %n : (tensor<?x24xf32>) -> tensor<?x24xbf16>
    r1.yield %s, %c : tensor<?x24xf32>, tensor<?x24xbf16>
  }
  return %f#0, %f#1 : tensor<?x24xf32>, tensor<?x24xbf16>
}

// -----

// Experts' outputs are read by the skeleton itself (two fixed inputs); their sum is `map`'s leading value.
// CHECK-LABEL: @combine
// CHECK-SAME: %[[Y:[a-z0-9]+]]: tensor<?x2x24xf32>, %[[P:[a-z0-9]+]]: tensor<?x2xf32>, %[[R:[a-z0-9]+]]: tensor<?x24xf32>
// CHECK: kern.dispatch "rows" {cols = 24 : i64, combine_k = 2 : i64, epsilon = 0.000000e+00 : f64, norm = 0 : i64, y_stride = 32 : i64}
// CHECK-SAME: (%[[Y]], %[[P]], %[[R]]) fixed [2, 0] grid [0, 1, -1, 1]
// CHECK-SAME: holes [array<i64>, array<i64: 2>] {
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: f32):
// CHECK-NEXT:   kern.yield %[[SUM]] : f32
// CHECK-NEXT: }, {
// CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %{{.*}}: f32, %[[A:.*]]: f32):
// CHECK-NEXT:   %[[S:.*]] = arith.addf %[[A]], %[[V]] : f32
// CHECK-NEXT:   kern.yield %[[S]] : f32
func.func @combine(%y: tensor<?x2x24xf32>, %p: tensor<?x2xf32>, %r: tensor<?x24xf32>) -> tensor<?x24xf32> attributes {r1.max_tokens = 4} {
  %f = r1.fused ["combine-residual"](%y, %p, %r) : (tensor<?x2x24xf32>, tensor<?x2xf32>, tensor<?x24xf32>) -> tensor<?x24xf32> {
  ^bb0(%a: tensor<?x2x24xf32>, %b: tensor<?x2xf32>, %c: tensor<?x24xf32>):
    %d = r1.combine %a, %b : (tensor<?x2x24xf32>, tensor<?x2xf32>) -> tensor<?x24xf32>
    %e = r1.add %c, %d : tensor<?x24xf32>
    r1.yield %e : tensor<?x24xf32>
  }
  return %f : tensor<?x24xf32>
}

// -----

// A lone silu_mul over pairs: silu(g) = g / (1 + exp(-g)), and the grid covers top_k rows of every token.
// CHECK-LABEL: @silu_mul
// CHECK: kern.dispatch "rows" {{.*}} grid [0, 1, -1, 2] rows 0
// CHECK:      %[[NEG:.*]] = arith.negf %[[G:.*]] : f32
// CHECK-NEXT: %[[EXP:.*]] = math.exp %[[NEG]] : f32
// CHECK-NEXT: %[[DEN:.*]] = arith.addf %{{.*}}, %[[EXP]] : f32
// CHECK-NEXT: %[[SILU:.*]] = arith.divf %[[G]], %[[DEN]] : f32
// CHECK-NEXT: arith.mulf %[[SILU]], %{{.*}} : f32
func.func @silu_mul(%g: tensor<?x2x24xf32>, %u: tensor<?x2x24xf32>) -> tensor<?x2x24xf32> attributes {r1.max_tokens = 4} {
  %y = r1.silu_mul %g, %u : tensor<?x2x24xf32>
  return %y : tensor<?x2x24xf32>
}

// -----

// Rounding that is not the last thing done to a value happens in the hole.
// CHECK-LABEL: @inner_rounding
// CHECK: %[[T:.*]] = arith.truncf %{{.*}} : f32 to bf16
// CHECK-NEXT: %[[E:.*]] = arith.extf %[[T]] : bf16 to f32
// CHECK-NEXT: arith.addf %[[E]], %{{.*}} : f32
func.func @inner_rounding(%x: tensor<?x24xf32>, %y: tensor<?x24xf32>) -> tensor<?x24xf32> attributes {r1.max_tokens = 4} {
  %f = r1.fused ["a"](%x, %y) : (tensor<?x24xf32>, tensor<?x24xf32>) -> tensor<?x24xf32> {
  ^bb0(%a: tensor<?x24xf32>, %b: tensor<?x24xf32>):
    %c = r1.cast %a : (tensor<?x24xf32>) -> tensor<?x24xbf16>
    %d = r1.cast %c : (tensor<?x24xbf16>) -> tensor<?x24xf32>
    %e = r1.add %d, %b : tensor<?x24xf32>
    r1.yield %e : tensor<?x24xf32>
  }
  return %f : tensor<?x24xf32>
}

// -----

// Embedding, then the rows that logits are wanted for: what follows a gather runs over rows of logits (dimension 1).
// CHECK-LABEL: @embed_and_gather
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<?xi32>, %[[ROWS:[a-z0-9]+]]: tensor<?xi32>
// CHECK: %[[T:.*]] = kern.constant "rows" [1, 512, 24, 1] [#kern.source<tensor = "table"{{.*}}>] : tensor<512x24xbf16>
// CHECK: %[[X:.*]] = kern.dispatch "embed" {cols = 24 : i64, table_type = 1 : i64}(%[[IDS]], %[[T]]) fixed [2, 0] grid [0, 1] rows 0
// CHECK: %[[G:.*]] = kern.dispatch "gather" {cols = 24 : i64, x_stride = 32 : i64, x_type = 0 : i64}(%[[X]], %[[ROWS]]) fixed [2, 0] grid [1, 1] rows 1
// CHECK: kern.dispatch "rows" {{{.*}}}(%[[G]], %{{.*}}) fixed [0, 0] grid [1, 1, -1, 1] rows 1
func.func @embed_and_gather(%ids: tensor<?xi32>, %rows: tensor<?xi32>) -> tensor<?x24xf32> attributes {r1.max_tokens = 4} {
  %t = r1.weight "table" : tensor<512x24xbf16>
  %w = r1.weight "norm" : tensor<24xbf16>
  %x = r1.embed %ids, %t : (tensor<?xi32>, tensor<512x24xbf16>) -> tensor<?x24xf32>
  %g = r1.gather_rows %x, %rows : (tensor<?x24xf32>, tensor<?xi32>) -> tensor<?x24xf32>
  %n = r1.rms_norm %g, %w {epsilon = 0.5 : f64} : (tensor<?x24xf32>, tensor<24xbf16>) -> tensor<?x24xf32>
  return %n : tensor<?x24xf32>
}

// -----

// A token is chosen from each row of logits; the stride is the logits'.
// CHECK-LABEL: @sample
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x24xf32>, %[[ROWS:[a-z0-9]+]]: tensor<?xi32>, %[[O:[a-z0-9]+]]: tensor<?x4xi32>, %[[D:[a-z0-9]+]]: tensor<?x2xi32>
// CHECK: %[[L:.*]] = kern.dispatch "gather"
// CHECK: kern.dispatch "sample" {stride = 32 : i64, vocab = 24 : i64}(%[[L]], %[[O]], %[[D]]) fixed [3, 1] grid [1, 1] rows 1 fusions []
// CHECK-SAME: -> tensor<?xi32> holes []
func.func @sample(%x: tensor<?x24xf32>, %rows: tensor<?xi32>, %o: tensor<?x4xi32>, %d: tensor<?x2xi32>) -> tensor<?xi32> attributes {r1.max_tokens = 4} {
  %l = r1.gather_rows %x, %rows : (tensor<?x24xf32>, tensor<?xi32>) -> tensor<?x24xf32>
  %i = r1.sample %l, %o, %d : (tensor<?x24xf32>, tensor<?x4xi32>, tensor<?x2xi32>) -> tensor<?xi32>
  return %i : tensor<?xi32>
}

// -----

// A function without r1.max_tokens is no step of the main path and stays as it is.
// CHECK-LABEL: @mtp
// CHECK: r1.add
func.func @mtp(%x: tensor<?x24xf32>) -> tensor<?x24xf32> {
  %y = r1.add %x, %x : tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}
