// The choice of experts for one token (registry/params.h, "Choice"): the inner part of `router_topk` and `router_fused`.
//
// By rank: an expert is the j-th chosen if exactly j others come before it, and every expert counts for itself. That is
// experts^2 comparisons on integers (65,536 for R1, 256 a thread, a microsecond) and four barriers, in place of top_k rounds
// of a search that all threads wait for.
//
// Scores are compared as integers whose order is that of the floats: equal floats are equal (-0 as 0), NaN is above
// everything. So a comparison never depends on NaN, ids are always distinct and in range, and a NaN score reaches the weights.
#pragma once
#include "kernels/common/cuda_elements.h"
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/warp.h"

namespace r1::cuda {

R1_DEVICE int order_of(float v) {
  const int bits = int(float_bits(v + 0.0f));
  return v != v ? 0x7fffffff : bits ^ ((bits >> 31) & 0x7fffffff);
}

R1_DEVICE float value_of(int order) {
  return float_from_bits(u32(order ^ ((order >> 31) & 0x7fffffff))); // the order of NaN is a NaN's pattern
}

template <class Config, int kThreads> struct RouterChoice {
  static constexpr int kExperts = int(Config::experts), kPadded = blocks_of(kExperts, 16) * 16;
  static constexpr int kTopK = int(Config::top_k);
  static constexpr int kGroups = int(Config::groups), kGroupSize = kExperts / kGroups;
  static constexpr bool kGrouped = Config::group_score != 0 && Config::topk_group < Config::groups;
  static constexpr bool kTwo = Config::group_score == 2 && kGroupSize > 1;
  static constexpr int kNothing = -0x7fffffff - 1; // below the order of -infinity
  static_assert(kTopK <= kExperts && kGroupSize * kGroups == kExperts);

  struct alignas(16) Shared {
    float score[kPadded];
    int order[kPadded];
    int best[kGroups], second[kGroups];
    float chosen[kTopK];
  };

  // logit(e) for e in [0, experts) is called once, by one thread. ids, weights [top_k]. The whole block calls.
  template <class Logit>
  R1_DEVICE static void choose(const Logit& logit, const float* bias, int* ids, float* weights, Shared& s) {
    scores(logit, bias, s);
    if constexpr (kGrouped)
      keep_best_groups(s);
    each([&](int e) {
      const int rank = before<kPadded>(s.order, e, s.order[e]);
      if (rank < kTopK) {
        ids[rank] = e;
        // The raw score: score + bias - bias would lose it where the bias is large.
        s.chosen[rank] = s.score[e];
      }
    });
    sync_block();
    if (thread_index() < kTopK) {
      float sum = 0;
      R1_ROLLED for (int j = 0; j < kTopK; ++j) sum += s.chosen[j];
      const float weight = s.chosen[thread_index()];
      weights[thread_index()] = (Config::normalize ? weight / (sum + 1e-20f) : weight) * float(Config::scale);
    }
  }

private:
  template <class Body> R1_DEVICE static void each(const Body& body) {
    R1_ROLLED for (int e = thread_index(); e < kExperts; e += kThreads) body(e);
  }

  // How many of order [n] come before the one at `index`: larger ones, and equal ones of lower index.
  template <int n> R1_DEVICE static int before(const int* order, int index, int mine) {
    constexpr int kVector = n % 4 == 0 ? 4 : 1, kTogether = n % 32 == 0 ? 32 : n % 16 == 0 ? 16 : kVector;
    int count = 0;
    R1_ROLLED for (int first = 0; first < n; first += kTogether)
        R1_UNROLL for (int o = first; o < first + kTogether; o += kVector) {
      const Pack<int, kVector> others = load_vector<int, kVector>(order + o);
      R1_UNROLL for (int i = 0; i < kVector; ++i) count += others.v[i] > (o + i < index ? mine - 1 : mine);
    }
    return count;
  }

  template <class Logit> R1_DEVICE static void scores(const Logit& logit, const float* bias, Shared& s) {
    if constexpr (Config::sigmoid)
      each([&](int e) { put(e, 1.0f / (1.0f + math::exp(-logit(e))), bias, s); });
    else {
      each([&](int e) { s.score[e] = logit(e); });
      sync_block();
      // Every warp for itself, all in the same order.
      float largest = -math::infinity(), sum = 0;
      for (int e = lane_index(); e < kExperts; e += 32)
        largest = math::max(largest, s.score[e]);
      largest = warp_max(largest);
      for (int e = lane_index(); e < kExperts; e += 32)
        sum += math::exp(s.score[e] - largest);
      sum = warp_sum(sum);
      sync_block(); // the logits are overwritten
      each([&](int e) { put(e, math::exp(s.score[e] - largest) / sum, bias, s); });
    }
    for (int e = kExperts + thread_index(); e < kPadded; e += kThreads)
      s.order[e] = kNothing;
    sync_block();
  }

  R1_DEVICE static void put(int e, float score, const float* bias, Shared& s) {
    s.score[e] = score;
    s.order[e] = order_of(Config::has_bias ? score + bias[e] : score);
  }

  // Experts outside the topk_group best groups become -infinity.
  R1_DEVICE static void keep_best_groups(Shared& s) {
    each([&](int e) {
      const int group = e / kGroupSize, first = group * kGroupSize;
      const int rank = before<kGroupSize>(s.order + first, e - first, s.order[e]);
      if (rank == 0)
        s.best[group] = s.order[e];
      if (rank == 1)
        s.second[group] = s.order[e];
    });
    sync_block();
    if constexpr (kTwo) {
      for (int g = thread_index(); g < kGroups; g += kThreads)
        s.best[g] = order_of(value_of(s.best[g]) + value_of(s.second[g]));
      sync_block();
    }
    each([&](int e) {
      const int group = e / kGroupSize;
      if (before<kGroups>(s.best, group, s.best[group]) >= Config::topk_group)
        s.order[e] = order_of(-math::infinity());
    });
    sync_block();
  }
};

} // namespace r1::cuda
