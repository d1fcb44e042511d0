// Every constraint on linear layers, experts and the router is refused with its label, what was found, and what fits.
// RUN: r1-opt %s --verify-diagnostics --split-input-file

func.func @linear_c1_in(%x: tensor<?x32xbf16>, %w: tensor<16x64xbf16>) {
  // expected-error @+1 {{linear_c1: 'tensor<?x32xbf16>' times 'tensor<16x64xbf16>' transposed cannot give 'tensor<?x16xf32>'}}
  %y = r1.linear %x, %w : (tensor<?x32xbf16>, tensor<16x64xbf16>) -> tensor<?x16xf32>
  return
}

// -----

func.func @linear_c1_out(%x: tensor<?x32xbf16>, %w: tensor<16x32xbf16>) {
  // expected-error @+1 {{linear_c1: 'tensor<?x32xbf16>' times 'tensor<16x32xbf16>' transposed cannot give 'tensor<?x32xf32>'}}
  %y = r1.linear %x, %w : (tensor<?x32xbf16>, tensor<16x32xbf16>) -> tensor<?x32xf32>
  return
}

// -----

func.func @quantize_rows_c1(%x: tensor<?x200xbf16>) {
  // expected-error @+1 {{quantize_rows_c1: 'tensor<?x200xbf16>' became 'tensor<?x256xf8E4M3FN>'}}
  %y, %s = r1.quantize_rows %x : (tensor<?x200xbf16>) -> (tensor<?x256xf8E4M3FN>, tensor<?x2xf32>)
  return
}

// -----

func.func @quantize_rows_c2(%x: tensor<?x200xbf16>) {
  // expected-error @+1 {{quantize_rows_c2: the scale of 'tensor<?x200xbf16>' has one element for each 128 columns, found 'tensor<?x1xf32>'}}
  %y, %s = r1.quantize_rows %x : (tensor<?x200xbf16>) -> (tensor<?x200xf8E4M3FN>, tensor<?x1xf32>)
  return
}

// -----

