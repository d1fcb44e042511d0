// Linear layers on a GPU: y = epilogue(x * W^T). Parameters, buffers and holes: kernels/registry/params.h,
// GemmParams. Weights are `rowmajor`, with `rowscales` for e4m3 (kernels/registry/layout.h).
//
// Config::tile_m chooses the schedule, see kernels/common/cuda_linear_schedule.h.
#pragma once
#include "kernels/common/cuda_linear_schedule.h"

namespace r1::cuda {

template <class Config, class Holes, class Weight> struct Gemm {
  static_assert(Config::prologue == 0, "a GPU norms in its own launch: the prologue would run once a block");
  using Shape = LinearShape<Config, Weight>;
  using Schedule = typename LinearSchedule<Shape>::Type;
  static constexpr int kThreads = Schedule::kThreads;
  static constexpr int kSharedBytes = Schedule::kSharedBytes;
  static constexpr int kMinBlocks = Schedule::kMinBlocks;
  static constexpr int kBatch = int(Config::batch), kColumnBlocks = Shape::kColumnBlocks;

  // Rows [first, first + rows) of x and y in part `part` of the batch.
  struct Problem {
    const Arguments& arguments;
    const bf16* x;
    int first, rows, part;

    R1_DEVICE int count() const { return rows; }
    R1_DEVICE const bf16* source(int i) const { return x + (first + i) * Config::x_stride; }
    R1_DEVICE bool aligned() const { return aligned_rows<Config::x_stride>(x); }
    template <int V>
    R1_DEVICE void store(int i, int column, int count, float (&values)[Shape::kAccumulators][V]) const {
      Holes::template epilogue<V>(arguments, first + i, part * Shape::kN + column, count, values);
    }
  };

  R1_DEVICE static void tile(const Arguments& arguments, int tile, u8* shared) {
    const int rows = arguments.dims[Config::rows_dim], row_blocks = divide_up(rows, Shape::kTileM);
    if (tile >= row_blocks * kBatch * kColumnBlocks)
      return;
    const TilePlace place = place_tile<Schedule::kRowGroup>(tile, row_blocks, kBatch * kColumnBlocks);
    const int part = place.column / kColumnBlocks, first = place.row * Shape::kTileM;
    const Problem problem = {arguments, arguments.in<bf16>(0) + part * Config::x_batch_stride, first,
                             smaller(rows - first, Shape::kTileM), part};
    const LinearWeights<Shape> weights(arguments.in<Weight>(1), Shape::kF8 ? arguments.in<float>(2) : nullptr,
                                       part);
    Schedule::tile(problem, weights, place.column % kColumnBlocks * Shape::kTileN, shared);
  }
};

template <class Config, class Holes> struct GemmBf16 : Gemm<Config, Holes, bf16> {};
template <class Config, class Holes> struct GemmF8 : Gemm<Config, Holes, e4m3> {};

} // namespace r1::cuda
