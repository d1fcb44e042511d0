// Router logits in float.
//   bytes: experts * hidden * w element, read once a token (from cache after the first); 2 * experts * hidden
//   operations a token. Bound by the bandwidth of W at few tokens, by float multiply-adds at many.
#pragma once
#include "kernels/common/skeleton.h"
#include "kernels/router/logits.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(router_logits, RouterParams) {
  const RouterParams p = *params;
  const int64_t blocks = (p.experts + kLanes - 1) / kLanes;
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t token = tile / blocks, block = tile % blocks;
    router_block(p, static_cast<const float*>(buffers[0]) + token * p.x_stride, buffers[1], block * kLanes,
                 static_cast<float*>(buffers[2]) + (token * blocks + block) * kLanes);
  }
}

} // namespace r1::kernels::R1_ISA
