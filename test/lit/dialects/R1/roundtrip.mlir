// Every operation, type and attribute of the r1 dialect prints what it reads: parsed, printed and parsed again, nothing changes.
// RUN: r1-opt %s | r1-opt | FileCheck %s
// RUN: r1-opt %s --mlir-print-op-generic | r1-opt | FileCheck %s

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// CHECK-LABEL: @weights
func.func @weights() -> (tensor<8x16x32xf8E4M3FN>, tensor<48x32xbf16>) {
  // CHECK: %[[A:.*]] = r1.weight "a.weight" : tensor<16x32xbf16>
  %a = r1.weight "a.weight" : tensor<16x32xbf16>
  // CHECK: %[[B:.*]] = r1.weight "b.weight" : tensor<32x32xbf16>
  %b = r1.weight "b.weight" : tensor<32x32xbf16>
  // CHECK: r1.expert_weight "experts." ".up_proj.weight" : tensor<8x16x32xf8E4M3FN>
  %e = r1.expert_weight "experts." ".up_proj.weight" : tensor<8x16x32xf8E4M3FN>
  // CHECK: r1.concat_rows %[[A]], %[[B]] : tensor<16x32xbf16>, tensor<32x32xbf16> -> tensor<48x32xbf16>
  %c = r1.concat_rows %a, %b : tensor<16x32xbf16>, tensor<32x32xbf16> -> tensor<48x32xbf16>
  return %e, %c : tensor<8x16x32xf8E4M3FN>, tensor<48x32xbf16>
}

