// The rows of hidden states whose logits are wanted.
//   bytes per row: cols * element + what the hole writes; no arithmetic.
#pragma once
#include "kernels/common/elements.h"
#include "kernels/common/skeleton.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(gather, GatherParams) {
  const GatherParams p = *params;
  const int32_t* rows = static_cast<const int32_t*>(buffers[1]);
  for (int64_t row = begin; row < end; ++row)
    for (int64_t col = 0; col < p.cols; col += kLanes) {
      const int64_t count = p.cols - col < kLanes ? p.cols - col : kLanes;
      alignas(64) float values[kLanes];
      put(values, load_elements(buffers[0], rows[row] * p.x_stride + col, p.x_type, count));
      holes[0](buffers, row, col, count, values);
    }
}

} // namespace r1::kernels::R1_ISA
