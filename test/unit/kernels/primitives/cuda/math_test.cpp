// Functions on float, against double.
#include "kernels/primitives/cuda/math.h"

#include <gtest/gtest.h>

#include <cmath>

namespace r1::cuda {
namespace {

template <class Function, class Exact>
void check(Function function, Exact exact, float from, float to, double tolerance) {
  for (int i = 0; i <= 1000; ++i) {
    const float x = from + (to - from) * float(i) / 1000;
    const double want = exact(double(x));
    EXPECT_NEAR(double(function(x)), want, tolerance * std::max(1e-30, std::fabs(want))) << x;
  }
}

TEST(Math, CloseToDouble) {
  check([](float x) { return math::exp(x); }, [](double x) { return std::exp(x); }, -80, 80, 2e-7);
  check([](float x) { return math::exp2(x); }, [](double x) { return std::exp2(x); }, -100, 100, 2e-7);
  check([](float x) { return math::fast_exp2(x); }, [](double x) { return std::exp2(x); }, -100, 0, 3e-7);
  check([](float x) { return math::log(x); }, [](double x) { return std::log(x); }, 2, 1e6, 2e-7);
  check([](float x) { return math::log2(x); }, [](double x) { return std::log2(x); }, 2, 1e6, 2e-7);
  check([](float x) { return math::sqrt(x); }, [](double x) { return std::sqrt(x); }, 0, 1e6, 1e-7);
  check([](float x) { return math::rsqrt(x); }, [](double x) { return 1 / std::sqrt(x); }, 1e-3f, 1e6, 3e-7);
  check([](float x) { return math::tanh(x); }, [](double x) { return std::tanh(x); }, 0.01f, 9, 2e-7);
  check([](float x) { return math::sin(x); }, [](double x) { return std::sin(x); }, 0.1f, 3, 2e-7);
  check([](float x) { return math::cos(x); }, [](double x) { return std::cos(x); }, -1.5f, 1.5f, 2e-7);
}

TEST(Math, Exact) {
  EXPECT_EQ(math::fma(0x1.000002p0f, 0x1.000002p0f, -1.f), std::fma(0x1.000002p0f, 0x1.000002p0f, -1.f));
  EXPECT_EQ(math::abs(-2.5f), 2.5f);
  EXPECT_EQ(math::floor(-2.5f), -3.f);
  EXPECT_EQ(math::min(1.f, math::nan()), 1.f);
  EXPECT_EQ(math::max(math::nan(), -1.f), -1.f);
  EXPECT_EQ(math::max(-math::infinity(), -1.f), -1.f);
  EXPECT_TRUE(std::isnan(math::nan()));
  EXPECT_EQ(math::exp(-math::infinity()), 0.f);
}

} // namespace
} // namespace r1::cuda
