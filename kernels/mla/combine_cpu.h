// Joins the splits of mla_decode: out = sum_s e^(m_s - m) o_s / sum_s e^(m_s - m) l_s.
//   bytes per token and head: splits * (kv_lora + 2) * 4 read, kv_lora * 2 written; 2 operations an element.
//   Bound by bandwidth.
// Splits past the token's position are not read at all, so their outputs may hold anything.
#pragma once
#include "kernels/common/elements.h"
#include "kernels/common/vec_math.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(mla_combine, MlaParams) {
  const MlaParams p = *params;
  const int32_t* positions = static_cast<const int32_t*>(buffers[1]);
  const int64_t width = p.kv_lora + 2, split_stride = p.heads * width;
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t token = tile / p.heads, head = tile % p.heads;
    const float* partial =
        static_cast<const float*>(buffers[0]) + (token * p.max_splits * p.heads + head) * width;
    uint16_t* out = static_cast<uint16_t*>(buffers[2]) + token * p.out_stride + head * p.kv_lora;
    const int64_t splits = positions[token] / p.split_tokens + 1;

    float maximum = -__builtin_inff(), sum = 0;
    for (int64_t s = 0; s < splits; ++s) {
      const float m = partial[s * split_stride + p.kv_lora];
      maximum = m > maximum ? m : maximum;
    }
    for (int64_t s = 0; s < splits; ++s) {
      const float* part = partial + s * split_stride + p.kv_lora;
      sum += exp(all(part[0] - maximum))[0] * part[1];
    }
    for (int64_t c = 0; c < p.kv_lora; c += 4 * kLanes) {
      f32x16 total[4] = {};
      const int64_t groups = min_of(ceil_div(p.kv_lora - c, kLanes), 4);
      for (int64_t s = 0; s < splits; ++s) {
        const float* part = partial + s * split_stride;
        const f32x16 weight = exp(all(part[p.kv_lora] - maximum));
        for (int64_t g = 0; g < groups; ++g)
          total[g] += weight * load_elements(part, c + g * kLanes, kF32, p.kv_lora - c - g * kLanes);
      }
      for (int64_t g = 0; g < groups; ++g)
        store_elements(out, c + g * kLanes, kBF16, p.kv_lora - c - g * kLanes, total[g] / sum);
    }
  }
}

} // namespace r1::kernels::R1_ISA
