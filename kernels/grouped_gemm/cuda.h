// Experts' linear layers on a GPU. Parameters, buffers and holes: kernels/registry/params.h,
// GroupedGemmParams. Weights are `rowmajor`, with `rowscales` for e4m3, an expert as a part of the batch.
//
// Config has one field more than GroupedGemmParams: tile_m, the rows that go together, which chooses the
// schedule (kernels/common/cuda_linear_schedule.h). A tile is an active expert and a column block: it walks all
// of that expert's rows, so weights come from memory once, and from L2 where an expert has more than tile_m.
// cuda_hopper.h has another schedule for sm_90a.
#pragma once
#include "kernels/grouped_gemm/cuda_problem.h"

namespace r1::cuda {

template <class Config, class Holes, class Weight> struct GroupedGemm {
  using Shape = LinearShape<Config, Weight>;
  using Schedule = typename LinearSchedule<Shape>::Type;
  static constexpr int kThreads = Schedule::kThreads;
  static constexpr int kSharedBytes = Schedule::kSharedBytes;
  static constexpr int kMinBlocks = Schedule::kMinBlocks;

  R1_DEVICE static void tile(const Arguments& arguments, int tile, u8* shared) {
    const ExpertGroups<Config> groups = {arguments.in<int>(Shape::kF8 ? 3 : 2)};
    const int active = tile / Shape::kColumnBlocks, column = tile % Shape::kColumnBlocks * Shape::kTileN;
    if (active >= groups.active())
      return;
    const LinearWeights<Shape> weights(arguments.in<Weight>(1), Shape::kF8 ? arguments.in<float>(2) : nullptr,
                                       groups.expert(active));
    const int end = groups.offsets()[active + 1];
    for (int first = groups.offsets()[active]; first < end;) {
      const ExpertProblem<Config, Holes> problem = {arguments, groups.pairs() + first,
                                                    smaller(end - first, Shape::kTileM)};
      Schedule::tile(problem, weights, column, shared);
      first += Shape::kTileM;
      if (first < end)
        sync_block(); // results of this round are read from where the next writes
    }
  }
};

template <class Config, class Holes> struct GroupedGemmBf16 : GroupedGemm<Config, Holes, bf16> {};
template <class Config, class Holes> struct GroupedGemmF8 : GroupedGemm<Config, Holes, e4m3> {};

} // namespace r1::cuda
