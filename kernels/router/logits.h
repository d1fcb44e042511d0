// Scores of 16 neighbouring experts for one token: the inner loop of `router_logits` and `router_fused`.
#pragma once
#include "kernels/common/elements.h"

namespace r1::kernels::R1_ISA {

// logits[0 .. 16) of experts [first, first + 16) for x [hidden]; experts past the last score 0. w
// [experts][hidden] of w_type. Four experts at a time share the loads of x; each sum runs in two vectors of
// 16 lanes in a fixed order.
R1_INLINE void router_block(const RouterParams& p, const float* x, const void* w, int64_t first,
                            float* logits) {
  for (int64_t quad = 0; quad < kLanes; quad += 4) {
    // Experts past the last read the last one's row and are dropped at the end.
    int64_t row[4];
    for (int64_t i = 0; i < 4; ++i) {
      const int64_t expert = first + quad + i;
      row[i] = (expert < p.experts ? expert : p.experts - 1) * p.hidden;
    }
    f32x16 even[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};
    f32x16 odd[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};
    int64_t k = 0;
    for (; k + 2 * kLanes <= p.hidden; k += 2 * kLanes) {
      const f32x16 x0 = get(x + k), x1 = get(x + k + kLanes);
      for (int64_t i = 0; i < 4; ++i) {
        even[i] += load_elements(w, row[i] + k, p.w_type, kLanes) * x0;
        odd[i] += load_elements(w, row[i] + k + kLanes, p.w_type, kLanes) * x1;
      }
    }
    for (; k < p.hidden; k += kLanes) {
      const int64_t count = p.hidden - k;
      const f32x16 x0 = load_elements(x, k, kF32, count);
      for (int64_t i = 0; i < 4; ++i)
        even[i] += load_elements(w, row[i] + k, p.w_type, count) * x0;
    }
    for (int64_t i = 0; i < 4; ++i)
      logits[quad + i] = first + quad + i < p.experts ? reduce_add(even[i] + odd[i]) : 0.0f;
  }
}

} // namespace r1::kernels::R1_ISA
