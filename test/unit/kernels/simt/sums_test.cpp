// Hopper's sums: exact where nothing is cut, cut towards zero where it is, and far worse for e4m3 than for bf16.
#include "kernels/simt/sums.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace r1::simt {
namespace {

TEST(Sums, ExactWhereNothingIsCut) {
  const float a[] = {1, 2, -3, 0.5f}, b[] = {4, -1, 2, 8};
  EXPECT_EQ(hopper_sum(10, a, b, 4, kHopperBf16), 10.f + 4 - 2 - 6 + 4);
  EXPECT_EQ(hopper_sum(10, a, b, 4, kHopperE4m3), 10.f);
  EXPECT_EQ(hopper_sum(0, a, b, 0, kHopperE4m3), 0);
}

TEST(Sums, CutTowardsZero) {
  // 13 bits below 2^13: ones stay, halves go, whatever their sign.
  const float one[] = {1}, half[] = {0.5f}, minus[] = {-0.5f}, three_halves[] = {1.5f};
  EXPECT_EQ(hopper_sum(8192, one, one, 1, kHopperE4m3), 8193);
  EXPECT_EQ(hopper_sum(8192, half, one, 1, kHopperE4m3), 8192);
  EXPECT_EQ(hopper_sum(8192, minus, one, 1, kHopperE4m3), 8192);
  EXPECT_EQ(hopper_sum(8192, three_halves, one, 1, kHopperE4m3), 8193);
  EXPECT_EQ(hopper_sum(8192, half, one, 1, kHopperBf16), 8192.5f);
}

TEST(Sums, ResultHasFourteenBits) {
  const float a[] = {128, 1}, b[] = {64, 3}; // 8192 + 8192 + 3: the last bit of 16387 goes
  EXPECT_EQ(hopper_sum(8192, a, b, 2, kHopperE4m3), 16386);
  EXPECT_EQ(hopper_sum(8192, a, b, 2, kHopperBf16), 16387);
}

TEST(Sums, LongSumsOfE4m3AreCoarse) {
  float a[32], b[32], c = 0, bf16 = 0;
  double exact = 0;
  for (int i = 0; i < 32; ++i) {
    a[i] = widen_e4m3(u8(0x30 + i % 16));
    b[i] = widen_e4m3(u8(0x38 + i % 8));
  }
  for (int step = 0; step < 200; ++step) {
    c = hopper_sum(c, a, b, 32, kHopperE4m3);
    bf16 = hopper_sum(bf16, a, b, 32, kHopperBf16);
    for (int i = 0; i < 32; ++i)
      exact += double(a[i]) * b[i];
  }
  EXPECT_GT(std::abs(c - exact) / exact, 1e-4);
  EXPECT_LT(std::abs(c - exact) / exact, 0.2);
  EXPECT_LT(std::abs(bf16 - exact) / exact, 1e-5);
}

TEST(Sums, NanAndInfinityStay) {
  const float nan[] = {std::numeric_limits<float>::quiet_NaN()}, one[] = {1};
  const float infinite[] = {std::numeric_limits<float>::infinity()};
  EXPECT_TRUE(std::isnan(hopper_sum(1, nan, one, 1, kHopperBf16)));
  EXPECT_EQ(hopper_sum(1, infinite, one, 1, kHopperBf16), infinite[0]);
}

} // namespace
} // namespace r1::simt
