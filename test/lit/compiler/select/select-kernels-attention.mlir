// Rotation, cache and both forms of latent attention become their kernels; kv_b is cut by head into what each form multiplies by.
// RUN: r1-opt %s --r1-select-kernels --split-input-file | FileCheck %s

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// Plain: W_UK and W_UV of each head are their own batches (rows nope, then v, of the head's block). Slots and page table come from the step.
// CHECK-LABEL: @prefill
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<?xi32>, %[[P:[a-z0-9]+]]: tensor<?xi32>, %{{[a-z0-9]+}}: tensor<?xi32>, %[[S:[a-z0-9]+]]: tensor<?xi32>, %[[PT:[a-z0-9]+]]: tensor<?x?xi32>, %[[C:[a-z0-9]+]]: !r1.cache<{{.*}}>, %[[Q:[a-z0-9]+]]: tensor<?x144xbf16>
// CHECK: %[[K:.*]] = kern.constant "vnni16" [2, 40, 64, 1] [#kern.source<tensor = "kv_b", scale = "", row_begin = 0, row_end = 40, col_begin = 0, col_end = 64, transposed = false, batch = 0, {{[^>]*}}>, #kern.source<tensor = "kv_b", scale = "", row_begin = 64, row_end = 104, {{[^>]*}}batch = 1,
// CHECK: %[[V:.*]] = kern.constant "vnni16" [2, 24, 64, 1] [#kern.source<tensor = "kv_b", scale = "", row_begin = 40, row_end = 64, {{[^>]*}}batch = 0, {{[^>]*}}>, #kern.source<tensor = "kv_b", scale = "", row_begin = 104, row_end = 128, {{[^>]*}}batch = 1,
// CHECK: kern.dispatch "mla_prefill" {heads = 2 : i64, kv_lora = 64 : i64, max_splits = 16 : i64, nope = 40 : i64, out_stride = 48 : i64, pages_per_sequence = 128 : i64, q_block = 64 : i64, q_latent_stride = 0 : i64, q_rope_head_stride = 72 : i64, q_rope_stride = 144 : i64, q_stride = 144 : i64, rope = 32 : i64, scale = 2.500000e-01 : f64, split_tokens = 512 : i64, token_stride = 96 : i64, v = 24 : i64}
// CHECK-SAME: (%[[Q]], %[[K]], %[[V]], %[[C]], %[[P]], %[[S]], %[[PT]]) fixed [7, 1] grid [0, 64, -1, 2] rows 0
// CHECK-SAME: flops_per_pair = 384 : i64, {{.*}}position_bytes = 192 : i64
// CHECK-SAME: attributes {layer = 1 : i64}
func.func @prefill(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                   %q: tensor<?x144xbf16>) -> tensor<?x48xbf16>
    attributes {r1.entry = "prefill", r1.max_tokens = 64, r1.max_context = 8192} {
  %kv_b = r1.weight "kv_b" : tensor<128x64xbf16>
  %o = r1.attention %q, %kv_b, %c, %p {heads = 2, layer = 1, nope = 40, scale = 0.25 : f64, v = 24}
      : (tensor<?x144xbf16>, tensor<128x64xbf16>, !cache, tensor<?xi32>) -> tensor<?x48xbf16>
  return %o : tensor<?x48xbf16>
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// Queries of the rows whose logits are wanted: positions and slots are those rows', and so is everything that reads the result.
// CHECK-LABEL: @some_rows
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<?xi32>, %[[P:[a-z0-9]+]]: tensor<?xi32>, %[[R:[a-z0-9]+]]: tensor<?xi32>, %[[S:[a-z0-9]+]]: tensor<?xi32>, %[[PT:[a-z0-9]+]]: tensor<?x?xi32>, %[[C:[a-z0-9]+]]: !r1.cache<{{.*}}>, %[[X:[a-z0-9]+]]: tensor<?x144xf32>
// CHECK: %[[G:.*]] = kern.dispatch "gather" {{.*}}(%[[X]], %[[R]]) fixed [2, 0] grid [1, 1] rows 1
// CHECK: %[[Q:.*]] = kern.dispatch "rope" {{.*}} grid [1, 1] rows 1
// CHECK-DAG: %[[SOME_P:.*]] = kern.dispatch "gather_words" {tile = 256 : i64}(%[[P]], %[[R]]) fixed [2, 1] grid [1, 256] rows 1
// CHECK-DAG: %[[SOME_S:.*]] = kern.dispatch "gather_words" {tile = 256 : i64}(%[[S]], %[[R]]) fixed [2, 1] grid [1, 256] rows 1
// CHECK: %[[O:.*]] = kern.dispatch "mla_prefill" {{{.*}}q_block = 32 : i64, {{.*}}}(%[[Q]], %{{.*}}, %{{.*}}, %[[C]], %[[SOME_P]], %[[SOME_S]], %[[PT]]) fixed [7, 1] grid [1, 32, -1, 2] rows 1
// CHECK: kern.dispatch "gemm_bf16" {{.*}}(%[[O]], %{{.*}} grid [1, {{.*}} rows 1
func.func @some_rows(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                     %x: tensor<?x144xf32>, %t: tensor<?x32xf32>) -> tensor<?x16xf32>
    attributes {r1.entry = "prefill", r1.max_tokens = 64, r1.max_logit_rows = 32, r1.max_context = 8192} {
  %g = r1.gather_rows %x, %rows : (tensor<?x144xf32>, tensor<?xi32>) -> tensor<?x144xf32>
  %table = r1.gather_rows %t, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  %q = r1.rope %g, %table {heads = 2, interleaved = true, offset = 40} : (tensor<?x144xf32>, tensor<?x32xf32>) -> tensor<?x144xbf16>
  %kv_b = r1.weight "kv_b" : tensor<128x64xbf16>
  %o = r1.attention %q, %kv_b, %c, %p rows %rows {heads = 2, layer = 1, nope = 40, scale = 0.25 : f64, v = 24}
      : (tensor<?x144xbf16>, tensor<128x64xbf16>, !cache, tensor<?xi32>, tensor<?xi32>) -> tensor<?x48xbf16>
  %w = r1.weight "o" : tensor<16x48xbf16>
  %y = r1.linear %o, %w : (tensor<?x48xbf16>, tensor<16x48xbf16>) -> tensor<?x16xf32>
  return %y : tensor<?x16xf32>
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// The plain form in a decode step: tokens are of different sequences, so a tile holds one query.
// CHECK-LABEL: @plain_decode
// CHECK: kern.dispatch "mla_prefill" {{{.*}}q_block = 1 : i64, {{.*}} grid [0, 1, -1, 2]
func.func @plain_decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                        %q: tensor<?x144xbf16>) -> tensor<?x48xbf16>
    attributes {r1.entry = "decode", r1.max_tokens = 8, r1.max_context = 8192} {
  %kv_b = r1.weight "kv_b" : tensor<128x64xbf16>
  %o = r1.attention %q, %kv_b, %c, %p {heads = 2, layer = 1, nope = 40, scale = 0.25 : f64, v = 24}
      : (tensor<?x144xbf16>, tensor<128x64xbf16>, !cache, tensor<?xi32>) -> tensor<?x48xbf16>
  return %o : tensor<?x48xbf16>
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// Absorbed: a product per head with W_UK transposed, attention over splits of the context, their combination, a product per head with W_UV.
// Per-head weights are bf16 even where kv_b is f8: a head's rows need not begin at a scale block.
// CHECK-LABEL: @decode
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x144xbf16>)
// CHECK: %[[UK:.*]] = kern.constant "vnni16" [2, 64, 40, 1] [#kern.source<tensor = "kv_b", scale = "kv_b.scale", row_begin = 0, row_end = 40, {{[^>]*}}transposed = true, batch = 0,
// CHECK: %[[A:.*]] = kern.dispatch "gemm_bf16" {{{.*}}batch = 2 : i64, {{.*}}k = 40 : i64, n = 64 : i64, {{.*}}x_batch_stride = 72 : i64, x_stride = 144 : i64}(%[[Q]], %[[UK]]) fixed [2, 0] grid [0, 1, -1, 2, -1, 1]
// CHECK: %[[R:.*]] = kern.slice %[[Q]][40] : (tensor<?x144xbf16>) -> tensor<?x104xbf16>
// CHECK: %[[PARTS:.*]] = kern.dispatch "mla_decode" {{{.*}}max_splits = 4 : i64, {{.*}}split_tokens = 256 : i64, {{.*}}}(%[[A]], %[[R]], {{.*}} fixed [6, 1] grid [0, 1, 2, 256] rows 0 {{.*}}flops_per_pair = 640 : i64, {{.*}}position_bytes = 192 : i64, {{.*}} -> tensor<528xf32>
// CHECK: %[[L:.*]] = kern.dispatch "mla_combine" {{.*}}(%[[PARTS]], %{{.*}}) fixed [2, 1] grid [0, 1, -1, 2]
// CHECK: %[[UV:.*]] = kern.constant "vnni16" [2, 24, 64, 1] [#kern.source<tensor = "kv_b", scale = "kv_b.scale", row_begin = 40, row_end = 64, {{[^>]*}}transposed = false, batch = 0,
// CHECK: kern.dispatch "gemm_bf16" {{{.*}}batch = 2 : i64, {{.*}}k = 64 : i64, n = 24 : i64, {{.*}}x_batch_stride = 64 : i64, x_stride = 128 : i64}(%[[L]], %[[UV]])
func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                  %q: tensor<?x144xbf16>) -> tensor<?x48xbf16>
    attributes {r1.entry = "decode", r1.max_tokens = 1, r1.max_context = 1024} {
  %kv_b = r1.weight "kv_b" : tensor<128x64xf8E4M3FN>
  %s = r1.weight "kv_b.scale" : tensor<1x1xf32>
  %a = r1.absorb_query %q, %kv_b scale %s {heads = 2, nope = 40, rope = 32, v = 24}
      : (tensor<?x144xbf16>, tensor<128x64xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x128xbf16>
  %l = r1.latent_attention %a, %q, %c, %p {heads = 2, layer = 1, nope = 40, scale = 0.25 : f64}
      : (tensor<?x128xbf16>, tensor<?x144xbf16>, !cache, tensor<?xi32>) -> tensor<?x128xbf16>
  %o = r1.expand_value %l, %kv_b scale %s {heads = 2, nope = 40, v = 24}
      : (tensor<?x128xbf16>, tensor<128x64xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x48xbf16>
  return %o : tensor<?x48xbf16>
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 64, rope = 32>

// The cache before the write is the last operand: it carries the order and nothing else. Slices of one projection keep its row stride.
// CHECK-LABEL: @cache_write
// CHECK-SAME: %[[C:[a-z0-9]+]]: !r1.cache<layers = 2, kv_lora = 64, rope = 32>, %[[X:[a-z0-9]+]]: tensor<?x96xf32>
// CHECK: %[[F:.*]] = kern.constant "literal" [1, 1, 16, 1]
// CHECK: %[[T:.*]] = kern.dispatch "rope_table" {rope = 32 : i64, scale = 1.000000e+00 : f64}(%{{.*}}, %[[F]]) fixed [2, 1] grid [0, 1]
// CHECK: %[[L:.*]] = kern.slice %[[X]][0]
// CHECK: %[[K:.*]] = kern.slice %[[X]][64]
// CHECK: %[[N:.*]] = kern.constant "vector" [1, 1, 64, 1]
// CHECK: kern.dispatch "latent_write" {epsilon = 5.000000e-01 : f64, interleaved = 1 : i64, key_stride = 96 : i64, kv_lora = 64 : i64, latent_stride = 96 : i64, norm = 1 : i64, pages_per_sequence = 16 : i64, rope = 32 : i64, rotate = 1 : i64, token_stride = 96 : i64, x_type = 0 : i64}
// CHECK-SAME: (%[[L]], %[[K]], %[[N]], %[[T]], %{{.*}}, %{{.*}}, %{{.*}}, %[[C]]) fixed [7, 1] grid [0, 1] rows 0
// CHECK-SAME: attributes {layer = 0 : i64}
func.func @cache_write(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                       %x: tensor<?x96xf32>) -> !cache attributes {r1.entry = "decode", r1.max_tokens = 1, r1.max_context = 1024} {
  %t = r1.rope_table %p {inv_freq = array<f32: 1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5>, scale = 1.0 : f64}
      : (tensor<?xi32>) -> tensor<?x32xf32>
  %l = r1.slice %x[0] : (tensor<?x96xf32>) -> tensor<?x64xf32>
  %k = r1.slice %x[64] : (tensor<?x96xf32>) -> tensor<?x32xf32>
  %w = r1.weight "norm" : tensor<64xbf16>
  %d = r1.fused ["rope-cache-write"](%l, %w, %k, %t, %c, %p)
      : (tensor<?x64xf32>, tensor<64xbf16>, tensor<?x32xf32>, tensor<?x32xf32>, !cache, tensor<?xi32>) -> !cache {
  ^bb0(%a: tensor<?x64xf32>, %v: tensor<64xbf16>, %b: tensor<?x32xf32>, %u: tensor<?x32xf32>, %e: !cache, %q: tensor<?xi32>):
    %n = r1.rms_norm %a, %v {epsilon = 0.5 : f64} : (tensor<?x64xf32>, tensor<64xbf16>) -> tensor<?x64xbf16>
    %r = r1.rope %b, %u {heads = 1, interleaved = true, offset = 0} : (tensor<?x32xf32>, tensor<?x32xf32>) -> tensor<?x32xbf16>
    %f = r1.cache_append %e, %n, %r, %q {layer = 0} : (!cache, tensor<?x64xbf16>, tensor<?x32xbf16>, tensor<?xi32>) -> !cache
    r1.yield %f : !cache
  }
  return %d : !cache
}
