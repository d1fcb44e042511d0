// The two consumer warp groups of a tile on sm_90a: which part of it each multiplies, and how its sums, as wgmma
// leaves them in registers, meet the epilogue.
#pragma once
#include "kernels/common/cuda_finish.h"
#include "kernels/primitives/cuda/barrier.h"

#if R1_SM >= 90

namespace r1::cuda {

inline constexpr int kConsumers = 256; // threads

// Of 128 rows a group has 64, and all columns. 64 rows both groups read, and each has half of the columns.
template <int kTileRows, int kTileColumns> struct GroupPart {
  static_assert(kTileRows == 64 || kTileRows == 128, "wgmma multiplies 64 rows");
  static constexpr bool kSplitsRows = kTileRows == 128;
  static constexpr int kColumns = kSplitsRows ? kTileColumns : kTileColumns / 2;
  static constexpr int kSums = kColumns / 2; // of a thread

  R1_DEVICE static int first_row() { return kSplitsRows ? thread_index() / 128 * 64 : 0; }
  R1_DEVICE static int first_column() { return kSplitsRows ? 0 : thread_index() / 128 * kColumns; }
  // The row of the tile of a thread's first sums; the others are 8 rows below.
  R1_DEVICE static int row() { return first_row() + thread_index() / 32 % 4 * 16 + lane_index() / 4; }

  // Results, in float. With 8 more a row, the lanes of a store touch all banks.
  static constexpr int kResultStride = kTileColumns + 8;
  static constexpr int kResultBytes = kTileRows * kResultStride * 4;
};

// Called by the consumers alone, once they have no use for what lies in `results`.
template <class Shape, class Part, class Problem>
R1_DEVICE void finish_groups(const Problem& problem, int first_column, const float (&sums)[Part::kSums],
                             float* results) {
  sync_threads(1, kConsumers); // both groups are done with the ring
  R1_UNROLL for (int i = 0; i < Part::kSums; i += 2) {
    store_vector<float, 2>(results + (Part::row() + i / 2 % 2 * 8) * Part::kResultStride +
                               Part::first_column() + i / 4 * 8 + lane_index() % 4 * 2,
                           {{sums[i], sums[i + 1]}});
  }
  sync_threads(1, kConsumers);
  finish_tile<Shape, kConsumers, Part::kResultStride>(problem, first_column, thread_index(), results);
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
