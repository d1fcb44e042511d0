// Narrow types widen exactly and narrow to the nearest value, ties to even; NaN survives.
#include "kernels/common/numeric.h"
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

using namespace r1::kernels;

namespace {

uint32_t bits(float x) { return std::bit_cast<uint32_t>(x); }

nlohmann::json golden(const char* name) {
  const char* shared = std::getenv("R1C_SHARED");
  std::ifstream file(std::string(shared ? shared : "") + "/data/golden/" + name);
  return file ? nlohmann::json::parse(file, nullptr, false) : nlohmann::json();
}

uint32_t hex(const nlohmann::json& text) {
  return static_cast<uint32_t>(std::strtoul(text.get<std::string>().c_str(), nullptr, 16));
}

// What IEEE-like bits mean, by the definition, in double: the independent side of the comparison.
double meaning(int code, int exponentBits, int mantissaBits) {
  int bias = (1 << (exponentBits - 1)) - 1, mantissa = code & ((1 << mantissaBits) - 1);
  int exponent = (code >> mantissaBits) & ((1 << exponentBits) - 1);
  double magnitude = exponent == 0
                         ? std::ldexp(mantissa, 1 - bias - mantissaBits)
                         : std::ldexp(mantissa + (1 << mantissaBits), exponent - bias - mantissaBits);
  return (code >> (exponentBits + mantissaBits)) & 1 ? -magnitude : magnitude;
}

TEST(Numeric, WidensEveryHalfExactly) {
  for (int code = 0; code < 65536; ++code) {
    float x = f32_from_f16(static_cast<uint16_t>(code));
    EXPECT_EQ(std::signbit(x), code >> 15 != 0) << code;
    if ((code & 0x7fff) > 0x7c00) {
      EXPECT_TRUE(std::isnan(x)) << code;
    } else if ((code & 0x7fff) == 0x7c00) {
      EXPECT_TRUE(std::isinf(x)) << code;
    } else {
      EXPECT_EQ(x, meaning(code, 5, 10)) << code;
    }
  }
}

TEST(Numeric, WidensEveryE4m3Exactly) {
  for (int code = 0; code < 256; ++code) {
    float x = f32_from_e4m3(static_cast<uint8_t>(code));
    EXPECT_EQ(std::signbit(x), code >> 7 != 0) << code;
    if ((code & 0x7f) == 0x7f) {
      EXPECT_TRUE(std::isnan(x)) << code;
      continue;
    }
    EXPECT_EQ(x, meaning(code, 4, 3)) << code;
    EXPECT_EQ(e4m3_from_f32(x), code);
  }
}

TEST(Numeric, EveryBf16SurvivesTheRoundTrip) {
  for (int code = 0; code < 65536; ++code) {
    uint16_t back = bf16_from_f32(f32_from_bf16(static_cast<uint16_t>(code)));
    bool nan = (code & 0x7fff) > 0x7f80;
    EXPECT_EQ(back, nan ? code | 0x40 : code);
  }
}

TEST(Numeric, NarrowsToTheNearestNeighbour) {
  std::mt19937 random(20261123);
  for (int i = 0; i < 200000; ++i) {
    float x = std::bit_cast<float>(static_cast<uint32_t>(random()));
    if (std::isnan(x)) {
      EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(x))));
      continue;
    }
    // Candidates are the truncated value and its neighbour away from zero; the tie goes to the even one.
    uint16_t low = static_cast<uint16_t>(bits(x) >> 16), high = static_cast<uint16_t>(low + 1);
    uint32_t rest = bits(x) & 0xffffu;
    uint16_t nearest = rest < 0x8000u ? low : rest > 0x8000u ? high : (low & 1 ? high : low);
    EXPECT_EQ(bf16_from_f32(x), nearest) << std::hex << bits(x);
  }
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x7f7fffffu)), 0x7f80); // the largest float rounds to infinity
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0x7f800001u)), 0x7fc0);
  EXPECT_EQ(bf16_from_f32(std::bit_cast<float>(0xffffffffu)), 0xffff);
}

TEST(Numeric, NarrowsToTheNearestE4m3) {
  std::mt19937 random(7);
  std::uniform_real_distribution<float> exponent(-12.f, 10.f);
  for (int i = 0; i < 200000; ++i) {
    float x = std::exp2(exponent(random)) * (random() & 1 ? 1.f : -1.f);
    if (i % 4 == 0)
      x = std::bit_cast<float>(bits(x) & 0xfff80000u); // ties and exact values
    int best = 0;
    for (int code = 1; code < 0x7f; ++code) {
      double there = std::fabs(meaning(code, 4, 3) - std::fabs(x)),
             here = std::fabs(meaning(best, 4, 3) - std::fabs(x));
      if (there < here || (there == here && code % 2 == 0))
        best = code;
    }
    EXPECT_EQ(e4m3_from_f32(x), best | (x < 0 ? 0x80 : 0)) << std::hex << bits(x);
  }
  EXPECT_EQ(e4m3_from_f32(INFINITY), 0x7e);
  EXPECT_EQ(e4m3_from_f32(-INFINITY), 0xfe);
  EXPECT_EQ(e4m3_from_f32(std::bit_cast<float>(0x7fffffffu)), 0x7f);
}

TEST(Numeric, AgreesWithTheGoldenTables) {
  nlohmann::json decode = golden("fp8_e4m3fn_decode.json"), encode = golden("fp8_e4m3fn_encode_rne.json");
  if (!decode.is_array() || !encode.is_array())
    GTEST_SKIP() << "R1C_SHARED names no folder with data/golden";
  EXPECT_EQ(decode.size(), 256u);
  for (const auto& row : decode)
    EXPECT_EQ(bits(f32_from_e4m3(row["u8"].get<uint8_t>())), hex(row["f32_bits"])) << row;
  for (const auto& row : encode)
    EXPECT_EQ(e4m3_from_f32(std::bit_cast<float>(hex(row["f32_bits"]))), hex(row["sat"])) << row;
}

} // namespace
