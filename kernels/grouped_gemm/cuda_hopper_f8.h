// Experts' linear layers with e4m3 weights and bf16 x for many rows an expert on sm_90a: the arithmetic of
// grouped_gemm_f8, exactly.
//
// Schedule: kernels/common/cuda_hopper_widen.h, tiles of 64 or 128 rows x up to 128 columns. One warp group copies
// rows (cuda_hopper_rows.h), another widens: with 64 rows a line has but 512 cycles of products for some 400
// instructions of each of its four warps, and that many are the bound. Places and tile_m as in cuda_hopper.h.
//
// Parameters, buffers and holes of grouped_gemm_f8. Tensor map, innermost first:
//   W  u8, no swizzle  dims {kRowLength, n, experts * accumulators}  strides {kRowLength, n * kRowLength}
//      box {128, tile_n, 1}
#pragma once
#include "kernels/common/cuda_hopper_widen.h"
#include "kernels/grouped_gemm/cuda_hopper_place.h"
#include "kernels/grouped_gemm/cuda_hopper_rows.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class Config, class Holes> struct GroupedGemmHopperF8 {
  using Shape = LinearShape<Config, e4m3>;
  using Widened = HopperWidened<Shape, Shape::kTileM, kCopiers>;
  static constexpr int kThreads = Widened::kThreads, kSharedBytes = Widened::kSharedBytes;
  static constexpr int kMinBlocks = 1, kMaps = 1, kRowGroup = 16;
  static constexpr int kAhead = 1;
  static_assert(kAhead + 2 <= Widened::kStages, "while consumers have a slot, the next is under way");

  R1_DEVICE static void tile(const Arguments& arguments, const TensorMap* maps, int tile, u8* shared) {
    const ExpertGroups<Config> groups = {arguments.in<int>(3)};
    const ExpertPlace place = expert_place<Shape, kRowGroup>(groups, tile);
    if (place.rows == 0)
      return;
    const ExpertProblem<Config, Holes> problem = {arguments, groups.pairs() + place.first, place.rows};
    const LinearWeights<Shape> weights(arguments.in<e4m3>(1), arguments.in<float>(2), place.expert);
    const auto feed = [&](const typename Widened::Slots& slots) {
      const auto load_weights = [&](int step) {
        barrier_expect(slots.full_of(step), Widened::kWeightBytes);
        Widened::load_weights(slots, maps, step, place.column, place.expert);
      };
      const RowCopier<Config, bf16, Shape::kTileM, 2> rows(problem, arguments.in<bf16>(0));
      feed_rows<Widened::kSteps, kAhead>(slots, rows, load_weights);
    };
    Widened::tile(problem, weights, place.column, shared, kArrivals, feed);
  }
};

} // namespace r1::cuda

#endif
