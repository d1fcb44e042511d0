// Attention on a GPU: tiles by what a chip's shared memory holds, so that grids differ between chips and weights do not.
// RUN: r1-opt %s --r1-select-kernels --split-input-file --verify-diagnostics | FileCheck %s

!cache = !r1.cache<layers = 2, kv_lora = 512, rope = 64>
// Prefill: a tile takes 64 queries of one head, decode 64 heads of a token, wherever 163 KiB of shared memory hold them and the cache's ring.
// W_UK, W_UV and their transposes are one matrix a head, of bf16 even where kv_b is f8.
// CHECK-LABEL: @prefill
// CHECK: %[[K:.*]] = kern.constant "rowmajor" [8, 128, 512, 1] [#kern.source<tensor = "kv_b", scale = "", row_begin = 0, row_end = 128, {{[^>]*}}transposed = false, batch = 0, {{[^>]*}}>, #kern.source<tensor = "kv_b", scale = "", row_begin = 256, row_end = 384, {{[^>]*}}batch = 1,
// CHECK: %[[V:.*]] = kern.constant "rowmajor" [8, 128, 512, 1] [#kern.source<tensor = "kv_b", scale = "", row_begin = 128, row_end = 256,
// CHECK: kern.dispatch "mla_prefill" {{{.*}}q_block = 64 : i64, {{.*}}(%{{.*}}, %[[K]], %[[V]], {{.*}} fixed [7, 1] grid [0, 64, -1, 8] rows 0
// CHECK-LABEL: @decode
// CHECK: kern.constant "rowmajor" [128, 512, 128, 1] [#kern.source<tensor = "kv_b", scale = "kv_b.scale", row_begin = 0, row_end = 128, {{[^>]*}}transposed = true, batch = 0,
// CHECK: kern.dispatch "gemm_bf16" {{{.*}}batch = 128 : i64, {{.*}}k = 128 : i64, n = 512 : i64, {{.*}}tile_m = 16 : i64, tile_n = 16 : i64, x_batch_stride = 192 : i64, x_stride = 24576 : i64}{{.*}} grid [0, 16, -1, 128, -1, 32]
// CHECK: kern.dispatch "mla_decode" {{{.*}}max_splits = 16 : i64, {{.*}}split_tokens = 256 : i64{{.*}} fixed [6, 1] grid [0, 1, -1, 16, -1, 2] rows 0 {{.*}} -> tensor<4210688xf32>
// CHECK: kern.dispatch "mla_combine" {{.*}} fixed [2, 1] grid [0, 1, -1, 128]
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                     %q: tensor<?x1536xbf16>) -> tensor<?x1024xbf16>
      attributes {r1.entry = "prefill", r1.max_tokens = 512, r1.max_context = 8192} {
    %kv_b = r1.weight "kv_b" : tensor<2048x512xbf16>
    %o = r1.attention %q, %kv_b, %c, %p {heads = 8, layer = 1, nope = 128, scale = 0.25 : f64, v = 128}
        : (tensor<?x1536xbf16>, tensor<2048x512xbf16>, !cache, tensor<?xi32>) -> tensor<?x1024xbf16>
    return %o : tensor<?x1024xbf16>
  }
  func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                    %q: tensor<?x24576xbf16>) -> tensor<?x65536xbf16>
      attributes {r1.entry = "decode", r1.max_tokens = 4, r1.max_context = 4096} {
    %kv_b = r1.weight "kv_b" : tensor<32768x512xf8E4M3FN>
    %s = r1.weight "kv_b.scale" : tensor<256x4xf32>
    %a = r1.absorb_query %q, %kv_b scale %s {heads = 128, nope = 128, rope = 64, v = 128}
        : (tensor<?x24576xbf16>, tensor<32768x512xf8E4M3FN>, tensor<256x4xf32>) -> tensor<?x65536xbf16>
    %l = r1.latent_attention %a, %q, %c, %p {heads = 128, layer = 1, nope = 128, scale = 0.25 : f64}
        : (tensor<?x65536xbf16>, tensor<?x24576xbf16>, !cache, tensor<?xi32>) -> tensor<?x65536xbf16>
    return %l : tensor<?x65536xbf16>
  }
}

