// Choice of experts from logits.
//   operations per token: experts * (about 25 for the score + 2 * experts for the choice); everything lies in shared memory.
//   Bound by latency.
#pragma once
#include "kernels/router/cuda_choice.h"

namespace r1::cuda {

template <class Config, class Holes> struct RouterTopk {
  static constexpr int kThreads = Config::experts <= 128 ? 128 : 256;
  using Choice = RouterChoice<Config, kThreads>;
  static constexpr int kSharedBytes = sizeof(typename Choice::Shared);
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int token, u8* shared) {
    if (token >= a.dims[0])
      return;
    const float* logits = a.in<float>(0) + static_cast<long long>(token) * Choice::kPadded;
    const long long result = static_cast<long long>(token) * Choice::kTopK;
    Choice::choose([&](int e) { return logits[e]; }, a.in<float>(1), a.out<int>(2) + result,
                   a.out<float>(3) + result, *reinterpret_cast<typename Choice::Shared*>(shared));
  }
};

} // namespace r1::cuda
