// Logits and choice of one token in one go, for steps with many more tokens than the chip has processors.
//   bytes and operations: those of router_logits plus router_topk, without the logits' way through memory. One block reads all
//   of W for its token (3.6 MB for R1): at few tokens router_logits, which spreads W over 16 blocks, is faster.
#pragma once
#include "kernels/router/cuda_choice.h"
#include "kernels/router/cuda_dot.h"

namespace r1::cuda {

template <class Config, class Holes> struct RouterFused {
  static constexpr int kThreads = 256;
  using Choice = RouterChoice<Config, kThreads>;
  using Dot = RouterDot<Config, 1, kThreads>;
  struct Shared {
    typename Choice::Shared choice;
    float partial[Dot::kWarps * Choice::kPadded];
  };
  static constexpr int kSharedBytes = sizeof(Shared);
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int token, u8* shared) {
    if (token >= a.dims[0])
      return;
    Shared& s = *reinterpret_cast<Shared*>(shared);
    const float* x = a.in<float>(0) + static_cast<long long>(token) * Config::x_stride;
    R1_ROLLED for (int first = 0; first < Choice::kPadded; first += Dot::kExperts)
        Dot::partial_sums(x, 1, a.in<typename Dot::W>(1), first, s.partial + first, Choice::kPadded);
    sync_block();
    const long long result = static_cast<long long>(token) * Choice::kTopK;
    Choice::choose([&](int e) { return Dot::sum(s.partial, Choice::kPadded, e); }, a.in<float>(2),
                   a.out<int>(3) + result, a.out<float>(4) + result, s.choice);
  }
};

} // namespace r1::cuda
