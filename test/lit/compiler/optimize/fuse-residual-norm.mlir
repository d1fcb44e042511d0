// An addition and the norm that reads it become one r1.fused; a sum that is read elsewhere leaves it as a second result.
// RUN: r1-opt %s --r1-fuse-residual-norm --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

// CHECK-LABEL: @taken
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x32xf32>, %[[Y:[a-z0-9]+]]: tensor<?x32xf32>, %[[W:[a-z0-9]+]]: tensor<32xf32>
// CHECK-NEXT: %[[F:.*]]:2 = r1.fused ["residual-norm"](%[[X]], %[[Y]], %[[W]]) : {{.*}} -> (tensor<?x32xf32>, tensor<?x32xf32>) {
// CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<?x32xf32>, %[[R:.*]]: tensor<?x32xf32>, %[[V:.*]]: tensor<32xf32>):
// CHECK-NEXT:   %[[A:.*]] = r1.add %[[L]], %[[R]]
// CHECK-NEXT:   %[[N:.*]] = r1.rms_norm %[[A]], %[[V]] {epsilon = 5.000000e-01 : f64}
// CHECK-NEXT:   r1.yield %[[A]], %[[N]]
// CHECK: return %[[F]]#0, %[[F]]#1
func.func @taken(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>, %w: tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %a = r1.add %x, %y : tensor<?x32xf32>
  // expected-remark @+1 {{[Passed] residual-norm | Category:fusion | Function=taken | Remark="the sum is normalised while its row is at hand"}}
  %n = r1.rms_norm %a, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return %a, %n : tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// A fused operation that ends in an addition takes the norm in: its operations and its fusions' names stay.
// CHECK-LABEL: @after_combine
// CHECK: %[[F:.*]] = r1.fused ["combine-residual", "residual-norm"]
// CHECK: r1.combine
// CHECK-NEXT: r1.add
// CHECK-NEXT: r1.rms_norm
// CHECK-NEXT: r1.yield
// CHECK-NOT: r1.fused
// CHECK: return %[[F]]
func.func @after_combine(%y: tensor<?x2x32xf32>, %p: tensor<?x2xf32>, %r: tensor<?x32xf32>, %w: tensor<32xf32>) -> tensor<?x32xf32> {
  %f = r1.fused ["combine-residual"](%y, %p, %r) : (tensor<?x2x32xf32>, tensor<?x2xf32>, tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x2x32xf32>, %b: tensor<?x2xf32>, %c: tensor<?x32xf32>):
    %d = r1.combine %a, %b : (tensor<?x2x32xf32>, tensor<?x2xf32>) -> tensor<?x32xf32>
    %e = r1.add %c, %d : tensor<?x32xf32>
    r1.yield %e : tensor<?x32xf32>
  }
  // expected-remark @+1 {{[Passed] residual-norm}}
  %n = r1.rms_norm %f, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return %n : tensor<?x32xf32>
}

// -----

// Refused: the first norm of a model reads the embedding, the last one gathered rows.
// CHECK-LABEL: @no_addition
// CHECK-NOT: r1.fused
func.func @no_addition(%ids: tensor<?xi32>, %table: tensor<512x32xbf16>, %w: tensor<32xf32>) -> (tensor<?x32xf32>, tensor<?x32xf32>) {
  %x = r1.embed %ids, %table : (tensor<?xi32>, tensor<512x32xbf16>) -> tensor<?x32xf32>
  // expected-remark @+1 {{[Missed] residual-norm | Category:fusion | Function=no_addition | Remark="no addition feeds this norm"}}
  %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %g = r1.gather_rows %x, %ids : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  // expected-remark @+1 {{[Missed] residual-norm | Category:fusion | Function=no_addition | Remark="no addition feeds this norm"}}
  %m = r1.rms_norm %g, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return %n, %m : tensor<?x32xf32>, tensor<?x32xf32>
}

// -----

// Left alone without a word: the norm of a projection (q_a_layernorm) has no residual by its nature.
// CHECK-LABEL: @projection
// CHECK-NOT: r1.fused
func.func @projection(%x: tensor<?x32xbf16>, %p: tensor<32x32xbf16>, %w: tensor<32xf32>) -> tensor<?x32xf32> {
  %y = r1.linear %x, %p : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32>
  %n = r1.rms_norm %y, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return %n : tensor<?x32xf32>
}
