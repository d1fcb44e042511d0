// The choice of experts: topk and fused agree with the reference and with an independent brute force; one
// named test for each published mistake of a gate (R1.md 1.5).
#include "test/unit/kernels/router/gates.h"

R1_DECLARE_LEVELS(router_topk);

namespace r1::test {
namespace {

int64_t padded(int64_t experts) { return (experts + 15) / 16 * 16; }

RouterParams params_of(const reference::Gate& g, bool bias) {
  const int64_t score = g.group_score == reference::GroupScore::kMax       ? kGroupMax
                        : g.group_score == reference::GroupScore::kTop2Sum ? kGroupTop2Sum
                                                                           : kNoGroups;
  return {0,    g.experts,   g.top_k, g.groups, g.topk_group, g.sigmoid, score,
          bias, g.normalize, g.scale, 0,        kF32};
}

Choice choose(const NativeLevel& level, const reference::Gate& gate, const std::vector<float>& logits,
              std::vector<float> bias) {
  const int64_t tokens = int64_t(logits.size()) / gate.experts;
  std::vector<float> wide = strided(logits, tokens, gate.experts, padded(gate.experts));
  Choice out{std::vector<int32_t>(tokens * gate.top_k, -1), std::vector<float>(tokens * gate.top_k)};
  run(level, "router_topk", params_of(gate, !bias.empty()), {},
      {wide.data(), bias.data(), out.ids.data(), out.weights.data()}, {tokens, 1, 1}, tokens);
  return out;
}

// R1, V2-Lite, V2, Moonlight, GLM-4.7-Flash, Kimi-K2, and odd ones.
const Gate kGates[] = {{256, 8, 8, 4, GroupScore::kTop2Sum, true, true, 2.5},
                       {64, 6, 1, 1, GroupScore::kNone, false, false, 1},
                       {160, 6, 8, 3, GroupScore::kMax, false, false, 16},
                       {64, 6, 1, 1, GroupScore::kNone, true, true, 2.446},
                       {64, 4, 1, 1, GroupScore::kNone, true, true, 1.8},
                       {384, 8, 1, 1, GroupScore::kNone, true, true, 2.827},
                       {12, 3, 4, 2, GroupScore::kTop2Sum, true, true, 1},
                       {9, 9, 3, 1, GroupScore::kMax, false, true, 1},
                       {5, 1, 5, 2, GroupScore::kTop2Sum, true, false, 1}};

TEST(Router, MatchesReferenceForEveryGateKind) {
  Random random(51);
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk)))
    for (const Gate& gate : kGates)
      for (const bool with_bias : {false, true}) {
        SCOPED_TRACE(testing::Message()
                     << level.name << " experts " << gate.experts << " bias " << with_bias);
        const std::vector<float> logits = distinct_logits(random, 65, gate.experts);
        std::vector<float> bias;
        if (with_bias)
          for (int64_t e = 0; e < gate.experts; ++e)
            bias.push_back(float(random.integer(-8, 8)));
        const Choice want = expected(gate, logits, bias), got = choose(level, gate, logits, bias);
        EXPECT_EQ(got.ids, want.ids);
        expect_close("weights", got.weights, want.weights, 0, 2e-6);
      }
}

// An independent brute force without sorting or grouping shortcuts: expert e is j-th if exactly j others come
// before it.
TEST(Router, TiesGoToTheLowerIndex) {
  Random random(52);
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk)))
    for (const int64_t experts : {5, 16, 40, 256}) {
      const Gate gate{experts, std::min<int64_t>(experts, 8), 1, 1, GroupScore::kNone, true, false, 1};
      std::vector<float> logits(experts * 33);
      for (float& l : logits)
        l = float(random.integer(-2, 2)); // almost everything is tied; +0 and -0 count as equal
      for (float& l : logits)
        l = l == 0 && random.integer(0, 1) ? -0.0f : l;
      const Choice got = choose(level, gate, logits, {});
      for (int64_t t = 0; t < 33; ++t)
        for (int64_t e = 0; e < experts; ++e) {
          const float* row = &logits[t * experts];
          int64_t before = 0;
          for (int64_t o = 0; o < experts; ++o)
            before += row[o] > row[e] || (row[o] == row[e] && o < e);
          if (before < gate.top_k)
            ASSERT_EQ(got.ids[t * gate.top_k + before], e)
                << level.name << " experts " << experts << " token " << t;
        }
    }
}

// A losing group counts as -infinity, not as 0: with negative biased scores 0 would win (transformers issue
// 45440).
TEST(Router, LosingGroupsAreMinusInfinityNotZero) {
  const Gate gate{8, 2, 2, 1, GroupScore::kTop2Sum, true, true, 1};
  const std::vector<float> logits(8, 0.0f);
  const std::vector<float> bias = {-3, -3, -2, -3, -4, -4, -4, -4};
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk)))
    EXPECT_EQ(choose(level, gate, logits, bias).ids, (std::vector<int32_t>{2, 0})) << level.name;
}

