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

// -----

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// Queries of every token, but rows of some.
func.func @queries_and_rows(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>,
                            %c: !cache, %q: tensor<?x144xbf16>) -> tensor<?x48xbf16> attributes {r1.entry = "prefill", r1.max_tokens = 4} {
  %kv_b = r1.weight "kv_b" : tensor<128x64xbf16>
  // expected-error @+1 {{has queries of all tokens and rows of some, or the other way round}}
  %o = r1.attention %q, %kv_b, %c, %p rows %rows {heads = 2, layer = 1, nope = 40, scale = 0.25 : f64, v = 24}
      : (tensor<?x144xbf16>, tensor<128x64xbf16>, !cache, tensor<?xi32>, tensor<?xi32>) -> tensor<?x48xbf16>
  return %o : tensor<?x48xbf16>
}
