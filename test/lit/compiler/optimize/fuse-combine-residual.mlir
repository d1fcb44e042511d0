// The weighted sum of experts and the additions that follow it become one r1.fused; the order of additions stays.
// RUN: r1-opt %s --r1-fuse-combine-residual --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

// CHECK-LABEL: @taken
// CHECK: %[[F:.*]] = r1.fused ["combine-residual"](%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) :
// CHECK-NEXT: ^bb0(%[[Y:.*]]: tensor<?x2x32xf32>, %[[W:.*]]: tensor<?x2xf32>, %[[S:.*]]: tensor<?x32xf32>, %[[R:.*]]: tensor<?x32xf32>):
// CHECK-NEXT:   %[[C:.*]] = r1.combine %[[Y]], %[[W]]
// CHECK-NEXT:   %[[A:.*]] = r1.add %[[C]], %[[S]]
// CHECK-NEXT:   %[[B:.*]] = r1.add %[[R]], %[[A]]
// CHECK-NEXT:   r1.yield %[[B]]
// CHECK: return %[[F]]
func.func @taken(%y: tensor<?x2x32xf32>, %w: tensor<?x2xf32>, %shared: tensor<?x32xf32>, %residual: tensor<?x32xf32>) -> tensor<?x32xf32> {
  // expected-remark @+1 {{[Passed] combine-residual | Category:fusion | Function=taken | Remark="2 additions happen while the experts are summed"}}
  %c = r1.combine %y, %w : (tensor<?x2x32xf32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  %a = r1.add %c, %shared : tensor<?x32xf32>
  %b = r1.add %residual, %a : tensor<?x32xf32>
  return %b : tensor<?x32xf32>
}

// -----

// The chain ends where a sum has two readers: the second addition stays outside.
// CHECK-LABEL: @chain_ends
// CHECK: %[[F:.*]] = r1.fused ["combine-residual"]
// CHECK: r1.add
// CHECK-NEXT: r1.yield
// CHECK: %[[B:.*]] = r1.add %{{.*}}, %[[F]]
// CHECK: return %[[F]], %[[B]]
func.func @chain_ends(%y: tensor<?x2x32xf32>, %w: tensor<?x2xf32>, %s: tensor<?x32xf32>, %r: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  // expected-remark @+1 {{1 additions happen while the experts are summed}}
  %c = r1.combine %y, %w : (tensor<?x2x32xf32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  %a = r1.add %c, %s : tensor<?x32xf32>
  %b = r1.add %r, %a : tensor<?x32xf32>
  return %a, %b : tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// Refused: nothing is added.
// CHECK-LABEL: @alone
// CHECK-NOT: r1.fused
func.func @alone(%y: tensor<?x2x32xf32>, %w: tensor<?x2xf32>) -> tensor<?x32xbf16> {
  // expected-remark @+1 {{[Missed] combine-residual | Category:fusion | Function=alone | Remark="nothing is added to the combined experts, or the sum has several readers"}}
  %c = r1.combine %y, %w : (tensor<?x2x32xf32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  %b = r1.cast %c : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  return %b : tensor<?x32xbf16>
}
