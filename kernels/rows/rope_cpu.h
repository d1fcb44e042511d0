// Rotary embedding of the query heads.
//   bytes per token: heads * head_dim * (x element + y element); 3 operations per rotated element. Bound by
//   bandwidth.
#pragma once
#include "kernels/common/rotate.h"
#include "kernels/common/skeleton.h"

namespace r1::kernels::R1_ISA {
R1_INLINE void copy(const RopeParams& p, const void* x, int64_t from, void* y, int64_t to, int64_t elements) {
  for (int64_t i = 0; i < elements; i += kLanes) {
    const int64_t count = elements - i < kLanes ? elements - i : kLanes;
    store_elements(y, to + i, p.y_type, count, load_elements(x, from + i, p.x_type, count));
  }
}

R1_SKELETON(rope, RopeParams) {
  const RopeParams p = *params;
  const void* x = buffers[0];
  void* y = buffers[2];
  const int64_t after = p.offset + p.rope;
  for (int64_t token = begin; token < end; ++token) {
    const float* table = static_cast<const float*>(buffers[1]) + token * round_up(p.rope, 16);
    for (int64_t head = 0; head < p.heads; ++head) {
      const int64_t from = token * p.x_stride + head * p.head_dim;
      const int64_t to = token * p.y_stride + head * p.head_dim;
      copy(p, x, from, y, to, p.offset);
      rotate(x, from + p.offset, p.x_type, table, p.rope, p.interleaved != 0, y, to + p.offset, p.y_type);
      copy(p, x, from + after, y, to + after, p.head_dim - after);
    }
  }
}

} // namespace r1::kernels::R1_ISA
