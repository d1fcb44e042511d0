// Attention on sm_90a: warp groups and the copy engine, with a map of the cache, wherever the latents are a width of their products.
// RUN: r1-opt %s --r1-select-kernels --split-input-file | FileCheck %s

!cache = !r1.cache<layers = 2, kv_lora = 512, rope = 64>
// The cache may hold max_batch * max_context / 64 pages. Few sequences: splits of 256 tokens, so many that a long context fills the chip.
// CHECK-LABEL: @prefill
// CHECK: kern.dispatch "mla_prefill_hopper" {{{.*}}q_block = 64 : i64, {{.*}} fixed [7, 1] grid [0, 64, -1, 8]
// CHECK-SAME: maps = {{\[}}#kern.tensor_map<argument = 3, type = bf16, extents = [576, 64, 4096], strides = [1152, 73728], box = [64, 64, 1], swizzle = 128>,
// CHECK-SAME: #kern.tensor_map<argument = 1, type = bf16, extents = [512, 128, 8], strides = [1024, 131072], box = [64, 64, 1], swizzle = 128>,
// CHECK-SAME: #kern.tensor_map<argument = 2, type = bf16, extents = [512, 96, 8], strides = [1024, 98304], box = [64, 64, 1], swizzle = 128>]
// CHECK-LABEL: @decode
// CHECK: kern.dispatch "mla_decode_hopper" {{{.*}}max_splits = 32 : i64, {{.*}}split_tokens = 256 : i64{{.*}} fixed [6, 1] grid [0, 1, -1, 32, -1, 2]
// CHECK-SAME: maps = {{\[}}#kern.tensor_map<argument = 2, type = bf16, extents = [576, 64, 16384], strides = [1152, 73728], box = [64, 64, 1], swizzle = 128>]
// CHECK: kern.dispatch "mla_combine" {{{.*}}max_splits = 32 : i64
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @prefill(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                     %q: tensor<?x1536xbf16>) -> tensor<?x768xbf16>
      attributes {r1.entry = "prefill", r1.max_tokens = 512, r1.max_context = 8192, r1.max_batch = 32} {
    %kv_b = r1.weight "kv_b" : tensor<1792x512xbf16>
    %o = r1.attention %q, %kv_b, %c, %p {heads = 8, layer = 1, nope = 128, scale = 0.25 : f64, v = 96}
        : (tensor<?x1536xbf16>, tensor<1792x512xbf16>, !cache, tensor<?xi32>) -> tensor<?x768xbf16>
    return %o : tensor<?x768xbf16>
  }
  func.func @decode(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                    %a: tensor<?x65536xbf16>, %q: tensor<?x24576xbf16>) -> tensor<?x65536xbf16>
      attributes {r1.entry = "decode", r1.max_tokens = 8, r1.max_context = 131072, r1.max_batch = 8} {
    %l = r1.latent_attention %a, %q, %c, %p {heads = 128, layer = 1, nope = 128, scale = 0.25 : f64}
        : (tensor<?x65536xbf16>, tensor<?x24576xbf16>, !cache, tensor<?xi32>) -> tensor<?x65536xbf16>
    return %l : tensor<?x65536xbf16>
  }
}

// -----
!cache = !r1.cache<layers = 1, kv_lora = 512, rope = 64>
// Many sequences fill the chip by themselves: longer splits, 16 tokens for each head.
// CHECK-LABEL: @many
// CHECK: kern.dispatch "mla_decode_hopper" {{{.*}}max_splits = 16 : i64, {{.*}}split_tokens = 2048 : i64{{.*}} grid [0, 1, -1, 16, -1, 2]
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @many(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                  %a: tensor<?x65536xbf16>, %q: tensor<?x24576xbf16>) -> tensor<?x65536xbf16>
      attributes {r1.entry = "decode", r1.max_tokens = 128, r1.max_context = 131072, r1.max_batch = 128} {
    %l = r1.latent_attention %a, %q, %c, %p {heads = 128, layer = 0, nope = 128, scale = 0.25 : f64}
        : (tensor<?x65536xbf16>, tensor<?x24576xbf16>, !cache, tensor<?xi32>) -> tensor<?x65536xbf16>
    return %l : tensor<?x65536xbf16>
  }
}

// -----
!cache = !r1.cache<layers = 1, kv_lora = 320, rope = 64>
// 320 is twice 160, which is no width of a product.
// CHECK-LABEL: @width
// CHECK: kern.dispatch "mla_decode" {{.*}} rows 0
// CHECK-NOT: maps
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @width(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                   %a: tensor<?x1280xbf16>, %q: tensor<?x384xbf16>) -> tensor<?x1280xbf16>
      attributes {r1.entry = "decode", r1.max_tokens = 4, r1.max_context = 4096, r1.max_batch = 4} {
    %l = r1.latent_attention %a, %q, %c, %p {heads = 4, layer = 0, nope = 32, scale = 0.25 : f64}
        : (tensor<?x1280xbf16>, tensor<?x384xbf16>, !cache, tensor<?xi32>) -> tensor<?x1280xbf16>
    return %l : tensor<?x1280xbf16>
  }
}

// -----
!cache = !r1.cache<layers = 1, kv_lora = 64, rope = 10>
// Rows of 148 bytes are none for the copy engine.
// CHECK-LABEL: @stride
// CHECK: kern.dispatch "mla_decode" {{.*}} rows 0
module attributes {r1.machine = "cuda", r1.chip = 90 : i64} {
  func.func @stride(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                    %a: tensor<?x256xbf16>, %q: tensor<?x168xbf16>) -> tensor<?x256xbf16>
      attributes {r1.entry = "decode", r1.max_tokens = 4, r1.max_context = 4096, r1.max_batch = 4} {
    %l = r1.latent_attention %a, %q, %c, %p {heads = 4, layer = 0, nope = 32, scale = 0.25 : f64}
        : (tensor<?x256xbf16>, tensor<?x168xbf16>, !cache, tensor<?xi32>) -> tensor<?x256xbf16>
    return %l : tensor<?x256xbf16>
  }
}

// -----
!cache = !r1.cache<layers = 1, kv_lora = 64, rope = 32>
// Other chips have no such products.
// CHECK-LABEL: @chip
// CHECK: kern.dispatch "mla_decode" {{.*}} rows 0
module attributes {r1.machine = "cuda", r1.chip = 100 : i64} {
  func.func @chip(%ids: tensor<?xi32>, %p: tensor<?xi32>, %rows: tensor<?xi32>, %slots: tensor<?xi32>, %pages: tensor<?x?xi32>, %c: !cache,
                  %a: tensor<?x256xbf16>, %q: tensor<?x256xbf16>) -> tensor<?x256xbf16>
      attributes {r1.entry = "decode", r1.max_tokens = 4, r1.max_context = 4096, r1.max_batch = 4} {
    %l = r1.latent_attention %a, %q, %c, %p {heads = 4, layer = 0, nope = 32, scale = 0.25 : f64}
        : (tensor<?x256xbf16>, tensor<?x256xbf16>, !cache, tensor<?xi32>) -> tensor<?x256xbf16>
    return %l : tensor<?x256xbf16>
  }
}
