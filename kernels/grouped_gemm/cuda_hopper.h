// Experts' linear layers for many rows an expert on sm_90a: warp groups multiply straight from shared memory.
//
// Arithmetic: an expert of r rows has 2 * r * n * k operations, and n * k weights to read: on an H200 the two take
// the same time at 200 rows with bf16 weights, 100 with e4m3 widened, 200 with e4m3 products; on an H100 at half as
// many again. R1 has 64 to 256 rows an expert, so neither bound is far away: weights are to be read once
// (cuda_hopper_place.h), rows not to be wasted, tensor cores to be kept busy.
//   tile_m 128: a consumer group has 64 rows and all columns.
//   tile_m 64:  both groups read the same 64 rows, each multiplies half of the columns. Two products of 64 x 128 x 16
//               read 12 KiB of shared memory in 128 cycles and have 10 KiB of copies beside them, more than the 128
//               bytes a cycle that there are: some 0.7 of the rate of tile_m 128.
// Rows scatter about their average, so of 64 rows half a tile is waste: (r + 32) / 0.7, against the 128 of a single
// tile of 128. They meet at some 60 rows; compiler/select/Schedules.h chooses so.
// Schedule: kernels/common/cuda_hopper_products.h, weights by the copy engine, rows of x as cuda_hopper_rows.h says.
//
// GroupedGemmHopperBf16: parameters, buffers and holes of grouped_gemm_bf16. For grouped_gemm_f8 see
// cuda_hopper_f8.h. GroupedGemmHopperQuantised: as GemmHopperQuantised, x e4m3[..][x_stride], W, scales of W, groups,
// scales of x f32[..][kLines], one row for each of x; address and stride of x are multiples of 16.
//
// Grid: cuda_hopper_place.h. Tensor map (element = bf16 or u8, swizzle 128B), innermost first:
//   W  dims {kRowLength, n, experts * accumulators}  strides {kRowLength, n * kRowLength}  box {kLine, tile_n, 1}
#pragma once
#include "kernels/common/cuda_hopper_products.h"
#include "kernels/grouped_gemm/cuda_hopper_place.h"
#include "kernels/grouped_gemm/cuda_hopper_rows.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class Config, class Holes, class Weight> struct GroupedGemmHopper {
  using Shape = LinearShape<Config, Weight>;
  using Products = HopperProducts<Shape, Shape::kTileM>;
  static constexpr int kThreads = Products::kThreads, kSharedBytes = Products::kSharedBytes;
  static constexpr int kMinBlocks = 1, kMaps = 1, kRowGroup = 16;
  static constexpr int kAhead = 2;
  static_assert(kAhead + 2 <= Products::kStages, "consumers hold two slots when they wait for the next");

  struct Problem : ExpertProblem<Config, Holes> {
    static_assert(!Shape::kF8 || Config::x_stride % 16 == 0, "rows of quantised x are aligned");
    R1_DEVICE const float* scales(int i) const {
      return this->arguments.template in<float>(4) + this->row(i) * (long long)Shape::kLines;
    }
  };

  R1_DEVICE static void tile(const Arguments& arguments, const TensorMap* maps, int tile, u8* shared) {
    const ExpertGroups<Config> groups = {arguments.in<int>(Shape::kF8 ? 3 : 2)};
    const ExpertPlace place = expert_place<Shape, kRowGroup>(groups, tile);
    if (place.rows == 0)
      return;
    const Problem problem = {{arguments, groups.pairs() + place.first, place.rows}};
    const LinearWeights<Shape> weights(arguments.in<Weight>(1), Shape::kF8 ? arguments.in<float>(2) : nullptr,
                                       place.expert);
    const auto produce = [&](const typename Products::Ring& ring) {
      const auto load_weights = [&](int step) {
        barrier_expect(ring.full_of(step), Products::kWeightBytes);
        Products::load_weights(ring, maps, step, place.column, place.expert);
      };
      const RowCopier<Config, Weight, Shape::kTileM, 1> rows(problem, arguments.in<Weight>(0));
      feed_rows<Products::kSteps, kAhead>(ring, rows, load_weights);
    };
    Products::tile(problem, weights, place.column, shared, kArrivals, produce);
  }
};

template <class Config, class Holes> struct GroupedGemmHopperBf16 : GroupedGemmHopper<Config, Holes, bf16> {};
template <class Config, class Holes>
struct GroupedGemmHopperQuantised : GroupedGemmHopper<Config, Holes, e4m3> {};

} // namespace r1::cuda

#endif
