// Every constraint on weights, row operations, casts and slices is refused with its label, what was found, and what fits.
// RUN: r1-opt %s --verify-diagnostics --split-input-file

// expected-error @+1 {{cache needs positive layers, kv_lora and rope, found 0, 8, 4}}
func.func private @cache_type(!r1.cache<layers = 0, kv_lora = 8, rope = 4>)

// -----

func.func @expert_weight_c1() {
  // expected-error @+1 {{expert_weight_c1: expected a result [experts, out, in], found 'tensor<16x32xbf16>'}}
  %w = r1.expert_weight "experts." ".weight" : tensor<16x32xbf16>
  return
}

// -----

func.func @concat_rows_c1(%a: tensor<16x32xbf16>, %b: tensor<16x24xbf16>) {
  // expected-error @+1 {{concat_rows_c1: 'tensor<16x24xbf16>' cannot be rows of 'tensor<32x32xbf16>'}}
  %w = r1.concat_rows %a, %b : tensor<16x32xbf16>, tensor<16x24xbf16> -> tensor<32x32xbf16>
  return
}

// -----

func.func @concat_rows_c1_type(%a: tensor<16x32xbf16>, %b: tensor<16x32xf32>) {
  // expected-error @+1 {{concat_rows_c1: 'tensor<16x32xf32>' cannot be rows of 'tensor<32x32xbf16>'}}
  %w = r1.concat_rows %a, %b : tensor<16x32xbf16>, tensor<16x32xf32> -> tensor<32x32xbf16>
  return
}

// -----

func.func @concat_rows_c2(%a: tensor<16x32xbf16>) {
  // expected-error @+1 {{concat_rows_c2: the operands have 32 rows, the result is 'tensor<48x32xbf16>'}}
  %w = r1.concat_rows %a, %a : tensor<16x32xbf16>, tensor<16x32xbf16> -> tensor<48x32xbf16>
  return
}

// -----

func.func @embed_c1(%ids: tensor<?xi32>, %table: tensor<512x32xbf16>) {
  // expected-error @+1 {{embed_c1: the table has 32 columns, the result 64}}
  %x = r1.embed %ids, %table : (tensor<?xi32>, tensor<512x32xbf16>) -> tensor<?x64xf32>
  return
}

// -----

func.func @rms_norm_c1(%x: tensor<?x32xf32>, %w: tensor<16xf32>) {
  // expected-error @+1 {{rms_norm_c1: expected a weight of 32 elements, found 'tensor<16xf32>'}}
  %y = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<16xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c1_result(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @+1 {{rms_norm_c1: the result has 16 columns, x 32}}
  %y = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @rms_norm_c2_zero(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @+1 {{rms_norm_c2: epsilon must be positive and finite, found 0}}
  %y = r1.rms_norm %x, %w {epsilon = 0.0 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c2_nan(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @+1 {{rms_norm_c2: epsilon must be positive and finite}}
  %y = r1.rms_norm %x, %w {epsilon = 0x7FF8000000000000 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @rms_norm_c2_infinite(%x: tensor<?x32xf32>, %w: tensor<32xf32>) {
  // expected-error @+1 {{rms_norm_c2: epsilon must be positive and finite}}
  %y = r1.rms_norm %x, %w {epsilon = 0x7FF0000000000000 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @add_types(%x: tensor<?x32xf32>, %y: tensor<?x32xbf16>) {
  // expected-note @-1 {{prior use here}}
  // expected-error @+1 {{expects different type than prior uses}}
  %z = r1.add %x, %y : tensor<?x32xf32>
  return
}

// -----

func.func @cast_c1(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{cast_c1: shapes differ: 'tensor<?x32xf32>' and 'tensor<?x16xbf16>'}}
  %y = r1.cast %x : (tensor<?x32xf32>) -> tensor<?x16xbf16>
  return
}

// -----

func.func @slice_c1(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{slice_c1: columns [20, 36) of 'tensor<?x32xf32>' as 'tensor<?x16xf32>'}}
  %y = r1.slice %x[20] : (tensor<?x32xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @slice_c1_negative(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{slice_c1: columns [-1, 15) of}}
  %y = r1.slice %x[-1] : (tensor<?x32xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @slice_c1_type(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{slice_c1: columns [0, 16) of 'tensor<?x32xf32>' as 'tensor<?x16xbf16>'}}
  %y = r1.slice %x[0] : (tensor<?x32xf32>) -> tensor<?x16xbf16>
  return
}

// -----

func.func @concat_columns_c1(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{concat_columns_c1: operands of 64 columns in all cannot give 'tensor<?x65xf32>'}}
  %y = r1.concat_columns %x, %x : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x65xf32>
  return
}

// -----

func.func @concat_columns_c1_type(%x: tensor<?x32xf32>, %b: tensor<?x32xbf16>) {
  // expected-error @+1 {{concat_columns_c1: operands of 64 columns in all cannot give 'tensor<?x64xf32>'}}
  %y = r1.concat_columns %x, %b : (tensor<?x32xf32>, tensor<?x32xbf16>) -> tensor<?x64xf32>
  return
}

// -----

func.func @gather_rows_c1(%x: tensor<?x32xf32>, %rows: tensor<?xi32>) {
  // expected-error @+1 {{gather_rows_c1: cannot gather rows of 'tensor<?x32xf32>' as 'tensor<?x16xf32>'}}
  %y = r1.gather_rows %x, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @fused_c1_arguments(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{fused_c1: the body's arguments and results must have the types of the operands and results}}
  %y = r1.fused ["a"](%x) : (tensor<?x32xf32>) -> tensor<?x32xf32> {
  ^bb0(%a: tensor<?x32xbf16>):
    %b = r1.cast %a : (tensor<?x32xbf16>) -> tensor<?x32xf32>
    r1.yield %b : tensor<?x32xf32>
  }
  return
}

// -----

func.func @fused_c1_results(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{fused_c1: the body's arguments and results must have the types of the operands and results}}
  %y = r1.fused ["a"](%x) : (tensor<?x32xf32>) -> tensor<?x32xbf16> {
  ^bb0(%a: tensor<?x32xf32>):
    r1.yield %a : tensor<?x32xf32>
  }
  return
}

// -----

func.func @yield_outside(%x: tensor<?x32xf32>) {
  // expected-error @+1 {{expects parent op 'r1.fused'}}
  r1.yield %x : tensor<?x32xf32>
}

// -----

func.func @sample_c1(%l: tensor<?x32xf32>, %o: tensor<?x3xi32>, %d: tensor<?x2xi32>) -> tensor<?xi32> {
  // expected-error @+1 {{sample_c1: expected options [R, 4] and draws [R, 2], found 'tensor<?x3xi32>' and 'tensor<?x2xi32>'}}
  %i = r1.sample %l, %o, %d : (tensor<?x32xf32>, tensor<?x3xi32>, tensor<?x2xi32>) -> tensor<?xi32>
  return %i : tensor<?xi32>
}

// -----

func.func @sample_c2(%l: tensor<?x8388608xf32>, %o: tensor<?x4xi32>, %d: tensor<?x2xi32>) -> tensor<?xi32> {
  // expected-error @+1 {{sample_c2: a row has 8388608 logits, expected fewer than 2^23}}
  %i = r1.sample %l, %o, %d : (tensor<?x8388608xf32>, tensor<?x4xi32>, tensor<?x2xi32>) -> tensor<?xi32>
  return %i : tensor<?xi32>
}
