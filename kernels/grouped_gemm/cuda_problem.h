// Rows of a tile of grouped_gemm: pairs of one expert. Where their x is, and where the epilogue puts results.
#pragma once
#include "kernels/common/cuda_linear_schedule.h"

namespace r1::cuda {

// The lists of `groups`, kernels/registry/params.h.
template <class Config> struct ExpertGroups {
  static constexpr int kExperts = int(Config::experts);
  const int* words;

  R1_DEVICE int active() const { return words[0]; }
  R1_DEVICE int expert(int i) const { return words[1 + i]; }
  R1_DEVICE const int* offsets() const { return words + 1 + kExperts; }
  R1_DEVICE const int* pairs() const { return words + 2 + 2 * kExperts; }
};

// `rows` pairs from `pairs` on.
template <class Config, class Holes> struct ExpertProblem {
  const Arguments& arguments;
  const int* pairs;
  int rows;

  R1_DEVICE int count() const { return rows; }
  // The row of x of the i-th pair, of the last one where there are fewer.
  R1_DEVICE int row(int i) const {
    const int pair = pairs[smaller(i, rows - 1)];
    return Config::gather ? pair / int(Config::top_k) : pair;
  }
  R1_DEVICE const bf16* source(int i) const {
    return arguments.in<bf16>(0) + row(i) * (long long)Config::x_stride;
  }
  R1_DEVICE bool aligned() const { return aligned_rows<Config::x_stride>(arguments.in<bf16>(0)); }
  template <int V, int kAccumulators>
  R1_DEVICE void store(int i, int column, int count, float (&values)[kAccumulators][V]) const {
    Holes::template epilogue<V>(arguments, pairs[i], column, count, values);
  }
};

} // namespace r1::cuda
