// Every operation and attribute of the kern dialect prints what it reads: parsed, printed and parsed again, nothing changes.
// RUN: r1-opt %s | r1-opt | FileCheck %s
// RUN: r1-opt %s --mlir-print-op-generic | r1-opt | FileCheck %s

// CHECK-LABEL: @constants
func.func @constants() -> (tensor<1024xi8>, tensor<4xf32>) {
  // A matrix of 32 rows stacked from two tensors, the second one transposed on the way.
  // CHECK: kern.constant "vnni16" [1, 32, 16, 1] [#kern.source<tensor = "a", scale = "a.scale", row_begin = 0, row_end = 16, col_begin = 0, col_end = 16, transposed = false, batch = 0, accumulator = 0, dest_row = 0>,
  // CHECK-SAME: #kern.source<tensor = "b", scale = "", row_begin = 4, row_end = 20, col_begin = 8, col_end = 24, transposed = true, batch = 0, accumulator = 0, dest_row = 16>] : tensor<1024xi8>
  %w = kern.constant "vnni16" [1, 32, 16, 1] [
      #kern.source<tensor = "a", scale = "a.scale", row_begin = 0, row_end = 16, col_begin = 0, col_end = 16, transposed = false, batch = 0, accumulator = 0, dest_row = 0>,
      #kern.source<tensor = "b", scale = "", row_begin = 4, row_end = 20, col_begin = 8, col_end = 24, transposed = true, batch = 0, accumulator = 0, dest_row = 16>]
      : tensor<1024xi8>
  // CHECK: kern.constant "literal" [1, 1, 4, 1] [] values [1.000000e+00, 5.000000e-01, 2.500000e-01, 1.250000e-01] : tensor<4xf32>
  %l = kern.constant "literal" [1, 1, 4, 1] [] values [1.0, 0.5, 0.25, 0.125] : tensor<4xf32>
  return %w, %l : tensor<1024xi8>, tensor<4xf32>
}

// CHECK-LABEL: @slice
func.func @slice(%x: tensor<?x96xf32>) -> tensor<?x32xf32> {
  // CHECK: kern.slice %{{.*}}[64] : (tensor<?x96xf32>) -> tensor<?x32xf32>
  %y = kern.slice %x[64] : (tensor<?x96xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}

// A skeleton without holes, one with an empty hole, and one with two filled ones.
// CHECK-LABEL: @dispatch
func.func @dispatch(%p: tensor<?xi32>, %f: tensor<16xf32>, %x: tensor<?x32xf32>, %y: tensor<?x32xf32>, %w: tensor<32xf32>)
    -> (tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xbf16>) {
  // CHECK: kern.dispatch "rope_table" {rope = 32 : i64, scale = 1.000000e+00 : f64}(%{{.*}}, %{{.*}}) fixed [2, 1] grid [0, 1] rows 0 fusions [] cost {flops_per_token = 7 : i64} : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32> holes []
  %t = kern.dispatch "rope_table" {rope = 32, scale = 1.0 : f64}(%p, %f) fixed [2, 1] grid [0, 1] rows 0 fusions []
      cost {flops_per_token = 7} : (tensor<?xi32>, tensor<16xf32>) -> tensor<?x32xf32> holes []
  // CHECK: %[[N:.*]]:2 = kern.dispatch "rows" {cols = 32 : i64, norm = 1 : i64}(%{{.*}}, %{{.*}}, %{{.*}}) fixed [0, 0] grid [0, 1, -1, 1] rows 0 fusions ["residual-norm"] cost {} attributes {layer = 3 : i64} :
  // CHECK-SAME: (tensor<?x32xf32>, tensor<?x32xf32>, tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x32xbf16>) holes [array<i64: 0, 1>, array<i64: 2>] {
  // CHECK-NEXT: ^bb0(%{{.*}}: f32, %[[A:.*]]: f32, %[[B:.*]]: f32):
  // CHECK-NEXT:   %[[S:.*]] = arith.addf %[[A]], %[[B]] : f32
  // CHECK-NEXT:   kern.yield %[[S]] : f32
  // CHECK-NEXT: }, {
  // CHECK-NEXT: ^bb0(%[[V:.*]]: f32, %[[R:.*]]: f32, %[[W:.*]]: f32):
  // CHECK-NEXT:   %[[M:.*]] = arith.mulf %[[V]], %[[R]] : f32
  // CHECK-NEXT:   %[[O:.*]] = arith.mulf %[[M]], %[[W]] : f32
  // CHECK-NEXT:   kern.yield %[[V]], %[[O]] : f32, f32
  // CHECK-NEXT: }
  %n:2 = kern.dispatch "rows" {cols = 32, norm = 1}(%x, %y, %w) fixed [0, 0] grid [0, 1, -1, 1] rows 0 fusions ["residual-norm"]
      cost {} attributes {layer = 3 : i64} : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x32xbf16>)
      holes [array<i64: 0, 1>, array<i64: 2>] {
      ^bb0(%lead: f32, %a: f32, %b: f32):
        %s = arith.addf %a, %b : f32
        kern.yield %s : f32
      }, {
      ^bb0(%v: f32, %rstd: f32, %weight: f32):
        %m = arith.mulf %v, %rstd : f32
        %o = arith.mulf %m, %weight : f32
        kern.yield %v, %o : f32, f32
      }
  return %t, %n#0, %n#1 : tensor<?x32xf32>, tensor<?x32xf32>, tensor<?x32xbf16>
}
