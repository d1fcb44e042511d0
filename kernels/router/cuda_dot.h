// Scores of 16 neighbouring experts for one or a few tokens: the inner loop of `router_logits` and `router_fused`.
//
// The block's threads share the columns of x, and each thread meets them with all 16 rows of W: x is read once, 16 loads of W
// are under way at once, and each of those serves every token of the tile. What the threads have summed goes through one
// exchange in each warp and one pass over the warps, both in a fixed order, so a token's logits do not depend on which other
// tokens share its tile.
#pragma once
#include "kernels/common/cuda_elements.h"
#include "kernels/primitives/cuda/warp.h"

namespace r1::cuda {

template <class Config, int kTokens, int kThreads> struct RouterDot {
  using W = Element<Config::w_type>;
  static constexpr int kExperts = 16; // of a tile
  static constexpr int V = 16 / sizeof(W);
  static constexpr int kWarps = kThreads / 32;
  static constexpr int kHidden = int(Config::hidden);

  // partial [kWarps][stride]: 16 sums for each token, side by side, of experts [first, first + 16). Rows of x past `tokens`
  // are not read, and their sums mean nothing.
  R1_DEVICE static void partial_sums(const float* x, int tokens, const W* w, int first, float* partial,
                                     int stride) {
    float sums[kTokens][kExperts] = {};
    // Uniform over the block.
    if (kHidden % V == 0 && Config::x_stride % 4 == 0 && is_aligned(x, 16) && is_aligned(w, 16))
      add<V>(x, tokens, w, first, sums);
    else
      add<1>(x, tokens, w, first, sums);
    R1_UNROLL for (int t = 0; t < kTokens; ++t) {
      const float sum = exchange(sums[t]);
      if (lane_index() % 2 == 0)
        partial[warp_index() * stride + t * kExperts + lane_index() / 2] = sum;
    }
  }

  // The i-th sum over the block; after a barrier.
  R1_DEVICE static float sum(const float* partial, int stride, int i) {
    float total = partial[i];
    R1_UNROLL for (int warp = 1; warp < kWarps; ++warp) total += partial[warp * stride + i];
    return total;
  }

private:
  // kWide columns a thread and step.
  template <int kWide>
  R1_DEVICE static void add(const float* x, int tokens, const W* w, int first,
                            float (&sums)[kTokens][kExperts]) {
    R1_ROLLED for (int k = thread_index() * kWide; k < kHidden; k += kThreads * kWide) {
      float xs[kTokens][kWide];
      R1_UNROLL for (int t = 0; t < kTokens; ++t)
          load_columns<true>(x + (t < tokens ? t : 0) * Config::x_stride + k, kWide, xs[t]);
      R1_UNROLL for (int e = 0; e < kExperts; ++e) {
        // Experts past the last read the last one's row, and are dropped at the end.
        const long long expert = first + e < Config::experts ? first + e : Config::experts - 1;
        float ws[kWide];
        load_columns<true>(w + expert * kHidden + k, kWide, ws);
        R1_UNROLL for (int t = 0; t < kTokens; ++t) R1_UNROLL for (int i = 0; i < kWide; ++i) sums[t][e] +=
            xs[t][i] * ws[i];
      }
    }
  }

  // Sums 16 values over the warp's 32 lanes with 16 shuffles: at each step half of the values go to the lane across and half of
  // its values come back. Lanes 2e and 2e + 1 end up with the sum of value e.
  template <int kHalf = kExperts / 2> R1_DEVICE static float exchange(float (&v)[kExperts]) {
    if constexpr (kHalf == 0)
      return v[0] + shuffle_xor(v[0], 1);
    else {
      const bool upper = lane_index() & (2 * kHalf);
      R1_UNROLL for (int i = 0; i < kHalf; ++i) {
        const float given = upper ? v[i] : v[i + kHalf], kept = upper ? v[i + kHalf] : v[i];
        v[i] = kept + shuffle_xor(given, 2 * kHalf);
      }
      return exchange<kHalf / 2>(v);
    }
  }
};

} // namespace r1::cuda
