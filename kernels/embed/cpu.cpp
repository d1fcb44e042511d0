// Rows of the embedding table by token id.
//   bytes per token: cols * (table element + result element); no arithmetic. Bound by latency and bandwidth
//   of one table row.
#include "kernels/common/elements.h"
#include "kernels/common/skeleton.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(embed, EmbedParams) {
  const EmbedParams p = *params;
  const int32_t* ids = static_cast<const int32_t*>(buffers[0]);
  for (int64_t token = begin; token < end; ++token)
    for (int64_t col = 0; col < p.cols; col += kLanes) {
      const int64_t count = p.cols - col < kLanes ? p.cols - col : kLanes;
      alignas(64) float values[kLanes];
      put(values, load_elements(buffers[1], int64_t(ids[token]) * p.cols + col, p.table_type, count));
      holes[0](buffers, token, col, count, values);
    }
}

} // namespace r1::kernels::R1_ISA
