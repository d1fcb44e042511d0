// What a tile of gemm is: which rows and columns, where rows of x are, and where the epilogue puts results.
#pragma once
#include "kernels/common/cuda_linear_schedule.h"

namespace r1::cuda {

// Rows [first, first + rows) and columns from `column` on in part `part` of the batch. The grid is sized for the
// largest step, so there may be nothing to do: rows = 0.
struct GemmPlace {
  int first, rows, part, column;
};

template <class Config, class Shape, int kRowGroup>
R1_DEVICE GemmPlace gemm_place(const Arguments& arguments, int tile) {
  constexpr int kColumnBlocks = Shape::kColumnBlocks, kColumns = int(Config::batch) * kColumnBlocks;
  const int rows = arguments.dims[0], row_blocks = divide_up(rows, Shape::kTileM);
  if (tile >= row_blocks * kColumns)
    return {0, 0, 0, 0};
  const TilePlace place = place_tile<kRowGroup>(tile, row_blocks, kColumns);
  const int first = place.row * Shape::kTileM;
  return {first, smaller(rows - first, Shape::kTileM), place.column / kColumnBlocks,
          place.column % kColumnBlocks * Shape::kTileN};
}

template <class Config, class Holes, class X = bf16> struct GemmProblem {
  const Arguments& arguments;
  const GemmPlace& place;
  const X* x;
  static_assert(sizeof(X) > 1 || (Config::x_stride % 128 == 0 && Config::batch == 1),
                "rows of a quantised x are whole pieces, its scales those of one product");

  R1_DEVICE GemmProblem(const Arguments& all, const GemmPlace& at)
      : arguments(all), place(at), x(all.in<X>(0) + at.part * Config::x_batch_stride) {}
  R1_DEVICE int count() const { return place.rows; }
  R1_DEVICE const X* source(int i) const { return x + (place.first + i) * Config::x_stride; }
  // Of a quantised x.
  R1_DEVICE const float* scales(int i) const {
    return arguments.in<float>(3) + (place.first + i) * (long long)kRowScales<Config::k>;
  }
  R1_DEVICE bool aligned() const { return aligned_rows<Config::x_stride>(x); }
  template <int V, int kAccumulators>
  R1_DEVICE void store(int i, int column, int count, float (&values)[kAccumulators][V]) const {
    Holes::template epilogue<V>(arguments, place.first + i, place.part * int(Config::n) + column, count,
                                values);
  }
};

} // namespace r1::cuda