// The bias decides who is chosen, the weight is the score without it (transformers PR 41647, vLLM PR 12002).
TEST(Router, WeightsAreUnbiased) {
  const Gate gate{4, 2, 1, 1, GroupScore::kNone, true, false, 1};
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk))) {
    const Choice got = choose(level, gate, {0, 1, 2, 3}, {9, 5, 0, 0});
    EXPECT_EQ(got.ids, (std::vector<int32_t>{0, 1})) << level.name;
    expect_close("weights", got.weights, {0.5f, float(1 / (1 + std::exp(-1.0)))}, 0, 1e-6);
  }
}

// The raw score is gathered; recovering it as (score + bias) - bias underflows (flashinfer PR 3875).
TEST(Router, SmallScoresSurviveLargeBiases) {
  const Gate gate{4, 2, 1, 1, GroupScore::kNone, true, true, 1};
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk))) {
    const Choice got = choose(level, gate, {-30, -31, -90, -90}, {1000, 1000, 0, 0});
    EXPECT_EQ(got.ids, (std::vector<int32_t>{0, 1})) << level.name;
    expect_close("weights", got.weights, {0.7310586f, 0.2689414f}, 0, 1e-5);
  }
}

// A sigmoid gate read as softmax picks the same experts with wrong weights (llama.cpp PR 18980).
TEST(Router, SigmoidIsNotSoftmax) {
  const std::vector<float> logits = {2, 1, 0, -1};
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk))) {
    const Choice sigmoid = choose(level, {4, 1, 1, 1, GroupScore::kNone, true, false, 1}, logits, {});
    const Choice softmax = choose(level, {4, 1, 1, 1, GroupScore::kNone, false, false, 1}, logits, {});
    EXPECT_NEAR(sigmoid.weights[0], 0.8807971, 1e-6) << level.name;
    EXPECT_NEAR(softmax.weights[0], 0.6439143, 1e-6) << level.name;
  }
}

// R1's group score is the sum of the two best, V2's the best one: here they disagree.
TEST(Router, GroupScoreKindsDiffer) {
  const std::vector<float> logits = {3, -9, 2, 2};
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk))) {
    EXPECT_EQ(choose(level, {4, 1, 2, 1, GroupScore::kMax, true, false, 1}, logits, {}).ids[0], 0)
        << level.name;
    EXPECT_EQ(choose(level, {4, 1, 2, 1, GroupScore::kTop2Sum, true, false, 1}, logits, {}).ids[0], 2)
        << level.name;
  }
}

// With all scores 0 the weights are 0, thanks to + 1e-20, and the scale is applied once, after normalising.
TEST(Router, NormalisingIsGuardedAndScaledOnce) {
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk))) {
    const Gate gate{4, 2, 1, 1, GroupScore::kNone, true, true, 2.5};
    for (const float w : choose(level, gate, {-200, -200, -200, -200}, {}).weights)
      EXPECT_EQ(w, 0) << level.name;
    const Choice got = choose(level, gate, {1, 2, 3, 4}, {});
    EXPECT_NEAR(got.weights[0] + got.weights[1], 2.5, 1e-6) << level.name;
  }
}

// NaN and infinite logits: ids stay in range and distinct, and a NaN reaches the weights.
TEST(Router, NanGivesValidIdsAndNanWeights) {
  Random random(53);
  for (const NativeLevel& level : supported(R1_LEVELS(router_topk)))
    for (const Gate& gate : kGates)
      for (int kind = 0; kind < 4; ++kind) {
        SCOPED_TRACE(testing::Message() << level.name << " experts " << gate.experts << " kind " << kind);
        std::vector<float> logits = random.normal(gate.experts);
        if (kind == 0)
          std::fill(logits.begin(), logits.end(), kNan);
        else
          logits[random.integer(0, gate.experts - 1)] = kind == 1 ? kNan : kind == 2 ? kInfinity : -kInfinity;
        const Choice got = choose(level, gate, logits, {});
        std::vector<int32_t> sorted = got.ids;
        std::sort(sorted.begin(), sorted.end());
        EXPECT_GE(sorted.front(), 0);
        EXPECT_LT(sorted.back(), gate.experts);
        EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end())
            << "an expert was chosen twice";
        if (kind <= 1)
          EXPECT_TRUE(
              std::any_of(got.weights.begin(), got.weights.end(), [](float w) { return std::isnan(w); }));
      }
}

} // namespace
} // namespace r1::test
