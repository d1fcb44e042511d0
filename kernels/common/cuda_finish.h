// Results of a tile, laid out in shared memory, meet the epilogue.
#pragma once
#include "kernels/common/cuda_linear.h"

namespace r1::cuda {

// `results` holds a row of sums every kStride floats: tile_n columns of each accumulator. Thread `thread` of
// kThreads takes eight neighbouring columns at a time, which are 16 bytes of bf16 where they are stored.
template <class Shape, int kThreads, int kStride, class Problem>
R1_DEVICE void finish_tile(const Problem& problem, int first_column, int thread, const float* results) {
  constexpr int kEights = Shape::kTileN / 8;
  for (int i = thread; i < kEights * problem.count(); i += kThreads) {
    const int row = i / kEights, column = i % kEights * 8;
    const int left = Shape::kN - first_column - column;
    if (left <= 0)
      continue;
    float values[Shape::kAccumulators][8];
    R1_UNROLL for (int a = 0; a < Shape::kAccumulators; ++a) {
      R1_UNROLL for (int half = 0; half < 2; ++half) {
        const auto four =
            load_vector<float, 4>(results + row * kStride + a * Shape::kTileN + column + half * 4);
        R1_UNROLL for (int v = 0; v < 4; ++v) { values[a][half * 4 + v] = four.v[v]; }
      }
    }
    problem.template store<8>(row, first_column + column, smaller(left, 8), values);
  }
}

} // namespace r1::cuda
