// Positions and slots of the tokens whose logits are wanted.
//   bytes per row: 12; no arithmetic.
#pragma once
#include "kernels/common/skeleton.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(gather_words, GatherWordsParams) {
  const GatherWordsParams p = *params;
  const int32_t* x = static_cast<const int32_t*>(buffers[0]);
  const int32_t* rows = static_cast<const int32_t*>(buffers[1]);
  int32_t* y = static_cast<int32_t*>(buffers[2]);
  const int64_t first = begin * p.tile, stop = min_of(end * p.tile, dims[kRows]);
  for (int64_t row = first; row < stop; ++row)
    y[row] = x[rows[row]];
}

} // namespace r1::kernels::R1_ISA
