// Every constraint on rotation, cache and attention is refused with its label, what was found, and what fits.
// RUN: r1-opt %s --verify-diagnostics --split-input-file

func.func @rope_table_c1(%p: tensor<?xi32>) {
  // expected-error @+1 {{rope_table_c1: 2 frequencies cannot give 'tensor<?x6xf32>'}}
  %t = r1.rope_table %p {inv_freq = array<f32: 1.0, 0.5>, scale = 1.0 : f64} : (tensor<?xi32>) -> tensor<?x6xf32>
  return
}

// -----

func.func @rope_c1_heads(%x: tensor<?x64xf32>, %t: tensor<?x8xf32>) {
  // expected-error @+1 {{rope_c1: 3 heads with 8 rotated elements from 0 do not fit 'tensor<?x64xf32>'}}
  %y = r1.rope %x, %t {heads = 3, interleaved = true, offset = 0} : (tensor<?x64xf32>, tensor<?x8xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @rope_c1_offset(%x: tensor<?x64xf32>, %t: tensor<?x8xf32>) {
  // expected-error @+1 {{rope_c1: 4 heads with 8 rotated elements from 9 do not fit 'tensor<?x64xf32>'}}
  %y = r1.rope %x, %t {heads = 4, interleaved = true, offset = 9} : (tensor<?x64xf32>, tensor<?x8xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @rope_c1_odd(%x: tensor<?x64xf32>, %t: tensor<?x7xf32>) {
  // expected-error @+1 {{rope_c1: 4 heads with 7 rotated elements from 0 do not fit 'tensor<?x64xf32>'}}
  %y = r1.rope %x, %t {heads = 4, interleaved = false, offset = 0} : (tensor<?x64xf32>, tensor<?x7xf32>) -> tensor<?x64xf32>
  return
}

// -----

func.func @rope_c2(%x: tensor<?x64xf32>, %t: tensor<?x8xf32>) {
  // expected-error @+1 {{rope_c2: 'tensor<?x64xf32>' became 'tensor<?x32xf32>'}}
  %y = r1.rope %x, %t {heads = 4, interleaved = true, offset = 0} : (tensor<?x64xf32>, tensor<?x8xf32>) -> tensor<?x32xf32>
  return
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>
func.func @cache_append_c1_layer(%c: !cache, %l: tensor<?x8xf32>, %k: tensor<?x4xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{cache_append_c1: layer 2 is not in '!r1.cache<layers = 2, kv_lora = 8, rope = 4>'}}
  %d = r1.cache_append %c, %l, %k, %p {layer = 2} : (!cache, tensor<?x8xf32>, tensor<?x4xf32>, tensor<?xi32>) -> !cache
  return
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>
func.func @cache_append_c1_shape(%c: !cache, %l: tensor<?x8xf32>, %k: tensor<?x8xf32>, %p: tensor<?xi32>) {
  // expected-error @+1 {{cache_append_c1: latent 'tensor<?x8xf32>' and key 'tensor<?x8xf32>' do not fit}}
  %d = r1.cache_append %c, %l, %k, %p {layer = 0} : (!cache, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> !cache
  return
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>
func.func @attention_c1_q(%q: tensor<?x24xf32>, %w: tensor<32x8xbf16>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{attention_c1: q 'tensor<?x24xf32>', kv_b 'tensor<32x8xbf16>' and result 'tensor<?x16xf32>' do not fit 2 heads of 4 + 4 / 8 over}}
  %o = r1.attention %q, %w, %c, %p {heads = 2, layer = 0, nope = 4, scale = 0.5 : f64, v = 8}
      : (tensor<?x24xf32>, tensor<32x8xbf16>, !cache, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>
func.func @attention_c1_kv_b(%q: tensor<?x16xf32>, %w: tensor<32x8xbf16>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{attention_c1: q}}
  %o = r1.attention %q, %w, %c, %p {heads = 2, layer = 0, nope = 4, scale = 0.5 : f64, v = 8}
      : (tensor<?x16xf32>, tensor<32x8xbf16>, !cache, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>
func.func @attention_c2(%q: tensor<?x16xf32>, %w: tensor<24x8xbf16>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{attention_c2: layer -1 is not in}}
  %o = r1.attention %q, %w, %c, %p {heads = 2, layer = -1, nope = 4, scale = 0.5 : f64, v = 8}
      : (tensor<?x16xf32>, tensor<24x8xbf16>, !cache, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>
func.func @attention_c3(%q: tensor<?x16xf32>, %w: tensor<24x8xf8E4M3FN>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{attention_c3: a weight of type f8E4M3FN needs a scale, any other must not have one; weight is 'tensor<24x8xf8E4M3FN>' without a scale}}
  %o = r1.attention %q, %w, %c, %p {heads = 2, layer = 0, nope = 4, scale = 0.5 : f64, v = 8}
      : (tensor<?x16xf32>, tensor<24x8xf8E4M3FN>, !cache, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @absorb_query_c1(%q: tensor<?x16xf32>, %w: tensor<24x8xbf16>) {
  // expected-error @+1 {{absorb_query_c1: q 'tensor<?x16xf32>' and kv_b 'tensor<24x8xbf16>' cannot give 'tensor<?x24xf32>'}}
  %a = r1.absorb_query %q, %w {heads = 2, nope = 4, rope = 4, v = 8} : (tensor<?x16xf32>, tensor<24x8xbf16>) -> tensor<?x24xf32>
  return
}

// -----

func.func @absorb_query_c2(%q: tensor<?x16xf32>, %w: tensor<24x8xbf16>, %s: tensor<1x1xf32>) {
  // expected-error @+1 {{absorb_query_c2: a weight of type f8E4M3FN needs a scale, any other must not have one}}
  %a = r1.absorb_query %q, %w scale %s {heads = 2, nope = 4, rope = 4, v = 8}
      : (tensor<?x16xf32>, tensor<24x8xbf16>, tensor<1x1xf32>) -> tensor<?x16xf32>
  return
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>
func.func @latent_attention_c1(%a: tensor<?x16xf32>, %q: tensor<?x20xf32>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{latent_attention_c1: q_latent 'tensor<?x16xf32>' and q 'tensor<?x20xf32>' do not fit 2 heads over}}
  %l = r1.latent_attention %a, %q, %c, %p {heads = 2, layer = 0, nope = 4, scale = 0.5 : f64}
      : (tensor<?x16xf32>, tensor<?x20xf32>, !cache, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8, rope = 4>
func.func @latent_attention_c2(%a: tensor<?x16xf32>, %q: tensor<?x16xf32>, %c: !cache, %p: tensor<?xi32>) {
  // expected-error @+1 {{latent_attention_c2: layer 5 is not in}}
  %l = r1.latent_attention %a, %q, %c, %p {heads = 2, layer = 5, nope = 4, scale = 0.5 : f64}
      : (tensor<?x16xf32>, tensor<?x16xf32>, !cache, tensor<?xi32>) -> tensor<?x16xf32>
  return
}

// -----

func.func @expand_value_c1(%x: tensor<?x16xf32>, %w: tensor<24x8xbf16>) {
  // expected-error @+1 {{expand_value_c1: x 'tensor<?x16xf32>' and kv_b 'tensor<24x8xbf16>' cannot give 'tensor<?x12xf32>'}}
  %y = r1.expand_value %x, %w {heads = 2, nope = 4, v = 8} : (tensor<?x16xf32>, tensor<24x8xbf16>) -> tensor<?x12xf32>
  return
}

// -----

func.func @expand_value_c2(%x: tensor<?x16xf32>, %w: tensor<24x8xf8E4M3FN>, %s: tensor<1x2xf32>) {
  // expected-error @+1 {{expand_value_c2: the scale of 'tensor<24x8xf8E4M3FN>' has one element per 128x128 block, found 'tensor<1x2xf32>'}}
  %y = r1.expand_value %x, %w scale %s {heads = 2, nope = 4, v = 8}
      : (tensor<?x16xf32>, tensor<24x8xf8E4M3FN>, tensor<1x2xf32>) -> tensor<?x16xf32>
  return
}
