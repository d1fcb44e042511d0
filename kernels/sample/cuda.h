// The next token id of a row of logits: temperature, top-k, top-p, one draw. What is computed: registry/params.h, SampleParams.
//   R1: 129,280 logits a row are 517 KB, which lie in L2. A block takes one row and has 64 bytes a cycle of L2, 5 us for a pass.
//     greedy          1 pass for the largest: 5 us.
//     temperature     1 pass more for weights, summed by warp; then the warp's part into which the draw points, a 32nd, and of that a 32nd.
//     top-p or top-k  the logit at which to cut, found by histograms, never by sorting: one pass by distance from the largest in steps
//                     linear in the exponent, which spreads tokens best; one for the extremes of the chosen bin; then by the
//                     bits of the floats between them, mostly 2. Sums of the weights that stay: 1.
//   Bound: 18 operations on doubles a token that weighs something, 19 us for all tokens where a multiprocessor does 64 of them a
//   cycle (sm_80, 90, 100), 600 us where it does 2; with a model's logits few tokens are within exp(-28) of the largest. A step of
//   R1 takes milliseconds.
// Sums are of integers, so neither order nor number of threads changes them.
#pragma once
#include "kernels/sample/cuda_row.h"

namespace r1::cuda {

template <class Config, class Holes> struct Sample {
  static_assert(Config::vocab > 0 && Config::vocab < 1 << 23);
  static constexpr int kThreads = Config::vocab > 8192 ? 1024 : 256;
  using Row = SampleRow<int(Config::vocab), kThreads>;
  static constexpr int kSharedBytes = sizeof(typename Row::Shared);
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int row, u8* shared) {
    if (row >= a.dims[0])
      return;
    const int* options = a.in<int>(1) + row * 4LL;
    const int top_k = options[2];
    int id = -1;
    if (top_k >= 0)
      id =
          Row{a.in<float>(0) + row * Config::stride, *reinterpret_cast<typename Row::Shared*>(shared)}.choose(
              double_from_bits(wide(options)), top_k, u32(options[3]), wide(a.in<int>(2) + row * 2LL));
    if (thread_index() == 0)
      a.out<int>(3)[row] = id;
  }

private:
  R1_DEVICE static u64 wide(const int* words) { return u64(u32(words[1])) << 32 | u32(words[0]); }
};

} // namespace r1::cuda
