// How sums of two warp groups, as wgmma leaves them in registers, meet the epilogue.
#pragma once
#include "kernels/common/cuda_finish.h"
#include "kernels/primitives/cuda/barrier.h"

#if R1_SM >= 90

namespace r1::cuda {

inline constexpr int kConsumers = 256; // threads: two groups of 64 rows

// The row of the tile of a thread's first sums; the others are 8 rows below.
R1_DEVICE int consumer_row() { return thread_index() / 32 * 16 + lane_index() / 4; }

// With 8 floats more a row of results, the lanes of a store touch all banks.
template <int kColumns> inline constexpr int kGroupResultStride = kColumns + 8;
template <int kColumns> inline constexpr int kGroupResultBytes = 128 * kGroupResultStride<kColumns> * 4;

// Called by the consumers alone, once they have no use for what lies in `results`.
template <class Shape, class Problem, int kSums>
R1_DEVICE void finish_groups(const Problem& problem, int first_column, const float (&sums)[kSums],
                             float* results) {
  constexpr int kStride = kGroupResultStride<kSums * 2>;
  sync_threads(1, kConsumers); // both groups are done with the ring
  R1_UNROLL for (int i = 0; i < kSums; i += 2) {
    store_vector<float, 2>(results + (consumer_row() + i / 2 % 2 * 8) * kStride + i / 4 * 8 +
                               lane_index() % 4 * 2,
                           {{sums[i], sums[i + 1]}});
  }
  sync_threads(1, kConsumers);
  finish_tile<Shape, kConsumers, kStride>(problem, first_column, thread_index(), results);
  fence_async_proxy(); // a next tile's copies come after these results
}

// Scales of a tile's weights, by all kThreads threads, to [strip of the tile][line].
template <class Shape, int kThreads>
R1_DEVICE void copy_scales(const LinearWeights<Shape>& weights, int first_column, float* scales) {
  constexpr int kAcross = Shape::kTileN / 16, kStrips = kAcross * Shape::kAccumulators;
  for (int i = thread_index(); i < kStrips * Shape::kLines; i += kThreads) {
    const int strip = i / Shape::kLines;
    scales[i] = weights.scale(strip / kAcross, first_column + strip % kAcross * 16)[i % Shape::kLines];
  }
}

} // namespace r1::cuda

#endif
