// Attention skeletons of level avx512_bf16 with R1's head dimensions as constants.
#pragma once
#include "kernels/registry/cpu_abi.h"
#include "kernels/registry/params.h"

namespace r1::kernels::bench {

constexpr MlaParams specialised_params(int64_t heads) {
  MlaParams p{};
  p.heads = heads, p.kv_lora = 512, p.rope = 64, p.nope = 128, p.v = 128;
  p.scale = 0.1352338 / 4;
  p.token_stride = 576, p.pages_per_sequence = 64;
  p.q_stride = heads * 192, p.q_latent_stride = heads * 512;
  p.q_rope_stride = heads * 192, p.q_rope_head_stride = 192, p.out_stride = heads * 512;
  p.split_tokens = 256, p.max_splits = 16;
  p.q_block = 256;
  return p;
}

using SpecialisedKernel = void (*)(void* const*, const int64_t*, int64_t, int64_t, void*, const void*,
                                   const Hole*);
SpecialisedKernel specialised_decode(int64_t heads); // 16 or 128
SpecialisedKernel specialised_prefill();             // 16 heads

} // namespace r1::kernels::bench
