// Linear layers for many rows on sm_90a: warp groups multiply straight from shared memory.
//
// Arithmetic: as kernels/common/cuda_tiles.h, 128 rows x up to 256 columns a tile, whose sums 256 threads hold.
// Schedule: kernels/common/cuda_hopper_products.h. One thread has the copy engine fill the ring, x and W alike.
//
// GemmHopperBf16: parameters, buffers and holes of gemm_bf16. For gemm_f8 see cuda_hopper_f8.h.
// GemmHopperQuantised: x e4m3[rows][x_stride], W, scales of W, scales of x f32[rows][kLines].
//
// Tensor maps (element = bf16 or u8, swizzle 128B, box rows of 128 bytes), innermost first:
//   0: x  dims {k, batch, rows}            strides {x_batch_stride, x_stride}  box {kLine, 1, 128}
//   1: W  dims {kRowLength, n, batch * accumulators}  strides {kRowLength, n * kRowLength}  box {kLine, tile_n, 1}
// Addresses and strides of x must be multiples of 16 bytes (x_batch_stride where batch = 1: any such). Past k, x
// reads as 0; rows past those of this step are whatever memory holds, and make rows that are dropped.
#pragma once
#include "kernels/common/cuda_hopper_products.h"
#include "kernels/gemm/cuda_problem.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class Config, class Holes, class Weight> struct GemmHopper {
  static_assert(Config::prologue == 0, "a GPU norms in its own launch: the prologue would run once a block");
  static_assert(Config::tile_m == 128, "two groups of 64 rows");
  using Shape = LinearShape<Config, Weight>;
  using Products = HopperProducts<Shape, 128>;
  static constexpr int kThreads = Products::kThreads, kSharedBytes = Products::kSharedBytes;
  static constexpr int kMinBlocks = 1, kMaps = 2, kRowGroup = 16;

  struct Problem : GemmProblem<Config, Holes> {
    using GemmProblem<Config, Holes>::GemmProblem;
    R1_DEVICE const float* scales(int i) const {
      return this->arguments.template in<float>(3) + (this->place.first + i) * (long long)Shape::kLines;
    }
  };

  R1_DEVICE static void tile(const Arguments& arguments, const TensorMap* maps, int tile, u8* shared) {
    const GemmPlace place = gemm_place<Config, Shape, kRowGroup>(arguments, tile);
    if (place.rows == 0)
      return;
    const LinearWeights<Shape> weights(arguments.in<Weight>(1), Shape::kF8 ? arguments.in<float>(2) : nullptr,
                                       place.part);
    const auto produce = [&](const typename Products::Ring& ring) {
      if (thread_index() == kConsumers)
        load_lines(ring, maps, place);
    };
    Products::tile(Problem(arguments, place), weights, place.column, shared, 1, produce);
  }

private:
  R1_DEVICE static void load_lines(const typename Products::Ring& ring, const TensorMap* maps,
                                   const GemmPlace& place) {
    tma_prefetch(maps);
    tma_prefetch(maps + 1);
    for (int step = 0; step < Products::kSteps; ++step) {
      ring.wait_empty(step);
      barrier_expect(ring.full_of(step), Products::kStageBytes);
      tma_load_3d(ring.slot(step), maps, ring.full_of(step), step * Products::kLine, place.part, place.first);
      Products::load_weights(ring, maps + 1, step, place.column, place.part);
    }
  }
};

template <class Config, class Holes> struct GemmHopperBf16 : GemmHopper<Config, Holes, bf16> {};
template <class Config, class Holes> struct GemmHopperQuantised : GemmHopper<Config, Holes, e4m3> {};

} // namespace r1::cuda

#endif
