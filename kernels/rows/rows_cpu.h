// Row maps and reductions (residual additions, norms, conversions, the sum over a token's experts).
//   bytes per row: what the holes read and write + combine_k * cols * 4; operations: a handful an element.
//   Bound by bandwidth.
// A row's values wait in scratch between the sum of squares and the second pass, so inputs are read once. The
// sum runs in four vectors of 16 lanes in a fixed order; a row is never split, so threads cannot change it.
#pragma once
#include "kernels/common/elements.h"
#include "kernels/common/skeleton.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(rows, RowsParams) {
  const RowsParams p = *params;
  float* row_values = static_cast<float*>(scratch); // [round_up(cols, 16)]
  alignas(64) float values[2 * kLanes];
  for (int64_t row = begin; row < end; ++row) {
    f32x16 squares[4] = {all(0.0f), all(0.0f), all(0.0f), all(0.0f)};
    for (int64_t col = 0; col < p.cols; col += kLanes) {
      const int64_t count = p.cols - col < kLanes ? p.cols - col : kLanes;
      f32x16 v = all(0.0f);
      if (p.combine_k > 0) {
        const float* y = static_cast<const float*>(buffers[0]);
        const float* weights = static_cast<const float*>(buffers[1]) + row * p.combine_k;
        for (int64_t j = 0; j < p.combine_k; ++j)
          v += weights[j] * load_elements(y, (row * p.combine_k + j) * p.y_stride + col, kF32, count);
      }
      put(values, v);
      holes[0](buffers, row, col, count, values);
      v = get(values);
      if (!p.norm) {
        put(values + kLanes, all(1.0f));
        holes[1](buffers, row, col, count, values);
        continue;
      }
      put(row_values + col, v);
      if (count < kLanes)
        v = first_lanes(v, count, all(0.0f)); // a hole may leave anything in the lanes it was not asked for
      f32x16& sum = squares[(col / kLanes) & 3];
      sum += v * v;
    }
    if (!p.norm)
      continue;
    const float sum = reduce_add((squares[0] + squares[1]) + (squares[2] + squares[3]));
    const float rstd = 1.0f / square_root(sum / float(p.cols) + float(p.epsilon));
    for (int64_t col = 0; col < p.cols; col += kLanes) {
      const int64_t count = p.cols - col < kLanes ? p.cols - col : kLanes;
      put(values, get(row_values + col));
      put(values + kLanes, all(rstd));
      holes[1](buffers, row, col, count, values);
    }
  }
}

} // namespace r1::kernels::R1_ISA
