// The choice of experts on CUDA agrees with the reference and with an independent brute force; one named test for each published
// mistake of a gate (R1.md 1.5).
#include "kernels/router/cuda_topk.h"
#include "test/unit/kernels/router/cuda_gates.h"

namespace r1::test {
namespace {

template <class Config>
Choice choose(const CudaRun& run, const std::vector<float>& logits, std::vector<float> bias = {}) {
  const int64_t tokens = int64_t(logits.size()) / Config::experts, guard = 8;
  std::vector<float> wide = strided(logits, tokens, Config::experts, (Config::experts + 15) / 16 * 16);
  Choice out{std::vector<int32_t>(tokens * Config::top_k + guard, -1),
             std::vector<float>(tokens * Config::top_k + guard, -7)};
  run_cuda<cuda::RouterTopk<Config, NoHoles>>(run,
                                              {wide.data(), bias.data(), out.ids.data(), out.weights.data()},
                                              {int(tokens), 1, 1}, int(tokens) + 1);
  for (int64_t i = tokens * Config::top_k; i < int64_t(out.ids.size()); ++i)
    EXPECT_TRUE(out.ids[i] == -1 && out.weights[i] == -7) << "wrote past the tokens";
  out.ids.resize(tokens * Config::top_k);
  out.weights.resize(tokens * Config::top_k);
  return out;
}

template <bool kBias> void check_gates() {
  Random random(51);
  each_gate<kBias>([&]<class Config>() {
    const std::vector<float> logits = distinct_logits(random, 9, Config::experts);
    std::vector<float> bias;
    for (int64_t e = 0; e < Config::experts; ++e)
      bias.push_back(float(random.integer(-8, 8)));
    const Choice want = expected<Config>(logits, bias);
    for (const CudaRun& run : cuda_runs()) {
      SCOPED_TRACE(testing::Message() << "experts " << Config::experts << " top_k " << Config::top_k
                                      << " bias " << kBias << " " << run);
      const Choice got = choose<Config>(run, logits, bias);
      EXPECT_EQ(got.ids, want.ids);
      expect_close("weights", got.weights, want.weights, 0, 2e-6);
    }
  });
}
TEST(CudaRouterTopk, MatchesReferenceForEveryGateKind) { check_gates<false>(); }
TEST(CudaRouterTopk, MatchesReferenceWithBias) { check_gates<true>(); }

// The integers that stand for scores: the order of the floats, equal zeros, NaN of either sign above infinity.
TEST(CudaRouterTopk, OrderOfIntegersIsThatOfFloats) {
  Random random(50);
  std::vector<float> values = random.normal(60);
  for (const float v : {0.0f, -0.0f, 1e-45f, -1e-45f, kInfinity, -kInfinity})
    values.push_back(v);
  for (const float a : values)
    for (const float b : values) {
      ASSERT_EQ(cuda::order_of(a) < cuda::order_of(b), a < b) << a << " " << b;
      ASSERT_EQ(cuda::order_of(a) == cuda::order_of(b), a == b) << a << " " << b;
      ASSERT_EQ(cuda::value_of(cuda::order_of(a)), a);
    }
  EXPECT_GT(cuda::order_of(-kNan), cuda::order_of(kInfinity));
  EXPECT_EQ(cuda::order_of(kNan), cuda::order_of(-kNan));
  EXPECT_TRUE(std::isnan(cuda::value_of(cuda::order_of(kNan))));
}

// Brute force: expert e is j-th if exactly j others come before it. Almost everything is tied; +0 and -0 count as equal.
template <int64_t kExperts> void check_ties() {
  using Config =
      GateConfig<kExperts, (kExperts < 8 ? kExperts : 8), 1, 1, kNoGroups, true, false, 100, false>;
  Random random(52);
  std::vector<float> logits(kExperts * 33);
  for (float& l : logits)
    l = float(random.integer(-2, 2));
  for (float& l : logits)
    l = l == 0 && random.integer(0, 1) ? -0.0f : l;
  const Choice got = choose<Config>({}, logits);
  for (int64_t t = 0; t < 33; ++t)
    for (int64_t e = 0; e < kExperts; ++e) {
      const float* row = &logits[t * kExperts];
      int64_t before = 0;
      for (int64_t o = 0; o < kExperts; ++o)
        before += row[o] > row[e] || (row[o] == row[e] && o < e);
      if (before < Config::top_k) {
        ASSERT_EQ(got.ids[t * Config::top_k + before], e) << "experts " << kExperts << " token " << t;
      }
    }
}
TEST(CudaRouterTopk, TiesGoToTheLowerIndex) {
  check_ties<5>();
  check_ties<16>();
  check_ties<40>();
  check_ties<256>();
}

// A losing group counts as -infinity, not as 0: with negative biased scores 0 would win (transformers issue 45440).
TEST(CudaRouterTopk, LosingGroupsAreMinusInfinityNotZero) {
  using Config = GateConfig<8, 2, 2, 1, kGroupTop2Sum, true, true, 100, true>;
  EXPECT_EQ(choose<Config>({}, std::vector<float>(8), {-3, -3, -2, -3, -4, -4, -4, -4}).ids,
            (std::vector<int32_t>{2, 0}));
}

// The bias decides who is chosen, the weight is the score without it (transformers PR 41647, vLLM PR 12002).
TEST(CudaRouterTopk, WeightsAreUnbiased) {
  const Choice got =
      choose<GateConfig<4, 2, 1, 1, kNoGroups, true, false, 100, true>>({}, {0, 1, 2, 3}, {9, 5, 0, 0});
  EXPECT_EQ(got.ids, (std::vector<int32_t>{0, 1}));
  expect_close("weights", got.weights, {0.5f, float(1 / (1 + std::exp(-1.0)))}, 0, 1e-6);
}

// The raw score is gathered; recovering it as (score + bias) - bias underflows (flashinfer PR 3875).
TEST(CudaRouterTopk, SmallScoresSurviveLargeBiases) {
  const Choice got = choose<GateConfig<4, 2, 1, 1, kNoGroups, true, true, 100, true>>(
      {}, {-30, -31, -90, -90}, {1000, 1000, 0, 0});
  EXPECT_EQ(got.ids, (std::vector<int32_t>{0, 1}));
  expect_close("weights", got.weights, {0.7310586f, 0.2689414f}, 0, 1e-5);
}

// A sigmoid gate read as softmax picks the same experts with wrong weights (llama.cpp PR 18980).
TEST(CudaRouterTopk, SigmoidIsNotSoftmax) {
  const std::vector<float> logits = {2, 1, 0, -1};
  EXPECT_NEAR((choose<GateConfig<4, 1, 1, 1, kNoGroups, true, false, 100, false>>({}, logits).weights[0]),
              0.8807971, 1e-6);
  EXPECT_NEAR((choose<GateConfig<4, 1, 1, 1, kNoGroups, false, false, 100, false>>({}, logits).weights[0]),
              0.6439143, 1e-6);
}

// R1's group score is the sum of the two best, V2's the best one: here they disagree.
TEST(CudaRouterTopk, GroupScoreKindsDiffer) {
  const std::vector<float> logits = {3, -9, 2, 2};
  EXPECT_EQ((choose<GateConfig<4, 1, 2, 1, kGroupMax, true, false, 100, false>>({}, logits).ids[0]), 0);
  EXPECT_EQ((choose<GateConfig<4, 1, 2, 1, kGroupTop2Sum, true, false, 100, false>>({}, logits).ids[0]), 2);
}

// With all scores 0 the weights are 0, thanks to + 1e-20, and the scale is applied once, after normalising.
TEST(CudaRouterTopk, NormalisingIsGuardedAndScaledOnce) {
  using Config = GateConfig<4, 2, 1, 1, kNoGroups, true, true, 250, false>;
  for (const float w : choose<Config>({}, {-200, -200, -200, -200}).weights)
    EXPECT_EQ(w, 0);
  const Choice got = choose<Config>({}, {1, 2, 3, 4});
  EXPECT_NEAR(got.weights[0] + got.weights[1], 2.5, 1e-6);
}

// NaN and infinite logits: the reference's ids, so in range and distinct, and a NaN reaches the weights.
TEST(CudaRouterTopk, NanGivesValidIdsAndNanWeights) {
  Random random(53);
  each_gate<false>([&]<class Config>() {
    for (int kind = 0; kind < 4; ++kind) {
      SCOPED_TRACE(testing::Message() << "experts " << Config::experts << " kind " << kind);
      std::vector<float> logits = random.normal(Config::experts);
      if (kind == 0)
        std::fill(logits.begin(), logits.end(), kNan);
      else
        logits[random.integer(0, Config::experts - 1)] = kind == 1   ? kNan
                                                         : kind == 2 ? kInfinity
                                                                     : -kInfinity;
      const Choice got = choose<Config>({}, logits), want = expected<Config>(logits, {});
      EXPECT_EQ(got.ids, want.ids);
      expect_close("weights", got.weights, want.weights, 1e-37, 3e-6);
      if (kind <= 1) {
        EXPECT_TRUE(
            std::any_of(got.weights.begin(), got.weights.end(), [](float w) { return std::isnan(w); }));
      }
    }
  });
}

} // namespace
} // namespace r1::test
