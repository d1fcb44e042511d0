// What the schedules of a linear layer share: its static shape, its weights, and how rows of x are read.
#pragma once
#include "kernels/common/cuda_fragment.h"
#include "kernels/primitives/cuda/base.h"

namespace r1::cuda {

R1_DEVICE constexpr int divide_up(long long a, long long b) { return int((a + b - 1) / b); }
R1_DEVICE constexpr int smaller(int a, int b) { return a < b ? a : b; }
R1_DEVICE constexpr int larger(int a, int b) { return a < b ? b : a; }

// Config: n, k, accumulators, tile_m, tile_n as in kernels/registry/params.h. W: bf16 or e4m3.
template <class Config, class W> struct LinearShape {
  using Weight = W;
  static constexpr bool kF8 = sizeof(Weight) == 1;
  static constexpr int kN = int(Config::n), kK = int(Config::k);
  static constexpr int kAccumulators = int(Config::accumulators);
  static constexpr int kTileM = int(Config::tile_m), kTileN = int(Config::tile_n);
  static constexpr int kLine = 128 / int(sizeof(Weight)); // elements in 128 bytes of a weight row
  static constexpr int kLines = divide_up(kK, kLine);     // in a row
  static constexpr int kRowLength = kLines * kLine;       // elements from one weight row to the next
  static constexpr int kStrips = divide_up(kN, 16);       // a scale belongs to 16 rows and 128 k
  static constexpr int kColumnBlocks = divide_up(kN, kTileN);
  static_assert(kTileN % 16 == 0, "a column block is whole strips of 16 columns");
  static_assert(kAccumulators == 1 || kAccumulators == 2, "one matrix, or gate and up");
};

// One matrix per accumulator: weights [accumulators][n][kRowLength], and for e4m3 scales
// [accumulators][kStrips][kLines]. The last column block may reach past n, where there is no memory: copies of
// such columns have no bytes (copied_bytes), and what they make is dropped.
template <class Shape> struct LinearWeights {
  using Weight = typename Shape::Weight;
  const Weight* rows;
  const float* scales;

  // The matrices of `index`: a part of the batch, or an expert.
  R1_DEVICE LinearWeights(const Weight* weights, const float* all_scales, long long index)
      : rows(weights + index * Shape::kAccumulators * Shape::kN * Shape::kRowLength),
        scales(Shape::kF8 ? all_scales + index * Shape::kAccumulators * Shape::kStrips * Shape::kLines
                          : nullptr) {}

  R1_DEVICE const Weight* row(int accumulator, int column) const {
    return rows + (long long)(accumulator * Shape::kN + column) * Shape::kRowLength;
  }
  R1_DEVICE static int copied_bytes(int column) {
    return Shape::kN % Shape::kTileN == 0 || column < Shape::kN ? 16 : 0;
  }
  R1_DEVICE const float* scale(int accumulator, int column) const {
    const int strip = Shape::kN % Shape::kTileN == 0 ? column / 16 : smaller(column / 16, Shape::kStrips - 1);
    return scales + (accumulator * Shape::kStrips + strip) * Shape::kLines;
  }
};

// May rows of x be read 16 bytes at a time? The same answer for a whole block.
template <long long kStride> R1_DEVICE bool aligned_rows(const bf16* x) {
  return kStride % 8 == 0 && reinterpret_cast<u64>(x) % 16 == 0;
}

// How many of the V elements from `at` on lie below k: the rest is other people's memory, NaN perhaps. `at` is a
// multiple of V.
template <int kK, int V> R1_DEVICE int elements_of(int at) {
  if constexpr (kK % V == 0)
    return at < kK ? V : 0;
  return at + V <= kK ? V : at < kK ? kK - at : 0;
}
template <int kK> R1_DEVICE int elements_of_eight(int at) { return elements_of<kK, 8>(at); }

// The first `count` of the eight elements at p, then zeros; any alignment.
R1_DEVICE u32x4 load_some(const bf16* p, int count) {
  u32 pairs[4];
  R1_UNROLL for (int i = 0; i < 4; ++i) {
    const u32 low = 2 * i < count ? p[2 * i].bits : 0;
    const u32 high = 2 * i + 1 < count ? p[2 * i + 1].bits : 0;
    pairs[i] = low | high << 16;
  }
  return {pairs[0], pairs[1], pairs[2], pairs[3]};
}

} // namespace r1::cuda
