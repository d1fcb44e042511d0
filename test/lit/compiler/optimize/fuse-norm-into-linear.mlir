// Decode: a norm (and the rounding behind it) with one linear layer as its only reader moves into that layer's r1.fused.
// RUN: r1-opt %s --r1-fuse-norm-into-linear --remark-format=emitRemark --remarks-filter=".*" --verify-diagnostics --split-input-file | FileCheck %s

// CHECK-LABEL: @decode
// CHECK: %[[F:.*]] = r1.fused ["norm-into-linear"](%{{.*}}, %{{.*}}, %{{.*}}) : (tensor<?x32xf32>, tensor<32xf32>, tensor<48x32xbf16>) -> tensor<?x48xf32> {
// CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<?x32xf32>, %[[W:.*]]: tensor<32xf32>, %[[P:.*]]: tensor<48x32xbf16>):
// CHECK-NEXT:   %[[N:.*]] = r1.rms_norm %[[X]], %[[W]]
// CHECK-NEXT:   %[[B:.*]] = r1.cast %[[N]] : (tensor<?x32xf32>) -> tensor<?x32xbf16>
// CHECK-NEXT:   %[[Y:.*]] = r1.linear %[[B]], %[[P]]
// CHECK-NEXT:   r1.yield %[[Y]]
// CHECK: return %[[F]]
func.func @decode(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %p: tensor<48x32xbf16>) -> tensor<?x48xf32> {
  // expected-remark @+1 {{[Passed] norm-into-linear | Category:fusion | Function=decode | Remark="each thread normalises its rows while it stages them"}}
  %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %b = r1.cast %n : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  %y = r1.linear %b, %p : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// -----

// Refused in prefill: with many rows every block of columns would repeat the norm.
// CHECK-LABEL: @prefill
// CHECK-NOT: r1.fused
func.func @prefill(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %p: tensor<48x32xbf16>) -> tensor<?x48xf32> {
  // expected-remark @+1 {{[Missed] norm-into-linear | Category:fusion | Function=prefill | Remark="every block of columns would normalise all rows again"}}
  %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %b = r1.cast %n : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  %y = r1.linear %b, %p : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}

// -----

// Refused: two layers read the norm; one of them would still need it in memory.
// CHECK-LABEL: @decode
// CHECK-NOT: r1.fused
func.func @decode(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %p: tensor<48x32xbf16>, %q: tensor<16x32xbf16>) -> (tensor<?x48xf32>, tensor<?x16xf32>) {
  // expected-remark @+1 {{[Missed] norm-into-linear | Category:fusion | Function=decode | Remark="the norm has several readers"}}
  %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %b = r1.cast %n : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  %y = r1.linear %b, %p : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
  %z = r1.linear %b, %q : (tensor<?x32xbf16>, tensor<16x32xbf16>) -> tensor<?x16xf32>
  return %y, %z : tensor<?x48xf32>, tensor<?x16xf32>
}

// -----

// Refused: the only reader is gate and up in one kernel already.
// CHECK-LABEL: @decode
// CHECK: r1.rms_norm
// CHECK: r1.fused ["gate-up-silu-mul"]
func.func @decode(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %p: tensor<48x32xbf16>, %q: tensor<48x32xbf16>) -> tensor<?x48xf32> {
  // expected-remark @+1 {{[Missed] norm-into-linear | Category:fusion | Function=decode | Remark="the reader is one kernel for several linear layers"}}
  %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %b = r1.cast %n : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  %f = r1.fused ["gate-up-silu-mul"](%b, %p, %q) : (tensor<?x32xbf16>, tensor<48x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32> {
  ^bb0(%a: tensor<?x32xbf16>, %r: tensor<48x32xbf16>, %s: tensor<48x32xbf16>):
    %g = r1.linear %a, %r : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
    %u = r1.linear %a, %s : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
    %y = r1.silu_mul %g, %u : tensor<?x48xf32>
    r1.yield %y : tensor<?x48xf32>
  }
  return %f : tensor<?x48xf32>
}

// -----

// Refused on a GPU, in decode too: blocks are many, and each would normalise the rows again.
// CHECK-LABEL: @decode
// CHECK-NOT: r1.fused
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @decode(%x: tensor<?x32xf32>, %w: tensor<32xf32>, %p: tensor<48x32xbf16>) -> tensor<?x48xf32> {
    // expected-remark @+1 {{[Missed] norm-into-linear | Category:fusion | Function=decode | Remark="a GPU's blocks are many and would each read and normalise the rows again"}}
    %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
    %b = r1.cast %n : (tensor<?x32xf32>) -> tensor<?x32xbf16>
    %y = r1.linear %b, %p : (tensor<?x32xbf16>, tensor<48x32xbf16>) -> tensor<?x48xf32>
    return %y : tensor<?x48xf32>
  }
}
