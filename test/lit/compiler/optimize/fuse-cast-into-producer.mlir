// A rounding joins the operation or r1.fused that computes its value; a value read both ways gets two results.
// RUN: r1-opt %s --r1-fuse-cast-into-producer --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

// CHECK-LABEL: @single
// CHECK: %[[F:.*]]:2 = r1.fused ["cast-into-producer"](%{{.*}}, %{{.*}}) : {{.*}} -> (tensor<?x32xf32>, tensor<?x32xbf16>) {
// CHECK:   %[[A:.*]] = r1.add
// CHECK-NEXT:   %[[C:.*]] = r1.cast %[[A]]
// CHECK-NEXT:   r1.yield %[[A]], %[[C]]
// CHECK: return %[[F]]#0, %[[F]]#1
func.func @single(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xbf16>) {
  %a = r1.add %x, %y : tensor<?x32xf32>
  // expected-remark @+1 {{[Passed] cast-into-producer | Category:fusion | Function=single | Remark="rounded where 'r1.add' stores"}}
  %b = r1.cast %a : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  return %a, %b : tensor<?x32xf32>, tensor<?x32xbf16>
}

// -----

// A group stays one group, and its fusions keep their names.
// CHECK-LABEL: @group
// CHECK: r1.fused ["residual-norm", "cast-into-producer"]
// CHECK: r1.add
// CHECK-NEXT: r1.rms_norm
// CHECK-NEXT: r1.cast
// CHECK-NEXT: r1.yield
// CHECK-NOT: r1.cast
func.func @group(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>, %w: tensor<32xf32>) -> tensor<?x32xbf16> {
  %n = r1.fused ["residual-norm"](%x, %y, %w) : (tensor<?x32xf32>, tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<?x32xf32>, %v: tensor<32xf32>):
    %s = r1.add %a, %b : tensor<?x32xf32>
    %m = r1.rms_norm %s, %v {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
    r1.yield %m : tensor<?x32xf32>
  }
  // expected-remark @+1 {{[Passed] cast-into-producer | Category:fusion | Function=group | Remark="rounded where 'r1.fused' stores"}}
  %c = r1.cast %n : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  return %c : tensor<?x32xbf16>
}

// -----

// Refused: the table's kernel writes its result itself, and a step's input has no kernel at all.
// CHECK-LABEL: @no_hole
// CHECK-NOT: r1.fused
func.func @no_hole(%p: tensor<?xi32>, %x: tensor<?x2xf32>) -> (tensor<?x2xbf16>, tensor<?x2xbf16>) {
  %t = r1.rope_table %p {inv_freq = array<f32: 1.0>, scale = 1.0 : f64} : (tensor<?xi32>) -> tensor<?x2xf32>
  // expected-remark @+1 {{[Missed] cast-into-producer | Category:fusion | Function=no_hole | Remark="the producer 'r1.rope_table' stores without a hole"}}
  %a = r1.cast %t : (tensor<?x2xf32>) -> tensor<?x2xbf16>
  // expected-remark @+1 {{[Missed] cast-into-producer | Category:fusion | Function=no_hole | Remark="the value is an input of the step"}}
  %b = r1.cast %x : (tensor<?x2xf32>) -> tensor<?x2xbf16>
  return %a, %b : tensor<?x2xbf16>, tensor<?x2xbf16>
}
