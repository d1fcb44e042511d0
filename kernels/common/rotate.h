// The rotation of one head's rotary part, shared by `rope` and `latent_write`. Arithmetic in float.
#pragma once
#include "kernels/common/elements.h"

namespace r1::kernels::R1_ISA {

// y[0 .. rope) = x[0 .. rope) rotated by `table` (cosines, then sines); elements of x_type and y_type from
// their index on. interleaved: pairs (2i, 2i + 1), else (i, i + rope / 2). Every pair is read before it is
// written, so y may be x.
R1_INLINE void rotate(const void* x, int64_t x_index, int64_t x_type, const float* table, int64_t rope,
                      bool interleaved, void* y, int64_t y_index, int64_t y_type) {
  const int64_t half = rope / 2;
  if (!interleaved) {
    for (int64_t i = 0; i < half; i += kLanes) {
      const int64_t count = half - i < kLanes ? half - i : kLanes;
      const f32x16 cos = load_elements(table, i, kF32, count),
                   sin = load_elements(table, half + i, kF32, count);
      const f32x16 re = load_elements(x, x_index + i, x_type, count);
      const f32x16 im = load_elements(x, x_index + half + i, x_type, count);
      store_elements(y, y_index + i, y_type, count, re * cos - im * sin);
      store_elements(y, y_index + half + i, y_type, count, re * sin + im * cos);
    }
    return;
  }
  for (int64_t i = 0; i < half; i += 8) {
    const int64_t pairs = half - i < 8 ? half - i : 8;
    // Each cosine twice; each sine twice, negated for the real parts.
    const f32x16 cos8 = load_elements(table, i, kF32, pairs),
                 sin8 = load_elements(table, half + i, kF32, pairs);
    const f32x16 cos = __builtin_shufflevector(cos8, cos8, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7);
    const f32x16 sin =
        __builtin_shufflevector(-sin8, sin8, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const f32x16 v = load_elements(x, x_index + 2 * i, x_type, 2 * pairs);
    const f32x16 swapped =
        __builtin_shufflevector(v, v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
    store_elements(y, y_index + 2 * i, y_type, 2 * pairs, v * cos + swapped * sin);
  }
}

} // namespace r1::kernels::R1_ISA
