// Logits and choice of one token in one go, for steps with at least as many tokens as threads.
//   bytes and operations: those of router_logits plus router_topk, without the logits' way through memory.
#pragma once
#include "kernels/common/skeleton.h"
#include "kernels/router/choice.h"
#include "kernels/router/logits.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(router_fused, RouterParams) {
  const RouterParams p = *params;
  const int64_t padded = (p.experts + kLanes - 1) / kLanes * kLanes;
  float* score = static_cast<float*>(scratch);
  for (int64_t token = begin; token < end; ++token) {
    const float* x = static_cast<const float*>(buffers[0]) + token * p.x_stride;
    for (int64_t first = 0; first < padded; first += kLanes)
      router_block(p, x, buffers[1], first, score + first);
    router_choice(
        p, score, static_cast<const float*>(buffers[2]), static_cast<int32_t*>(buffers[3]) + token * p.top_k,
        static_cast<float*>(buffers[4]) + token * p.top_k, reinterpret_cast<int32_t*>(score + padded));
  }
}

} // namespace r1::kernels::R1_ISA