// -----
!cache = !r1.cache<layers = 2, kv_lora = 512, rope = 64>
// The same on a chip with 163 KiB.
// CHECK-LABEL: @prefill
// CHECK: kern.dispatch "mla_prefill" {{{.*}}q_block = 64 : i64, {{.*}} grid [0, 64, -1, 8]
// CHECK-LABEL: @decode
// CHECK: kern.dispatch "mla_decode" {{.*}} grid [0, 1, -1, 16, -1, 2]
module attributes {r1.machine = "cuda", r1.chip = 80 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                     %q: tensor<?x1536xbf16>) -> tensor<?x1024xbf16>
      attributes {r1.entry = "prefill", r1.max_tokens = 512, r1.max_context = 8192} {
    %kv_b = r1.weight "kv_b" : tensor<2048x512xbf16>
    %o = r1.attention %q, %kv_b, %c, %p {heads = 8, layer = 1, nope = 128, scale = 0.25 : f64, v = 128}
        : (tensor<?x1536xbf16>, tensor<2048x512xbf16>, !cache, tensor<?xi32>) -> tensor<?x1024xbf16>
    return %o : tensor<?x1024xbf16>
  }
  func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                    %q: tensor<?x24576xbf16>) -> tensor<?x65536xbf16>
      attributes {r1.entry = "decode", r1.max_tokens = 4, r1.max_context = 4096} {
    %kv_b = r1.weight "kv_b" : tensor<32768x512xf8E4M3FN>
    %s = r1.weight "kv_b.scale" : tensor<256x4xf32>
    %a = r1.absorb_query %q, %kv_b scale %s {heads = 128, nope = 128, rope = 64, v = 128}
        : (tensor<?x24576xbf16>, tensor<32768x512xf8E4M3FN>, tensor<256x4xf32>) -> tensor<?x65536xbf16>
    %l = r1.latent_attention %a, %q, %c, %p {heads = 128, layer = 1, nope = 128, scale = 0.25 : f64}
        : (tensor<?x65536xbf16>, tensor<?x24576xbf16>, !cache, tensor<?xi32>) -> tensor<?x65536xbf16>
    return %l : tensor<?x65536xbf16>
  }
}

// -----
!cache = !r1.cache<layers = 2, kv_lora = 512, rope = 64>
// 99 KiB hold half as many.
// CHECK-LABEL: @prefill
// CHECK: kern.dispatch "mla_prefill" {{{.*}}q_block = 32 : i64, {{.*}} grid [0, 32, -1, 8]
// CHECK-LABEL: @decode
// CHECK: kern.dispatch "mla_decode" {{.*}} grid [0, 1, -1, 16, -1, 4]
module attributes {r1.machine = "cuda", r1.chip = 86 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                     %q: tensor<?x1536xbf16>) -> tensor<?x1024xbf16>
      attributes {r1.entry = "prefill", r1.max_tokens = 512, r1.max_context = 8192} {
    %kv_b = r1.weight "kv_b" : tensor<2048x512xbf16>
    %o = r1.attention %q, %kv_b, %c, %p {heads = 8, layer = 1, nope = 128, scale = 0.25 : f64, v = 128}
        : (tensor<?x1536xbf16>, tensor<2048x512xbf16>, !cache, tensor<?xi32>) -> tensor<?x1024xbf16>
    return %o : tensor<?x1024xbf16>
  }
  func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                    %q: tensor<?x24576xbf16>) -> tensor<?x65536xbf16>
      attributes {r1.entry = "decode", r1.max_tokens = 4, r1.max_context = 4096} {
    %kv_b = r1.weight "kv_b" : tensor<32768x512xf8E4M3FN>
    %s = r1.weight "kv_b.scale" : tensor<256x4xf32>
    %a = r1.absorb_query %q, %kv_b scale %s {heads = 128, nope = 128, rope = 64, v = 128}
        : (tensor<?x24576xbf16>, tensor<32768x512xf8E4M3FN>, tensor<256x4xf32>) -> tensor<?x65536xbf16>
    %l = r1.latent_attention %a, %q, %c, %p {heads = 128, layer = 1, nope = 128, scale = 0.25 : f64}
        : (tensor<?x65536xbf16>, tensor<?x24576xbf16>, !cache, tensor<?xi32>) -> tensor<?x65536xbf16>
    return %l : tensor<?x65536xbf16>
  }
}

// -----

!cache = !r1.cache<layers = 2, kv_lora = 8192, rope = 64>

// Latents that no tile can hold are refused where the model's author can see it.
module attributes {r1.machine = "cuda", r1.chip = 86 : i64} {
  func.func @wide(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                  %q: tensor<?x1536xbf16>) -> tensor<?x1024xbf16>
      attributes {r1.entry = "prefill", r1.max_tokens = 512, r1.max_context = 8192} {
    %kv_b = r1.weight "kv_b" : tensor<2048x8192xbf16>
    // expected-error @+1 {{has latents of 8256 elements, too wide for the shared memory of sm_86}}
    %o = r1.attention %q, %kv_b, %c, %p {heads = 8, layer = 1, nope = 128, scale = 0.25 : f64, v = 128}
        : (tensor<?x1536xbf16>, tensor<2048x8192xbf16>, !cache, tensor<?xi32>) -> tensor<?x1024xbf16>
    return %o : tensor<?x1024xbf16>
  }
}
