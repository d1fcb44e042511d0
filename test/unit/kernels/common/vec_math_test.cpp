// exp, sigmoid, cos and sin of vectors keep the accuracy their header states, at every kind of argument.
#include "kernels/common/vec_math.h"
#include "kernels/native/levels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace r1::test {
namespace {

using namespace kernels;
using namespace kernels::R1_ISA;

class VecMath : public testing::Test {
  void SetUp() override {
    if (!cpu_has_v3())
      GTEST_SKIP() << "this machine lacks AVX2, for which the test is compiled";
  }
};

// Error of exp(x) in units of the last place of a float of the result's size.
double exp_error(float x) {
  const double want = std::exp(double(x)), got = exp(all(x))[0];
  const double unit = std::ldexp(1.0, std::max(std::ilogb(want), -126) - 23);
  return std::fabs(got - want) / unit;
}

TEST_F(VecMath, ExpIsGoodToTwoUlp) {
  std::mt19937 random(7);
  double worst = 0;
  for (int i = 0; i < 200000; ++i)
    worst = std::max(worst, exp_error(std::uniform_real_distribution<float>(-87.3f, 88.7f)(random)));
  for (int i = 0; i < 200000; ++i)
    worst = std::max(worst, exp_error(std::uniform_real_distribution<float>(-1, 1)(random)));
  EXPECT_LE(worst, 2.0);
  for (float x = -103.5f; x < -87; x += 0.01f)
    EXPECT_LE(exp_error(x), 2.0) << x; // subnormal results
}

TEST_F(VecMath, ExpAtTheEdges) {
  EXPECT_EQ(exp(all(0.0f))[3], 1.0f);
  EXPECT_EQ(exp(all(-__builtin_inff()))[3], 0.0f);
  EXPECT_EQ(exp(all(-1000.0f))[3], 0.0f);
  EXPECT_EQ(exp(all(89.0f))[3], __builtin_inff());
  EXPECT_EQ(exp(all(__builtin_inff()))[3], __builtin_inff());
  EXPECT_TRUE(std::isnan(exp(all(std::nanf("")))[3]));
  EXPECT_EQ(sigmoid(all(-200.0f))[0], 0.0f);
  EXPECT_EQ(sigmoid(all(200.0f))[0], 1.0f);
  EXPECT_TRUE(std::isnan(sigmoid(all(std::nanf("")))[0]));
}

TEST_F(VecMath, CosAndSinAreGoodToTenToTheMinusEight) {
  std::mt19937_64 random(8);
  for (const double limit : {1.0, 100.0, 1e5, 16777216.0})
    for (int i = 0; i < 50000; ++i) {
      const double angle = std::uniform_real_distribution<double>(-limit, limit)(random);
      const CosSin got = cos_sin(f64x8{} + angle);
      ASSERT_NEAR(got.cos[2], std::cos(angle), 1e-8) << angle;
      ASSERT_NEAR(got.sin[2], std::sin(angle), 1e-8) << angle;
    }
  EXPECT_TRUE(std::isnan(cos_sin(f64x8{} + std::nan("")).cos[0]));
}

} // namespace
} // namespace r1::test