// CHECK-LABEL: @rows
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<?xi32>, %[[TABLE:[a-z0-9]+]]: tensor<512x32xbf16>, %[[W:[a-z0-9]+]]: tensor<32xf32>
func.func @rows(%ids: tensor<?xi32>, %table: tensor<512x32xbf16>, %w: tensor<32xf32>) -> (tensor<?x8xbf16>, tensor<?x64xf32>) {
  // CHECK: %[[X:.*]] = r1.embed %[[IDS]], %[[TABLE]] : (tensor<?xi32>, tensor<512x32xbf16>) -> tensor<?x32xf32>
  %x = r1.embed %ids, %table : (tensor<?xi32>, tensor<512x32xbf16>) -> tensor<?x32xf32>
  // CHECK: %[[N:.*]] = r1.rms_norm %[[X]], %[[W]] {epsilon = 5.000000e-01 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  %n = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x32xf32>, tensor<32xf32>) -> tensor<?x32xf32>
  // CHECK: %[[S:.*]] = r1.add %[[X]], %[[N]] : tensor<?x32xf32>
  %s = r1.add %x, %n : tensor<?x32xf32>
  // CHECK: %[[G:.*]] = r1.silu_mul %[[X]], %[[S]] : tensor<?x32xf32>
  %g = r1.silu_mul %x, %s : tensor<?x32xf32>
  // CHECK: %[[C:.*]] = r1.cast %[[G]] : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  %c = r1.cast %g : (tensor<?x32xf32>) -> tensor<?x32xbf16>
  // CHECK: r1.slice %[[C]][24] : (tensor<?x32xbf16>) -> tensor<?x8xbf16>
  %t = r1.slice %c[24] : (tensor<?x32xbf16>) -> tensor<?x8xbf16>
  // CHECK: %[[K:.*]] = r1.concat_columns %[[X]], %[[G]] : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  %k = r1.concat_columns %x, %g : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  // CHECK: r1.gather_rows %[[K]], %[[IDS]] : (tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x64xf32>
  %r = r1.gather_rows %k, %ids : (tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x64xf32>
  return %t, %r : tensor<?x8xbf16>, tensor<?x64xf32>
}

// CHECK-LABEL: @quantised
func.func @quantised(%x: tensor<?x200xbf16>, %w: tensor<384x200xf8E4M3FN>, %scale: tensor<3x2xf32>, %ids: tensor<?x2xi32>,
                     %experts: tensor<8x200x200xf8E4M3FN>, %scales: tensor<8x2x2xf32>) -> (tensor<?x384xf32>, tensor<?x2x200xf32>) {
  // CHECK: %[[Q:.*]], %[[T:.*]] = r1.quantize_rows %{{.*}} : (tensor<?x200xbf16>) -> (tensor<?x200xf8E4M3FN>, tensor<?x2xf32>)
  %q, %t = r1.quantize_rows %x : (tensor<?x200xbf16>) -> (tensor<?x200xf8E4M3FN>, tensor<?x2xf32>)
  // CHECK: r1.linear %[[Q]], %{{.*}} scale %{{.*}} x_scale %[[T]] : (tensor<?x200xf8E4M3FN>, tensor<384x200xf8E4M3FN>, tensor<3x2xf32>, tensor<?x2xf32>) -> tensor<?x384xf32>
  %a = r1.linear %q, %w scale %scale x_scale %t
      : (tensor<?x200xf8E4M3FN>, tensor<384x200xf8E4M3FN>, tensor<3x2xf32>, tensor<?x2xf32>) -> tensor<?x384xf32>
  // CHECK: %[[Y:.*]] = r1.expert_linear %[[Q]], %{{.*}}, %{{.*}} scale %{{.*}} x_scale %[[T]]
  %y = r1.expert_linear %q, %ids, %experts scale %scales x_scale %t
      : (tensor<?x200xf8E4M3FN>, tensor<?x2xi32>, tensor<8x200x200xf8E4M3FN>, tensor<8x2x2xf32>, tensor<?x2xf32>) -> tensor<?x2x200xbf16>
  // CHECK: %[[R:.*]], %[[U:.*]] = r1.quantize_rows %[[Y]] ue8m0 : (tensor<?x2x200xbf16>) -> (tensor<?x2x200xf8E4M3FN>, tensor<?x2x2xf32>)
  %r, %u = r1.quantize_rows %y ue8m0 : (tensor<?x2x200xbf16>) -> (tensor<?x2x200xf8E4M3FN>, tensor<?x2x2xf32>)
  // CHECK: r1.expert_linear %[[R]], %{{.*}}, %{{.*}} scale %{{.*}} x_scale %[[U]]
  %z = r1.expert_linear %r, %ids, %experts scale %scales x_scale %u
      : (tensor<?x2x200xf8E4M3FN>, tensor<?x2xi32>, tensor<8x200x200xf8E4M3FN>, tensor<8x2x2xf32>, tensor<?x2x2xf32>) -> tensor<?x2x200xf32>
  return %a, %z : tensor<?x384xf32>, tensor<?x2x200xf32>
}

// CHECK-LABEL: @linears
func.func @linears(%x: tensor<?x256xbf16>, %plain: tensor<384x256xbf16>, %w: tensor<384x256xf8E4M3FN>, %scale: tensor<3x2xf32>,
                   %ids: tensor<?x2xi32>, %weights: tensor<?x2xf32>, %experts: tensor<8x256x256xf8E4M3FN>,
                   %scales: tensor<8x2x2xf32>) -> (tensor<?x384xf32>, tensor<?x384xf32>, tensor<?x256xf32>) {
  // CHECK: r1.linear %{{.*}}, %{{.*}} : (tensor<?x256xbf16>, tensor<384x256xbf16>) -> tensor<?x384xf32>
  %a = r1.linear %x, %plain : (tensor<?x256xbf16>, tensor<384x256xbf16>) -> tensor<?x384xf32>
  // CHECK: r1.linear %{{.*}}, %{{.*}} scale %{{.*}} : (tensor<?x256xbf16>, tensor<384x256xf8E4M3FN>, tensor<3x2xf32>) -> tensor<?x384xf32>
  %b = r1.linear %x, %w scale %scale : (tensor<?x256xbf16>, tensor<384x256xf8E4M3FN>, tensor<3x2xf32>) -> tensor<?x384xf32>
  // Rank 2 input: every expert reads the token's row.
  // CHECK: %[[Y:.*]] = r1.expert_linear %{{.*}}, %[[IDS:.*]], %[[E:.*]] scale %[[S:.*]] : (tensor<?x256xbf16>, tensor<?x2xi32>, tensor<8x256x256xf8E4M3FN>, tensor<8x2x2xf32>) -> tensor<?x2x256xbf16>
  %y = r1.expert_linear %x, %ids, %experts scale %scales
      : (tensor<?x256xbf16>, tensor<?x2xi32>, tensor<8x256x256xf8E4M3FN>, tensor<8x2x2xf32>) -> tensor<?x2x256xbf16>
  // Rank 3 input: one row for every pair.
  // CHECK: %[[Z:.*]] = r1.expert_linear %[[Y]], %[[IDS]], %[[E]] scale %[[S]] : (tensor<?x2x256xbf16>, tensor<?x2xi32>, tensor<8x256x256xf8E4M3FN>, tensor<8x2x2xf32>) -> tensor<?x2x256xf32>
  %z = r1.expert_linear %y, %ids, %experts scale %scales
      : (tensor<?x2x256xbf16>, tensor<?x2xi32>, tensor<8x256x256xf8E4M3FN>, tensor<8x2x2xf32>) -> tensor<?x2x256xf32>
  // CHECK: r1.combine %[[Z]], %{{.*}} : (tensor<?x2x256xf32>, tensor<?x2xf32>) -> tensor<?x256xf32>
  %c = r1.combine %z, %weights : (tensor<?x2x256xf32>, tensor<?x2xf32>) -> tensor<?x256xf32>
  return %a, %b, %c : tensor<?x384xf32>, tensor<?x384xf32>, tensor<?x256xf32>
}

// CHECK-LABEL: @router
func.func @router(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>, %bias: tensor<8xf32>)
    -> (tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<?x4xf32>) {
  // CHECK: %[[L:.*]] = r1.router_logits %{{.*}}, %{{.*}} : (tensor<?x32xf32>, tensor<8x32xf32>) -> tensor<?x8xf32>
  %l = r1.router_logits %x, %w : (tensor<?x32xf32>, tensor<8x32xf32>) -> tensor<?x8xf32>
  // CHECK: r1.router_gate %[[L]] bias %{{.*}} {group_score = #r1.group_score<top2_sum>, groups = 4 : i64, normalize = true, scale = 2.500000e+00 : f64, scoring = #r1.scoring<sigmoid>, topk_group = 2 : i64} : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %i, %v = r1.router_gate %l bias %bias {group_score = #r1.group_score<top2_sum>, groups = 4, normalize = true, scale = 2.5 : f64,
      scoring = #r1.scoring<sigmoid>, topk_group = 2} : (tensor<?x8xf32>, tensor<8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: r1.router_gate %[[L]] {group_score = #r1.group_score<none>, groups = 1 : i64, normalize = false, scale = 1.000000e+00 : f64, scoring = #r1.scoring<softmax>, topk_group = 1 : i64} : (tensor<?x8xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>)
  %j, %u = r1.router_gate %l {group_score = #r1.group_score<none>, groups = 1, normalize = false, scale = 1.0 : f64,
      scoring = #r1.scoring<softmax>, topk_group = 1} : (tensor<?x8xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>)
  // CHECK: r1.router_gate %[[L]] {group_score = #r1.group_score<max>
  %k, %t = r1.router_gate %l {group_score = #r1.group_score<max>, groups = 8, normalize = false, scale = 1.0 : f64,
      scoring = #r1.scoring<softmax>, topk_group = 4} : (tensor<?x8xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>)
  return %i, %v, %k, %t : tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x4xi32>, tensor<?x4xf32>
}

// CHECK-LABEL: @attention
// CHECK-SAME: !r1.cache<layers = 2, kv_lora = 64, rope = 32>
func.func @attention(%q: tensor<?x256xf32>, %latent: tensor<?x64xf32>, %key: tensor<?x32xf32>, %kv_b: tensor<256x64xf8E4M3FN>,
                     %scale: tensor<2x1xf32>, %cache: !cache, %pos: tensor<?xi32>) -> (tensor<?x128xf32>, tensor<?x128xf32>, !cache) {
  // CHECK: %[[T:.*]] = r1.rope_table %[[POS:.*]] {inv_freq = array<f32: {{.*}}>, scale = 1.000000e+00 : f64} : (tensor<?xi32>) -> tensor<?x32xf32>
  %t = r1.rope_table %pos {inv_freq = array<f32: 1.0, 0.5, 0.25, 0.125, 1.0, 0.5, 0.25, 0.125, 1.0, 0.5, 0.25, 0.125, 1.0, 0.5, 0.25, 0.125>,
                           scale = 1.0 : f64} : (tensor<?xi32>) -> tensor<?x32xf32>
  // CHECK: %[[Q:.*]] = r1.rope %{{.*}}, %[[T]] {heads = 4 : i64, interleaved = true, offset = 32 : i64} : (tensor<?x256xf32>, tensor<?x32xf32>) -> tensor<?x256xf32>
  %r = r1.rope %q, %t {heads = 4, interleaved = true, offset = 32} : (tensor<?x256xf32>, tensor<?x32xf32>) -> tensor<?x256xf32>
  // CHECK: %[[C:.*]] = r1.cache_append %{{.*}}, %{{.*}}, %{{.*}}, %[[POS]] {layer = 1 : i64} : (!r1.cache<layers = 2, kv_lora = 64, rope = 32>, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?xi32>) -> !r1.cache<layers = 2, kv_lora = 64, rope = 32>
  %c = r1.cache_append %cache, %latent, %key, %pos {layer = 1} : (!cache, tensor<?x64xf32>, tensor<?x32xf32>, tensor<?xi32>) -> !cache
  // CHECK: r1.attention %[[Q]], %[[B:.*]] scale %[[S:.*]], %[[C]], %[[POS]] {heads = 4 : i64, layer = 1 : i64, nope = 32 : i64, scale = 2.500000e-01 : f64, v = 32 : i64}
  %o = r1.attention %r, %kv_b scale %scale, %c, %pos {heads = 4, layer = 1, nope = 32, scale = 0.25 : f64, v = 32}
      : (tensor<?x256xf32>, tensor<256x64xf8E4M3FN>, tensor<2x1xf32>, !cache, tensor<?xi32>) -> tensor<?x128xf32>
  // CHECK: r1.attention %[[Q]], %[[B]] scale %[[S]], %[[C]], %[[POS]] rows %[[POS]] {heads = 4 : i64
  %some = r1.attention %r, %kv_b scale %scale, %c, %pos rows %pos {heads = 4, layer = 1, nope = 32, scale = 0.25 : f64, v = 32}
      : (tensor<?x256xf32>, tensor<256x64xf8E4M3FN>, tensor<2x1xf32>, !cache, tensor<?xi32>, tensor<?xi32>) -> tensor<?x128xf32>
  // CHECK: %[[A:.*]] = r1.absorb_query %[[Q]], %[[B]] scale %[[S]] {heads = 4 : i64, nope = 32 : i64, rope = 32 : i64, v = 32 : i64} : (tensor<?x256xf32>, tensor<256x64xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x256xf32>
  %a = r1.absorb_query %r, %kv_b scale %scale {heads = 4, nope = 32, rope = 32, v = 32}
      : (tensor<?x256xf32>, tensor<256x64xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x256xf32>
  // CHECK: %[[L:.*]] = r1.latent_attention %[[A]], %[[Q]], %[[C]], %[[POS]] {heads = 4 : i64, layer = 1 : i64, nope = 32 : i64, scale = 2.500000e-01 : f64} :
  %l = r1.latent_attention %a, %r, %c, %pos {heads = 4, layer = 1, nope = 32, scale = 0.25 : f64}
      : (tensor<?x256xf32>, tensor<?x256xf32>, !cache, tensor<?xi32>) -> tensor<?x256xf32>
  // CHECK: r1.expand_value %[[L]], %[[B]] scale %[[S]] {heads = 4 : i64, nope = 32 : i64, v = 32 : i64} : (tensor<?x256xf32>, tensor<256x64xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x128xf32>
  %e = r1.expand_value %l, %kv_b scale %scale {heads = 4, nope = 32, v = 32}
      : (tensor<?x256xf32>, tensor<256x64xf8E4M3FN>, tensor<2x1xf32>) -> tensor<?x128xf32>
  return %o, %e, %c : tensor<?x128xf32>, tensor<?x128xf32>, !cache
}

// CHECK-LABEL: @sample
func.func @sample(%l: tensor<?x32xf32>, %o: tensor<?x4xi32>, %d: tensor<?x2xi32>) -> tensor<?xi32> {
  // CHECK: r1.sample %{{.*}}, %{{.*}}, %{{.*}} : (tensor<?x32xf32>, tensor<?x4xi32>, tensor<?x2xi32>) -> tensor<?xi32>
  %i = r1.sample %l, %o, %d : (tensor<?x32xf32>, tensor<?x4xi32>, tensor<?x2xi32>) -> tensor<?xi32>
  return %i : tensor<?xi32>
}

// CHECK-LABEL: @fused
func.func @fused(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xbf16>) {
  // CHECK: %[[F:.*]]:2 = r1.fused ["residual-norm", "cast-into-producer"](%{{.*}}, %{{.*}}) : (tensor<?x32xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xbf16>) {
  // CHECK-NEXT: ^bb0(%[[L:.*]]: tensor<?x32xf32>, %[[R:.*]]: tensor<?x32xf32>):
  // CHECK-NEXT:   %[[S:.*]] = r1.add %[[L]], %[[R]]
  // CHECK-NEXT:   %[[C:.*]] = r1.cast %[[S]]
  // CHECK-NEXT:   r1.yield %[[S]], %[[C]] : tensor<?x32xf32>, tensor<?x32xbf16>
  %f:2 = r1.fused ["residual-norm", "cast-into-producer"](%x, %y) : (tensor<?x32xf32>, tensor<?x32xf32>) -> (tensor<?x32xf32>, tensor<?x32xbf16>) {
  ^bb0(%l: tensor<?x32xf32>, %r: tensor<?x32xf32>):
    %s = r1.add %l, %r : tensor<?x32xf32>
    %c = r1.cast %s : (tensor<?x32xf32>) -> tensor<?x32xbf16>
    r1.yield %s, %c : tensor<?x32xf32>, tensor<?x32xbf16>
  }
  return %f#0, %f#1 : tensor<?x32xf32>, tensor<?x32xbf16>
}
