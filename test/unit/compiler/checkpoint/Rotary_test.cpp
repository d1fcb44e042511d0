// Softmax scale, cosine factor and inverse frequencies have the values of R1, V2-Lite and Kimi-K2.
#include "compiler/checkpoint/Rotary.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace r1::checkpoint;

namespace {

ModelConfig attention(double theta, std::optional<Yarn> yarn) {
  ModelConfig config;
  config.qkNopeHeadDim = 128;
  config.qkRopeHeadDim = 64;
  config.maxPositions = 163840;
  config.ropeTheta = theta;
  config.yarn = yarn;
  return config;
}

Yarn r1Yarn() {
  Yarn yarn;
  yarn.factor = 40;
  yarn.mscale = yarn.mscaleAllDim = 1;
  yarn.originalMaxPosition = 4096;
  return yarn;
}

TEST(Rotary, ScalesR1sSoftmaxByMscaleSquared) {
  // The figures of DeepSeek-V3 inference/model.py: 192^-0.5 * (0.1 ln 40 + 1)^2.
  EXPECT_NEAR(softmaxScale(attention(10000, r1Yarn())), 0.1352338, 1e-7);
  EXPECT_NEAR(softmaxScale(attention(10000, std::nullopt)), 0.0721688, 1e-7);
  Yarn lite = r1Yarn();
  lite.mscale = lite.mscaleAllDim = 0.707;
  EXPECT_NEAR(softmaxScale(attention(10000, lite)), 0.114721, 1e-6);
  lite.mscaleAllDim = 0;
  EXPECT_NEAR(softmaxScale(attention(10000, lite)), 0.0721688, 1e-7);
}

TEST(Rotary, MultipliesR1sCosineByOne) {
  EXPECT_EQ(cosSinFactor(attention(10000, r1Yarn())), 1.0);
  EXPECT_EQ(cosSinFactor(attention(10000, std::nullopt)), 1.0);
  Yarn yarn = r1Yarn();
  yarn.mscaleAllDim = 0.707;
  EXPECT_NEAR(cosSinFactor(attention(10000, yarn)), 1.3688879 / 1.2608, 1e-5);
  yarn.mscaleAllDim = 0;
  EXPECT_NEAR(cosSinFactor(attention(10000, yarn)), 1.3688879, 1e-6);
  yarn.attentionFactor = 0.75;
  EXPECT_EQ(cosSinFactor(attention(10000, yarn)), 0.75);
}

TEST(Rotary, BlendsR1sFrequencies) {
  std::vector<float> frequencies = inverseFrequencies(attention(10000, r1Yarn()));
  ASSERT_EQ(frequencies.size(), 32u);
  // Correction range 10..23 (R1.md 1.3): untouched up to pair 10, divided by 40 from pair 23 on, a ramp
  // between.
  for (int i = 0; i < 32; ++i) {
    double plain = std::pow(10000.0, -2.0 * i / 64),
           smooth = 1 - std::min(std::max((i - 10) / 13.0, 0.0), 1.0);
    double expected = plain / 40 * (1 - smooth) + plain * smooth;
    EXPECT_NEAR(frequencies[static_cast<size_t>(i)] / expected, 1.0, 4e-7) << i;
  }
  frequencies = inverseFrequencies(attention(10000, std::nullopt));
  EXPECT_EQ(frequencies[0], 1.0f);
  EXPECT_NEAR(frequencies[31], std::pow(10000.0, -62.0 / 64), 1e-11);
}

TEST(Rotary, TakesEqualBetasForAStep) {
  // Kimi-K2: beta_fast = beta_slow = 1; floor and ceil still leave one dimension between low and high.
  Yarn yarn;
  yarn.factor = 32;
  yarn.betaFast = yarn.betaSlow = 1;
  yarn.mscale = yarn.mscaleAllDim = 1;
  yarn.originalMaxPosition = 4096;
  ModelConfig config = attention(50000, yarn);
  for (bool truncate : {true, false}) {
    config.yarn->truncate = truncate;
    std::vector<float> frequencies = inverseFrequencies(config);
    for (size_t i = 0; i < frequencies.size(); ++i) {
      double plain = std::pow(50000.0, -static_cast<double>(i) / 32);
      ASSERT_TRUE(std::isfinite(frequencies[i]));
      // 64 ln(4096 / 2 pi) / (2 ln 50000) = 19.2
      EXPECT_NEAR(frequencies[i] / (i <= 19 ? plain : plain / 32), 1.0, 1e-6) << i;
    }
  }
}

} // namespace
