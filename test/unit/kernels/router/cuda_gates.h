// Gates as constants of a CUDA skeleton, and the same gate for the reference.
#pragma once
#include "test/unit/kernels/cuda_support.h"
#include "test/unit/kernels/router/gates.h"

namespace r1::test {

template <int64_t kExperts, int64_t kTopK, int64_t kGroups, int64_t kTopkGroup, int64_t kGroupScore,
          bool kSigmoid, bool kNormalize, int kScalePercent, bool kBias, int64_t kHidden = 0,
          int64_t kType = kF32, int64_t kGap = 0>
struct GateConfig {
  static constexpr long long hidden = kHidden, experts = kExperts, top_k = kTopK, groups = kGroups,
                             topk_group = kTopkGroup, sigmoid = kSigmoid, group_score = kGroupScore,
                             has_bias = kBias, normalize = kNormalize, x_stride = kHidden + kGap,
                             w_type = kType;
  static constexpr double scale = kScalePercent / 100.0;

  static Gate gate() {
    const GroupScore kinds[] = {GroupScore::kNone, GroupScore::kMax, GroupScore::kTop2Sum};
    return {experts, top_k, groups, topk_group, kinds[group_score], sigmoid != 0, normalize != 0, scale};
  }
};

// The same with so many tokens in a tile of logits.
template <class C, int kTokens> struct Tiled : C {
  static constexpr long long tile_tokens = kTokens;
};
struct NoHoles {};

template <class Config> Choice expected(const std::vector<float>& logits, const std::vector<float>& bias) {
  return expected(Config::gate(), logits, Config::has_bias ? bias : std::vector<float>());
}

// R1, V2-Lite, V2, Moonlight, GLM-4.7-Flash, Kimi-K2, and odd ones; calls visit.operator()<Config>().
template <bool kBias, class Visit> void each_gate(const Visit& visit) {
  visit.template operator()<GateConfig<256, 8, 8, 4, kGroupTop2Sum, true, true, 250, kBias>>();
  visit.template operator()<GateConfig<64, 6, 1, 1, kNoGroups, false, false, 100, kBias>>();
  visit.template operator()<GateConfig<160, 6, 8, 3, kGroupMax, false, false, 1600, kBias>>();
  visit.template operator()<GateConfig<64, 6, 1, 1, kNoGroups, true, true, 245, kBias>>();
  visit.template operator()<GateConfig<384, 8, 1, 1, kNoGroups, true, true, 283, kBias>>();
  visit.template operator()<GateConfig<12, 3, 4, 2, kGroupTop2Sum, true, true, 100, kBias>>();
  visit.template operator()<GateConfig<9, 9, 3, 1, kGroupMax, false, true, 100, kBias>>();
  visit.template operator()<GateConfig<5, 1, 5, 2, kGroupTop2Sum, true, false, 100, kBias>>();
  visit.template operator()<GateConfig<260, 8, 2, 1, kGroupTop2Sum, true, true, 100, kBias>>();
}

} // namespace r1::test
