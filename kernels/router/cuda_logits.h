// Router logits in float.
//   bytes: experts * hidden * w element, read once a tile of tokens (from L2 after the first); 2 * experts * hidden operations
//   a token. At one token bound by latency: 16 blocks for R1's 256 experts, each fetching 16 rows (224 KB in bf16). At many
//   tokens bound by L2's bandwidth, which kTokens divides, and then by float multiply-adds.
// A tile is (block of tile_tokens tokens, block of 16 experts).
#pragma once
#include "kernels/router/cuda_dot.h"

namespace r1::cuda {

template <class Config, class Holes> struct RouterLogits {
  static constexpr int kThreads = 256, kTokens = int(Config::tile_tokens);
  using Dot = RouterDot<Config, kTokens, kThreads>;
  static constexpr int kSums = kTokens * Dot::kExperts;
  static constexpr int kSharedBytes = Dot::kWarps * kSums * sizeof(float);
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    constexpr int kBlocks = blocks_of(int(Config::experts), Dot::kExperts);
    const int token = tile / kBlocks * kTokens, first = tile % kBlocks * Dot::kExperts;
    const int tokens = a.dims[0] - token;
    if (tokens <= 0)
      return;
    float* partial = reinterpret_cast<float*>(shared);
    const float* x = a.in<float>(0) + static_cast<long long>(token) * Config::x_stride;
    Dot::partial_sums(x, tokens, a.in<typename Dot::W>(1), first, partial, kSums);
    sync_block();
    const int i = thread_index(), t = i / Dot::kExperts, e = first + i % Dot::kExperts;
    if (i >= kSums || t >= tokens)
      return;
    a.out<float>(2)[static_cast<long long>(token + t) * (kBlocks * Dot::kExperts) + e] =
        e < Config::experts ? Dot::sum(partial, kSums, i) : 0.0f;
  }
};

} // namespace r1::cuda
