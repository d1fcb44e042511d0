// Appends a token's latent and rotary key to the paged cache: norm, rotation, rounding to bf16 and the
// scatter in one pass.
//   bytes per token: (kv_lora + rope) * (x element + 2); about 5 operations an element. Bound by latency.
#pragma once
#include "kernels/common/rotate.h"
#include "kernels/common/skeleton.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(latent_write, LatentWriteParams) {
  const LatentWriteParams p = *params;
  const float* weight = static_cast<const float*>(buffers[2]);
  const int32_t* positions = static_cast<const int32_t*>(buffers[4]);
  const int32_t* slots = static_cast<const int32_t*>(buffers[5]);
  const int32_t* page_table = static_cast<const int32_t*>(buffers[6]);
  uint16_t* cache = static_cast<uint16_t*>(buffers[7]);
  for (int64_t token = begin; token < end; ++token) {
    const int64_t position = positions[token];
    const int64_t page = page_table[slots[token] * p.pages_per_sequence + position / kPageTokens];
    uint16_t* out = cache + (page * kPageTokens + position % kPageTokens) * p.token_stride;
    const int64_t latent = token * p.latent_stride, key = token * p.key_stride;

    f32x16 rstd = all(1.0f);
    if (p.norm) {
      f32x16 squares = all(0.0f);
      for (int64_t col = 0; col < p.kv_lora; col += kLanes) {
        const f32x16 v = load_elements(buffers[0], latent + col, p.x_type, p.kv_lora - col);
        squares += v * v;
      }
      const float mean = reduce_add(squares) / float(p.kv_lora);
      rstd = all(1.0f / square_root(mean + float(p.epsilon)));
    }
    for (int64_t col = 0; col < p.kv_lora; col += kLanes) {
      const int64_t count = p.kv_lora - col;
      f32x16 v = load_elements(buffers[0], latent + col, p.x_type, count);
      if (p.norm)
        v = v * rstd * load_elements(weight, col, kF32, count);
      store_elements(out, col, kBF16, count, v);
    }
    if (p.rotate) {
      const float* table = static_cast<const float*>(buffers[3]) + token * round_up(p.rope, 16);
      rotate(buffers[1], key, p.x_type, table, p.rope, p.interleaved != 0, out, p.kv_lora, kBF16);
      continue;
    }
    for (int64_t col = 0; col < p.rope; col += kLanes)
      store_elements(out, p.kv_lora + col, kBF16, p.rope - col,
                     load_elements(buffers[1], key + col, p.x_type, p.rope - col));
  }
}

} // namespace r1::kernels::R1_ISA
