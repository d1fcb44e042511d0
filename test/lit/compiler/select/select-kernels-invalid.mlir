// A group that no skeleton computes is an error at that operation, which says what does not fit or what to switch off.
// RUN: r1-opt %s --r1-select-kernels --verify-diagnostics --split-input-file

// A rotation is no element-wise operation: it cannot stand in the hole of a row kernel.
func.func @rope_in_rows(%x: tensor<?x32xf32>, %t: tensor<?x32xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 4} {
  %f = r1.fused ["mine"](%x, %t) : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>, %b: tensor<?x32xf32>):
    // expected-error @+1 {{cannot be computed element by element inside this kernel; switch the fusion off that put it there}}
    %r = r1.rope %a, %b {heads = 1, interleaved = true, offset = 0} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    %s = r1.add %a, %r : tensor<?x32xf32>
    r1.yield %s : tensor<?x32xf32>
  }
  return %f : tensor<?x32xf32>
}

// -----

func.func @two_norms(%x: tensor<?x32xf32>) -> tensor<?x32xf32> attributes {r1.max_tokens = 4} {
  %w = r1.weight "norm" : tensor<32xbf16>
  // expected-error @+1 {{holds two norms; a row kernel reduces once}}
  %f = r1.fused ["mine"](%x, %w) : (tensor<?x32xf32>, tensor<32xbf16>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xf32>, %v: tensor<32xbf16>):
    %n = r1.rms_norm %a, %v {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xbf16>) -> tensor<?x32xf32>
    %m = r1.rms_norm %n, %v {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xbf16>) -> tensor<?x32xf32>
    r1.yield %m : tensor<?x32xf32>
  }
  return %f : tensor<?x32xf32>
}

// -----

func.func @two_inputs(%x: tensor<?x32xbf16>, %y: tensor<?x32xbf16>) -> tensor<?x32xf32> attributes {r1.max_tokens = 4} {
  %w = r1.weight "w" : tensor<32x32xbf16>
  // expected-error @+1 {{holds linear layers that no kernel computes together}}
  %f = r1.fused ["mine"](%x, %y, %w) : (tensor<?x32xbf16>, tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xbf16>, %b: tensor<?x32xbf16>, %v: tensor<32x32xbf16>):
    %g = r1.linear %a, %v : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32>
    %u = r1.linear %b, %v : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32>
    %s = r1.add %g, %u : tensor<?x32xf32>
    r1.yield %s : tensor<?x32xf32>
  }
  return %f : tensor<?x32xf32>
}

// -----

func.func @add_before_linear(%x: tensor<?x32xbf16>) -> tensor<?x32xf32> attributes {r1.max_tokens = 4} {
  %w = r1.weight "w" : tensor<32x32xbf16>
  // expected-error @+1 {{computes the input of its linear layer by something other than a norm}}
  %f = r1.fused ["mine"](%x, %w) : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xbf16>, %v: tensor<32x32xbf16>):
    %s = r1.add %a, %a : tensor<?x32xbf16>
    %y = r1.linear %s, %v : (tensor<?x32xbf16>, tensor<32x32xbf16>) -> tensor<?x32xf32>
    r1.yield %y : tensor<?x32xf32>
  }
  return %f : tensor<?x32xf32>
}

// -----

// Multi-token prediction's concatenation has no kernel yet.
func.func @no_kernel(%x: tensor<?x32xf32>) -> tensor<?x64xf32> attributes {r1.max_tokens = 4} {
  // expected-error @+1 {{has no kernel}}
  %y = r1.concat_columns %x, %x : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return %y : tensor<?x64xf32>
}
