// Choice of experts from logits.
//   operations per token: experts * (about 25 for the score + 2 * top_k for the choice); everything lies in
//   L1.
#pragma once
#include "kernels/common/skeleton.h"
#include "kernels/router/choice.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(router_topk, RouterParams) {
  const RouterParams p = *params;
  const int64_t padded = (p.experts + kLanes - 1) / kLanes * kLanes;
  float* score = static_cast<float*>(scratch);
  for (int64_t token = begin; token < end; ++token) {
    const float* logits = static_cast<const float*>(buffers[0]) + token * padded;
    for (int64_t e = 0; e < padded; e += kLanes)
      put(score + e, get(logits + e));
    router_choice(
        p, score, static_cast<const float*>(buffers[1]), static_cast<int32_t*>(buffers[2]) + token * p.top_k,
        static_cast<float*>(buffers[3]) + token * p.top_k, reinterpret_cast<int32_t*>(score + padded));
  }
}

} // namespace r1::kernels::R1_ISA
