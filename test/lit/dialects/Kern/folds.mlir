// Kern operations are pure, so CSE shares equal constants, slices and dispatches (holes included) and drops what nobody reads.
// RUN: r1-opt %s --cse | FileCheck %s

// CHECK-LABEL: @shared
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32>
func.func @shared(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  // CHECK-NEXT: %[[C:.*]] = kern.constant "literal"
  // CHECK-NEXT: %[[A:.*]] = kern.dispatch "rows" {}(%[[X]], %[[C]])
  // CHECK:        arith.mulf
  // CHECK:      %[[B:.*]] = kern.dispatch "rows" {}(%[[X]], %[[C]])
  // CHECK:        arith.addf
  // CHECK-NOT:  kern.dispatch
  // CHECK:      return %[[A]], %[[A]], %[[B]]
  %c = kern.constant "literal" [1, 1, 8, 1] [] values [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0] : tensor<8xf32>
  %d = kern.constant "literal" [1, 1, 8, 1] [] values [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0] : tensor<8xf32>
  %a = kern.dispatch "rows" {}(%x, %c) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      holes [array<i64: 0, 1>] {
      ^bb0(%v: f32, %w: f32):
        %p = arith.mulf %v, %w : f32
        kern.yield %p : f32
      }
  %again = kern.dispatch "rows" {}(%x, %d) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      holes [array<i64: 0, 1>] {
      ^bb0(%v: f32, %w: f32):
        %p = arith.mulf %v, %w : f32
        kern.yield %p : f32
      }
  // Another hole is another computation.
  %b = kern.dispatch "rows" {}(%x, %d) fixed [0, 0] grid [0, 1] rows 0 fusions [] cost {} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      holes [array<i64: 0, 1>] {
      ^bb0(%v: f32, %w: f32):
        %p = arith.addf %v, %w : f32
        kern.yield %p : f32
      }
  %unread = kern.slice %x[4] : (tensor<?x8xf32>) -> tensor<?x4xf32>
  return %a, %again, %b : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}
