// Cosines and sines of a step's positions, shared by every layer.
//   bytes per token: rope * 4 written; about 40 operations in double per pair. Once a step, so it never
//   matters.
#pragma once
#include "kernels/common/skeleton.h"
#include "kernels/common/vec_math.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(rope_table, RopeTableParams) {
  const RopeTableParams p = *params;
  const int32_t* positions = static_cast<const int32_t*>(buffers[0]);
  const float* inv_freq = static_cast<const float*>(buffers[1]);
  const int64_t half = p.rope / 2;
  for (int64_t token = begin; token < end; ++token) {
    float* table = static_cast<float*>(buffers[2]) + token * round_up(p.rope, 16);
    for (int64_t i = 0; i < half; i += 8) {
      const int64_t count = half - i < 8 ? half - i : 8;
      f64x8 angle = {};
      for (int64_t lane = 0; lane < count; ++lane)
        angle[lane] = float(positions[token]) * inv_freq[i + lane];
      const CosSin result = cos_sin(angle);
      for (int64_t lane = 0; lane < count; ++lane) {
        table[i + lane] = float(result.cos[lane] * p.scale);
        table[half + i + lane] = float(result.sin[lane] * p.scale);
      }
    }
  }
}

} // namespace r1::kernels::R1_ISA
