// Experts' linear layers on a GPU. Parameters, buffers and holes: kernels/registry/params.h,
// GroupedGemmParams. Weights are `rowmajor`, with `rowscales` for e4m3, an expert as a part of the batch.
//
// Config has one field more than GroupedGemmParams: tile_m, the rows that go together, which chooses the
// schedule (kernels/common/cuda_linear_schedule.h). A tile is an active expert and a column block: it walks all
// of that expert's rows, so weights come from memory once, and from L2 where an expert has more than tile_m.
// cuda_quantised.h: x is e4m3 too.
#pragma once
#include "kernels/common/cuda_linear_schedule.h"

namespace r1::cuda {

template <class Config, class Holes, class Weight, class X = bf16> struct GroupedGemm {
  using Shape = LinearShape<Config, Weight, X>;
  using Schedule = typename LinearSchedule<Shape>::Type;
  static constexpr int kThreads = Schedule::kThreads;
  static constexpr int kSharedBytes = Schedule::kSharedBytes;
  static constexpr int kMinBlocks = Schedule::kMinBlocks;
  static constexpr int kExperts = int(Config::experts);
  static constexpr int kGroups = Shape::kQuantised ? 4 : Shape::kF8 ? 3 : 2; // a buffer

  // `rows` pairs from `pairs` on.
  struct Problem {
    const Arguments& arguments;
    const X* x;
    const int* pairs;
    int rows;

    R1_DEVICE int count() const { return rows; }
    R1_DEVICE long long row(int i) const {
      const int pair = pairs[smaller(i, rows - 1)];
      return Config::gather ? pair / int(Config::top_k) : pair;
    }
    R1_DEVICE const X* source(int i) const { return x + row(i) * Config::x_stride; }
    R1_DEVICE const float* scales(int i) const { return arguments.in<float>(3) + row(i) * Shape::kScaleStride; }
    R1_DEVICE bool aligned() const { return aligned_rows<Config::x_stride>(x); }
    template <int V>
    R1_DEVICE void store(int i, int column, int count, float (&values)[Shape::kAccumulators][V]) const {
      Holes::template epilogue<V>(arguments, pairs[i], column, count, values);
    }
  };

  R1_DEVICE static void tile(const Arguments& arguments, int tile, u8* shared) {
    const int* groups = arguments.in<int>(kGroups);
    const int active = tile / Shape::kColumnBlocks, column = tile % Shape::kColumnBlocks * Shape::kTileN;
    if (active >= groups[0])
      return;
    const int expert = groups[1 + active];
    const int* offsets = groups + 1 + kExperts;
    const int* pairs = groups + 2 + 2 * kExperts;
    const LinearWeights<Shape> weights(arguments.in<Weight>(1), Shape::kF8 ? arguments.in<float>(2) : nullptr,
                                       expert);
    const int end = offsets[active + 1];
    for (int first = offsets[active]; first < end;) {
      const Problem problem = {arguments, arguments.in<X>(0), pairs + first,
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
