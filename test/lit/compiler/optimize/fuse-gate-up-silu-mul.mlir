// gate, up and silu(gate) * up become one r1.fused, for dense layers and for experts; only the product leaves it.
// RUN: r1-opt %s --r1-fuse-gate-up-silu-mul --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

// CHECK-LABEL: @dense
// CHECK: %[[F:.*]] = r1.fused ["gate-up-silu-mul"](%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?x32xbf16>, tensor<48x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32> {
// CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<?x32xbf16>, %[[A:.*]]: tensor<48x32xbf16>, %[[B:.*]]: tensor<48x32xbf16>):
// CHECK-NEXT:   %[[G:.*]] = r1.linear %[[X]], %[[A]]
// CHECK-NEXT:   %[[U:.*]] = r1.linear %[[X]], %[[B]]
// CHECK-NEXT:   %[[Y:.*]] = r1.silu_mul %[[G]], %[[U]]
// CHECK-NEXT:   r1.yield %[[Y]]
// CHECK: return %[[F]]
func.func @dense(%x: tensor<?x32xbf16>, %a: tensor<48x32xbf16>, %b: tensor<48x32xbf16>) -> tensor<?x48xf32> {
  %gate = r1.linear %x, %a : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  %up = r1.linear %x, %b : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  // expected-remark @+1 {{[Passed] gate-up-silu-mul | Category:fusion | Function=dense | Remark="gate and up stay in registers; their weights are interleaved in blocks of 16 rows"}}
  %y = r1.silu_mul %gate, %up : tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// -----

// CHECK-LABEL: @experts
// CHECK: r1.fused ["gate-up-silu-mul"]
// CHECK: r1.expert_linear
// CHECK: r1.expert_linear
// CHECK: r1.silu_mul
// CHECK: r1.yield
func.func @experts(%x: tensor<?x32xbf16>, %ids: tensor<?x2xi32>, %a: tensor<8x48x32xbf16>, %b: tensor<8x48x32xbf16>) -> tensor<?x2x48xf32> {
  %gate = r1.expert_linear %x, %ids, %a : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x48x32xbf16>) -> tensor<?x2x48xf32>
  %up = r1.expert_linear %x, %ids, %b : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x48x32xbf16>) -> tensor<?x2x48xf32>
  // expected-remark @+1 {{[Passed] gate-up-silu-mul}}
  %y = r1.silu_mul %gate, %up : tensor<?x2x48xf32>
  return %y : tensor<?x2x48xf32>
}

// -----

// Refused: the kernel reads one list of experts.
// CHECK-LABEL: @other_experts
// CHECK-NOT: r1.fused
func.func @other_experts(%x: tensor<?x32xbf16>, %i: tensor<?x2xi32>, %j: tensor<?x2xi32>, %w: tensor<8x48x32xbf16>) -> tensor<?x2x48xf32> {
  %gate = r1.expert_linear %x, %i, %w : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x48x32xbf16>) -> tensor<?x2x48xf32>
  %up = r1.expert_linear %x, %j, %w : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x48x32xbf16>) -> tensor<?x2x48xf32>
  // expected-remark @+1 {{[Missed] gate-up-silu-mul | Category:fusion | Function=other_experts | Remark="gate and up differ in input, experts, type or readers"}}
  %y = r1.silu_mul %gate, %up : tensor<?x2x48xf32>
  return %y : tensor<?x2x48xf32>
}

// -----

// Refused: two inputs, and a gate that somebody else reads.
// CHECK-LABEL: @other_input
// CHECK-NOT: r1.fused
func.func @other_input(%x: tensor<?x32xbf16>, %z: tensor<?x32xbf16>, %w: tensor<48x32xbf16>) -> (tensor<?x48xf32>, tensor<?x48xf32>, tensor<?x48xf32>) {
  %gate = r1.linear %x, %w : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  %up = r1.linear %z, %w : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  // expected-remark @+1 {{gate and up differ in input, experts, type or readers}}
  %y = r1.silu_mul %gate, %up : tensor<?x48xf32>
  %more = r1.linear %z, %w : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  %again = r1.linear %z, %w : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  // expected-remark @+1 {{gate and up differ in input, experts, type or readers}}
  %q = r1.silu_mul %more, %again : tensor<?x48xf32>
  return %y, %q, %more : tensor<?x48xf32>, tensor<?x48xf32>, tensor<?x48xf32>
}