func.func @linear_c3_missing(%x: tensor<?x32xf8E4M3FN>, %w: tensor<16x32xf8E4M3FN>, %s: tensor<1x1xf32>) {
  // expected-error @+1 {{linear_c3: an x of type f8E4M3FN needs an x_scale and a weight of its type, any other must not have one; x is 'tensor<?x32xf8E4M3FN>' without an x_scale}}
  %y = r1.linear %x, %w scale %s : (tensor<?x32xf8E4M3FN>, tensor<16x32xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @linear_c3_weight(%x: tensor<?x32xf8E4M3FN>, %w: tensor<16x32xbf16>, %t: tensor<?x1xf32>) {
  // expected-error @+1 {{linear_c3: an x of type f8E4M3FN needs an x_scale and a weight of its type, any other must not have one; x is 'tensor<?x32xf8E4M3FN>' with an x_scale, the weight 'tensor<16x32xbf16>'}}
  %y = r1.linear %x, %w x_scale %t : (tensor<?x32xf8E4M3FN>, tensor<16x32xbf16>, tensor<?x1xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @linear_c3_shape(%x: tensor<?x129xf8E4M3FN>, %w: tensor<16x129xf8E4M3FN>, %s: tensor<1x2xf32>, %t: tensor<?x1xf32>) {
  // expected-error @+1 {{linear_c3: the x_scale of 'tensor<?x129xf8E4M3FN>' has one element for each 128 columns, found 'tensor<?x1xf32>'}}
  %y = r1.linear %x, %w scale %s x_scale %t : (tensor<?x129xf8E4M3FN>, tensor<16x129xf8E4M3FN>, tensor<1x2xf32>, tensor<?x1xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @expert_linear_c4(%x: tensor<?x32xbf16>, %ids: tensor<?x2xi32>, %w: tensor<4x16x32xf8E4M3FN>, %s: tensor<4x1x1xf32>, %t: tensor<?x1xf32>) {
  // expected-error @+1 {{expert_linear_c4: an x of type f8E4M3FN needs an x_scale and a weight of its type, any other must not have one; x is 'tensor<?x32xbf16>' with an x_scale}}
  %y = r1.expert_linear %x, %ids, %w scale %s x_scale %t
      : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<4x16x32xf8E4M3FN>, tensor<4x1x1xf32>, tensor<?x1xf32>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @linear_c2_missing(%x: tensor<?x32xbf16>, %w: tensor<16x32xf8E4M3FN>) {
  // expected-error @+1 {{linear_c2: a weight of type f8E4M3FN needs a scale, any other must not have one; weight is 'tensor<16x32xf8E4M3FN>' without a scale}}
  %y = r1.linear %x, %w : (tensor<?x32xbf16>, tensor<16x32xf8E4M3FN>) -> tensor<?x16xf32>
  return
}

// -----

func.func @linear_c2_superfluous(%x: tensor<?x32xbf16>, %w: tensor<16x32xbf16>, %s: tensor<1x1xf32>) {
  // expected-error @+1 {{linear_c2: a weight of type f8E4M3FN needs a scale, any other must not have one; weight is 'tensor<16x32xbf16>' with a scale}}
  %y = r1.linear %x, %w scale %s : (tensor<?x32xbf16>, tensor<16x32xbf16>, tensor<1x1xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @linear_c2_shape(%x: tensor<?x256xbf16>, %w: tensor<129x256xf8E4M3FN>, %s: tensor<1x2xf32>) {
  // expected-error @+1 {{linear_c2: the scale of 'tensor<129x256xf8E4M3FN>' has one element per 128x128 block, found 'tensor<1x2xf32>'}}
  %y = r1.linear %x, %w scale %s : (tensor<?x256xbf16>, tensor<129x256xf8E4M3FN>, tensor<1x2xf32>) -> tensor<?x129xf32>
  return
}

// -----

func.func @expert_linear_c1_rank(%x: tensor<?x32xbf16>, %ids: tensor<?x2xi32>, %w: tensor<16x32xbf16>) {
  // expected-error @+1 {{expert_linear_c1: 'tensor<?x32xbf16>' times 'tensor<16x32xbf16>' transposed cannot give 'tensor<?x2x16xf32>'}}
  %y = r1.expert_linear %x, %ids, %w : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<16x32xbf16>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @expert_linear_c1_pairs(%x: tensor<?x3x32xbf16>, %ids: tensor<?x2xi32>, %w: tensor<8x16x32xbf16>) {
  // expected-error @+1 {{expert_linear_c1: 'tensor<?x3x32xbf16>' times 'tensor<8x16x32xbf16>' transposed cannot give 'tensor<?x2x16xf32>'}}
  %y = r1.expert_linear %x, %ids, %w : (tensor<?x3x32xbf16>, tensor<?x2xi32>, tensor<8x16x32xbf16>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @expert_linear_c2(%x: tensor<?x32xbf16>, %ids: tensor<?x3xi32>, %w: tensor<8x16x32xbf16>) {
  // expected-error @+1 {{expert_linear_c2: ids 'tensor<?x3xi32>' do not name the experts of 'tensor<?x2x16xf32>'}}
  %y = r1.expert_linear %x, %ids, %w : (tensor<?x32xbf16>, tensor<?x3xi32>, tensor<8x16x32xbf16>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @expert_linear_c3_missing(%x: tensor<?x32xbf16>, %ids: tensor<?x2xi32>, %w: tensor<8x16x32xf8E4M3FN>) {
  // expected-error @+1 {{expert_linear_c3: a weight of type f8E4M3FN needs a scale}}
  %y = r1.expert_linear %x, %ids, %w : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x16x32xf8E4M3FN>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @expert_linear_c3_shape(%x: tensor<?x32xbf16>, %ids: tensor<?x2xi32>, %w: tensor<8x16x32xf8E4M3FN>, %s: tensor<4x1x1xf32>) {
  // expected-error @+1 {{expert_linear_c3: the scale of 'tensor<8x16x32xf8E4M3FN>' has one element per 128x128 block, found 'tensor<4x1x1xf32>'}}
  %y = r1.expert_linear %x, %ids, %w scale %s
      : (tensor<?x32xbf16>, tensor<?x2xi32>, tensor<8x16x32xf8E4M3FN>, tensor<4x1x1xf32>) -> tensor<?x2x16xf32>
  return
}

// -----

func.func @combine_c1(%y: tensor<?x2x32xf32>, %weights: tensor<?x3xf32>) {
  // expected-error @+1 {{combine_c1: 'tensor<?x2x32xf32>' and 'tensor<?x3xf32>' cannot give 'tensor<?x32xf32>'}}
  %z = r1.combine %y, %weights : (tensor<?x2x32xf32>, tensor<?x3xf32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @router_logits_c1(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>) {
  // expected-error @+1 {{router_logits_c1: 'tensor<?x32xf32>' times 'tensor<8x32xf32>' transposed cannot give 'tensor<?x16xf32>'}}
  %l = r1.router_logits %x, %w : (tensor<?x32xf32>, tensor<8x32xf32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @router_gate_c1_widths(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{router_gate_c1: top 2 (ids) and 3 (weights) of 8 eligible experts}}
  %i, %v = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<sigmoid>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x3xf32>)
  return
}

// -----

// Two groups of two experts are kept: the fifth best does not exist.
func.func @router_gate_c1_eligible(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{router_gate_c1: top 5 (ids) and 5 (weights) of 4 eligible experts}}
  %i, %v = r1.router_gate %l {group_score = #r1.group_score<top2_sum>, groups = 4, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<sigmoid>, topk_group = 2} : (tensor<?x8xf32>) -> (tensor<?x5xi32>, tensor<?x5xf32>)
  return
}

// -----

func.func @router_gate_c2_divides(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{router_gate_c2: 8 experts in 3 groups, 1 kept}}
  %i, %v = r1.router_gate %l {group_score = #r1.group_score<max>, groups = 3, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<sigmoid>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @router_gate_c2_kept(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{router_gate_c2: 8 experts in 4 groups, 5 kept}}
  %i, %v = r1.router_gate %l {group_score = #r1.group_score<max>, groups = 4, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<sigmoid>, topk_group = 5} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

// The sum of a group's two best needs two.
func.func @router_gate_c2_pairs(%l: tensor<?x8xf32>) {
  // expected-error @+1 {{router_gate_c2: 8 experts in 8 groups, 4 kept}}
  %i, %v = r1.router_gate %l {group_score = #r1.group_score<top2_sum>, groups = 8, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<sigmoid>, topk_group = 4} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

func.func @router_gate_c3(%l: tensor<?x8xf32>, %bias: tensor<4xf32>) {
  // expected-error @+1 {{router_gate_c3: expected a bias of 8 elements, found 'tensor<4xf32>'}}
  %i, %v = r1.router_gate %l bias %bias {group_score = #r1.group_score<none>, groups = 1, normalize = true, scale = 1.0 : f64,
      scoring = #r1.scoring<sigmoid>, topk_group = 1} : (tensor<?x8xf32>, tensor<4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}
