// Queries on their way into shared memory, 16 bytes at a time.
#pragma once
#include "kernels/primitives/cuda/memory.h"

namespace r1::cuda {

// Eight bf16, zero from `count` on; p of any alignment.
R1_DEVICE u32x4 load_elements(const bf16* p, int count) {
  if (count >= 8 && is_aligned(p, 16))
    return load16(p);
  u32 e[8];
  R1_UNROLL for (int i = 0; i < 8; ++i) e[i] = i < count ? p[i].bits : 0;
  return {e[0] | e[1] << 16, e[2] | e[3] << 16, e[4] | e[5] << 16, e[6] | e[7] << 16};
}

} // namespace r1::cuda
