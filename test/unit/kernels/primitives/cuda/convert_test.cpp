// Conversions: every bf16 and e4m3 code, and every neighbourhood of a rounding border, against arithmetic in double.
#include "kernels/primitives/cuda/convert.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace r1::cuda {
namespace {

// Of a format with `mantissa` bits of fraction and exponents from 1 - bias; no NaN.
double value(unsigned magnitude, int mantissa, int bias) {
  const int exponent = int(magnitude >> mantissa);
  const double fraction = double(magnitude & ((1u << mantissa) - 1)) / (1 << mantissa);
  return exponent ? std::ldexp(1 + fraction, exponent - bias) : std::ldexp(fraction, 1 - bias);
}

TEST(Convert, Bf16ToFloat) {
  for (unsigned bits = 0; bits < 65536; ++bits) {
    const float got = to_float(bf16{u16(bits)});
    const unsigned magnitude = bits & 0x7fff;
    if (magnitude > 0x7f80) {
      EXPECT_TRUE(std::isnan(got)) << bits;
    } else {
      const double want = magnitude == 0x7f80 ? INFINITY : value(magnitude, 7, 127);
      EXPECT_EQ(double(got), bits & 0x8000 ? -want : want) << bits;
      EXPECT_EQ(std::signbit(got), bits >= 0x8000);
    }
  }
}

TEST(Convert, E4m3ToFloat) {
  for (unsigned bits = 0; bits < 256; ++bits) {
    const float got = to_float(e4m3{u8(bits)});
    if ((bits & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(got));
      continue;
    }
    const double want = value(bits & 0x7f, 3, 7);
    EXPECT_EQ(double(got), bits & 0x80 ? -want : want) << bits;
    EXPECT_EQ(std::signbit(got), bits >= 128);
  }
}

// The code nearest to x among 0 .. last, the even one of two; values ascend with codes.
unsigned nearest(double x, unsigned last, int mantissa, int bias) {
  unsigned best = 0;
  double distance = std::numeric_limits<double>::infinity();
  for (unsigned code = 0; code <= last; ++code) {
    const double d = std::fabs(value(code, mantissa, bias) - x);
    if (d < distance || (d == distance && code % 2 == 0)) {
      best = code;
      distance = d;
    }
  }
  return best;
}

TEST(Convert, ToE4m3RoundsToNearestEven) {
  std::vector<float> samples;
  for (unsigned code = 0; code < 0x7e; ++code) {
    const float low = float(value(code, 3, 7)), high = float(value(code + 1, 3, 7)),
                middle = (low + high) / 2;
    for (float x : {low, middle, std::nextafter(middle, 0.f), std::nextafter(middle, 1e9f), high})
      samples.push_back(x);
  }
  for (float x : {0.f, 1e-30f, 1e-40f, 448.f, 449.f, 463.9f, 464.f, 480.f, 1e30f, INFINITY})
    samples.push_back(x);
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i)
    samples.push_back(std::ldexp(1 + float(random() % 8388608) / 8388608, int(random() % 24) - 14));
  for (float x : samples) {
    const unsigned want = x >= 448 ? 0x7e : nearest(x, 0x7e, 3, 7);
    EXPECT_EQ(to_e4m3(x).bits, want) << x;
    EXPECT_EQ(to_e4m3(-x).bits, want | 0x80) << -x;
  }
  EXPECT_EQ(to_e4m3(NAN).bits, 0x7f);
  EXPECT_EQ(to_e4m3(-NAN).bits, 0x7f);
}

TEST(Convert, ToBf16RoundsToNearestEven) {
  std::mt19937 random(2);
  for (int i = 0; i < 300000; ++i) {
    const u32 high = random() & 0xffff, low = i % 4 ? random() & 0xffff : 0x7fff + i / 4 % 3;
    const float x = float_from_bits(high << 16 | low);
    const u16 got = to_bf16(x).bits;
    if (std::isnan(x)) {
      EXPECT_EQ(got, 0x7fff);
      continue;
    }
    // Neighbours of x in bf16 are `high` and the next code away from zero.
    const bool up = low > 0x8000 || (low == 0x8000 && high % 2);
    EXPECT_EQ(got, u16(high + up)) << x;
  }
  EXPECT_EQ(to_bf16(INFINITY).bits, 0x7f80);
  EXPECT_EQ(to_bf16(std::numeric_limits<float>::max()).bits, 0x7f80);
}

TEST(Convert, Pairs) {
  const u32 pair = pack_bf16x2(1.5f, -3.f);
  EXPECT_EQ(pair, 0xc0403fc0u);
  float lo = 0, hi = 0;
  unpack_bf16x2(pair, lo, hi);
  EXPECT_EQ(lo, 1.5f);
  EXPECT_EQ(hi, -3.f);
}

TEST(Convert, FourE4m3ToBf16) {
  for (unsigned bits = 0; bits < 256; ++bits) {
    u32 lo = 0, hi = 0;
    e4m3x4_to_bf16x2(bits | (255 - bits) << 8 | (bits ^ 0x55) << 16 | 0x38u << 24, lo, hi);
    float got[4];
    unpack_bf16x2(lo, got[0], got[1]);
    unpack_bf16x2(hi, got[2], got[3]);
    const unsigned codes[] = {bits, 255 - bits, bits ^ 0x55, 0x38};
    for (int i = 0; i < 4; ++i) {
      const double want = value(codes[i] & 0x7f, 3, 7); // NaN's codes: 480
      EXPECT_EQ(double(got[i]), codes[i] & 0x80 ? -want : want) << codes[i];
      EXPECT_EQ(std::signbit(got[i]), codes[i] >= 128);
    }
  }
}

} // namespace
} // namespace r1::cuda
