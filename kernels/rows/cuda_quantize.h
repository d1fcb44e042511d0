// Rows as e4m3 with a scale for each 128 columns, what tensor cores multiply beside e4m3 weights.
//   bytes per row: cols * (x element + 1) + cols / 32; about 25 operations an element, most of them the division.
//   Bound by bandwidth at many rows, by latency at few.
// One block a row. 16 neighbouring threads take a piece of 128 columns, eight columns each, so that a piece stays in
// registers between its maximum and its rounding. Behind the last column a row is 0 up to a whole piece, so that who
// multiplies it need not ask where it ends.
#pragma once
#include "kernels/common/cuda_elements.h"
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/warp.h"

namespace r1::cuda {

template <class Config, class Holes> struct RowsQuantize {
  using X = Element<Config::x_type>;
  static constexpr int V = 8, kPiece = 128, kLanes = kPiece / V;
  static constexpr int kCols = int(Config::cols), kPieces = blocks_of(kCols, kPiece);
  static constexpr long long kStride = kPieces * kPiece;         // of rows of y
  static constexpr long long kScaleStride = row_stride(kPieces); // of rows of scales
  static constexpr int kThreads = kPieces * kLanes < 256 ? blocks_of(kPieces * kLanes, 32) * 32 : 256;
  static constexpr int kSharedBytes = 0;
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int row, u8*) {
    if (row >= a.dims[0] * int(Config::inner))
      return;
    const X* x = a.in<X>(0) + row * Config::x_stride;
    e4m3* y = a.out<e4m3>(1) + row * kStride;
    float* scales = a.out<float>(2) + row * kScaleStride;
    const bool aligned = kCols % V == 0 && is_aligned(x, 16);
    // Every thread goes as many rounds, for the warp's sake.
    R1_ROLLED for (int first = 0; first < kPieces; first += kThreads / kLanes) {
      const int piece = first + thread_index() / kLanes,
                column = piece * kPiece + thread_index() % kLanes * V;
      const int left = kCols - column, count = left < 0 ? 0 : left < V ? left : V;
      float v[V] = {};
      if (aligned && count == V)
        load_columns<true>(x + column, V, v);
      else if (!aligned)
        load_columns<false>(x + column, count, v);
      float largest = 1e-4f;
      R1_UNROLL for (int i = 0; i < V; ++i) largest =
          math::max(largest, math::abs(v[i])); // NaN does not count
      R1_UNROLL for (int mask = kLanes / 2; mask > 0; mask /= 2) largest =
          math::max(largest, shuffle_xor(largest, mask));
      float scale = largest / 448.0f;
      if constexpr (Config::ue8m0) // 2^ceil(log2(scale)), exactly; it is never subnormal
        scale = float_from_bits((float_bits(scale) + 0x7fffff) & 0xff800000);
      if (piece >= kPieces)
        continue;
      R1_UNROLL for (int i = 0; i < V; ++i) v[i] /= scale;
      store_columns<true>(y + column, V, v);
      if (thread_index() % kLanes == 0)
        scales[piece] = scale;
    }
  }
};

} // namespace r1::cuda
