// Linear layers on a GPU: y = epilogue(x * W^T). Parameters, buffers and holes: kernels/registry/params.h,
// GemmParams. Weights are `rowmajor`, with `rowscales` for e4m3 (kernels/registry/layout.h).
//
// Config::tile_m chooses the schedule, see kernels/common/cuda_linear_schedule.h. cuda_hopper.h has another for
// sm_90a. cuda_quantised.h: x is e4m3 too.
#pragma once
#include "kernels/gemm/cuda_problem.h"

namespace r1::cuda {

template <class Config, class Holes, class Weight, class X = bf16> struct Gemm {
  static_assert(Config::prologue == 0, "a GPU norms in its own launch: the prologue would run once a block");
  using Shape = LinearShape<Config, Weight, X>;
  using Schedule = typename LinearSchedule<Shape>::Type;
  static constexpr int kThreads = Schedule::kThreads;
  static constexpr int kSharedBytes = Schedule::kSharedBytes;
  static constexpr int kMinBlocks = Schedule::kMinBlocks;

  R1_DEVICE static void tile(const Arguments& arguments, int tile, u8* shared) {
    const GemmPlace place = gemm_place<Config, Shape, Schedule::kRowGroup>(arguments, tile);
    if (place.rows == 0)
      return;
    const LinearWeights<Shape> weights(arguments.in<Weight>(1), Shape::kF8 ? arguments.in<float>(2) : nullptr,
                                       place.part);
    Schedule::tile(GemmProblem<Config, Holes, X>(arguments, place), weights, place.column, shared);
  }
};

template <class Config, class Holes> struct GemmBf16 : Gemm<Config, Holes, bf16> {};
template <class Config, class Holes> struct GemmF8 : Gemm<Config, Holes, e4m3> {};

} // namespace r1::cuda
