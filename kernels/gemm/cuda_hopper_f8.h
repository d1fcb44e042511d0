// Linear layers with e4m3 weights and bf16 x for many rows on sm_90a: the arithmetic of gemm_f8, exactly.
//
// Schedule: kernels/common/cuda_hopper_widen.h, tiles of 128 rows x up to 128 columns. Of the third warp group, one
// warp feeds the copy engine and three widen.
//
// Parameters, buffers and holes of gemm_f8. Tensor maps, innermost first:
//   0: x  bf16, swizzle 128B  dims {k, batch, rows}  strides {x_batch_stride, x_stride}  box {64, 1, 128}
//   1: W  u8, no swizzle  dims {kRowLength, n, batch * accumulators}  strides {kRowLength, n * kRowLength}
//         box {128, tile_n, 1}
// Addresses and strides as in cuda_hopper.h.
#pragma once
#include "kernels/common/cuda_hopper_widen.h"
#include "kernels/gemm/cuda_problem.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class Config, class Holes> struct GemmHopperF8 {
  static_assert(Config::prologue == 0, "a GPU norms in its own launch: the prologue would run once a block");
  static_assert(Config::tile_m == 128, "two groups of 64 rows");
  using Shape = LinearShape<Config, e4m3>;
  using Widened = HopperWidened<Shape, 128, 32>;
  static constexpr int kThreads = Widened::kThreads, kSharedBytes = Widened::kSharedBytes;
  static constexpr int kMinBlocks = 1, kMaps = 2, kRowGroup = 16;

  R1_DEVICE static void tile(const Arguments& arguments, const TensorMap* maps, int tile, u8* shared) {
    const GemmPlace place = gemm_place<Config, Shape, kRowGroup>(arguments, tile);
    if (place.rows == 0)
      return;
    const LinearWeights<Shape> weights(arguments.in<e4m3>(1), arguments.in<float>(2), place.part);
    const auto feed = [&](const typename Widened::Slots& slots) {
      if (thread_index() == kConsumers)
        load_lines(slots, maps, place);
    };
    Widened::tile(GemmProblem<Config, Holes>(arguments, place), weights, place.column, shared, 1, feed);
  }

private:
  R1_DEVICE static void load_lines(const typename Widened::Slots& slots, const TensorMap* maps,
                                   const GemmPlace& place) {
    tma_prefetch(maps);
    tma_prefetch(maps + 1);
    for (int step = 0; step < Widened::kSteps; ++step) {
      slots.wait_empty(step);
      barrier_expect(slots.full_of(step), Widened::kStageBytes);
      R1_UNROLL for (int half = 0; half < 2; ++half) {
        tma_load_3d(slots.slot(step) + half * Widened::kXHalf, maps, slots.full_of(step),
                    step * Widened::kLine + half * 64, place.part, place.first);
      }
      Widened::load_weights(slots, maps + 1, step, place.column, place.part);
    }
  }
};

} // namespace r1::cuda

#endif
