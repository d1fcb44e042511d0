// Conversions, reductions, run-time packing and the block product do what their headers say on every ISA
// level.
#include "kernels/common/numeric.h"
#include "kernels/native/levels.h"
#include "kernels/registry/params.h"
#include "test/unit/kernels/tolerance.h"
#include "test/unit/kernels/weights.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

R1_DECLARE_LEVELS(probe_e4m3);
R1_DECLARE_LEVELS(probe_bf16);
R1_DECLARE_LEVELS(probe_reduce);
R1_DECLARE_LEVELS(probe_pack);
R1_DECLARE_LEVELS(probe_gemm_block);

namespace r1::test {
namespace {

using kernels::bf16_from_f32;
using kernels::f32_from_bf16;

void call(const kernels::NativeLevel& level, std::vector<void*> buffers, int64_t begin, int64_t end,
          int64_t cols = 0) {
  const kernels::EmbedParams p = {cols, 0};
  if (level.supported)
    level.run(buffers.data(), nullptr, begin, end, nullptr, &p, nullptr);
}

bool same_bf16(uint16_t a, uint16_t b) {
  const bool nan_a = (a & 0x7fff) > 0x7f80, nan_b = (b & 0x7fff) > 0x7f80;
  return nan_a || nan_b ? nan_a && nan_b : a == b;
}

TEST(Primitives, EveryE4m3CodeDecodesExactly) {
  for (const auto& level : R1_LEVELS(probe_e4m3))
    for (int first = 0; first < 256 && level.supported; first += 64) {
      alignas(64) uint8_t line[64];
      alignas(64) uint16_t out[64];
      for (int i = 0; i < 64; ++i)
        line[i] = uint8_t(first + i);
      call(level, {line, out, nullptr}, 0, 1);
      // layout.h: lane L, bytes 0-7 to the first line, 8-15 to the second, in order.
      for (int i = 0; i < 64; ++i) {
        const int at = i / 16 * 8 + i % 8 + (i % 16 >= 8 ? 32 : 0);
        const uint16_t expected = bf16_from_f32(kernels::f32_from_e4m3(line[i]));
        EXPECT_TRUE(same_bf16(out[at], expected))
            << level.name << " code " << int(line[i]) << " got " << out[at];
      }
    }
}

TEST(Primitives, ScaledE4m3IsTheRoundedFloatProduct) {
  for (const auto& level : R1_LEVELS(probe_e4m3))
    for (float scale : {1.f, 0.00137f, 3.9e-5f, -0.02f, std::nanf("")})
      for (int first = 0; first < 256 && level.supported; first += 64) {
        alignas(64) uint8_t line[64];
        alignas(64) uint16_t out[64];
        for (int i = 0; i < 64; ++i)
          line[i] = uint8_t(first + i);
        call(level, {line, out, &scale}, 0, 1);
        for (int i = 0; i < 64; ++i) {
          const int at = i / 16 * 8 + i % 8 + (i % 16 >= 8 ? 32 : 0);
          const uint16_t expected = bf16_from_f32(kernels::f32_from_e4m3(line[i]) * scale);
          EXPECT_TRUE(same_bf16(out[at], expected))
              << level.name << " code " << int(line[i]) << " scale " << scale;
        }
      }
}

TEST(Primitives, Bf16RoundsToNearestEvenKeepsNanAndStaysInBounds) {
  Random random(31);
  for (const auto& level : R1_LEVELS(probe_bf16)) {
    if (!level.supported)
      continue;
    for (int64_t count = 1; count <= 16; ++count)
      for (int round = 0; round < 50; ++round) {
        Aligned<float> in(16);
        std::vector<uint16_t> half(18, 0xabcd);
        std::vector<float> back(18, -7.f);
        for (int i = 0; i < 16; ++i) {
          uint32_t bits = random();
          bits = round == 0   ? 0x3f808000u + uint32_t(i) * 0x8000u // ties
                 : round == 1 ? 0x7f800000u + uint32_t(i)
                              : bits; // infinity and NaNs
          if ((bits & 0x7f800000u) == 0)
            bits &= 0x80000000u; // denormals may be flushed
          std::memcpy(in.data + i, &bits, 4);
        }
        call(level, {in.data, half.data() + 1, back.data() + 1}, 0, count);
        for (int64_t i = 0; i < 18; ++i) {
          const bool inside = i >= 1 && i <= count;
          const uint16_t expected = inside ? bf16_from_f32(in.data[i - 1]) : uint16_t(0xabcd);
          EXPECT_TRUE(same_bf16(half[i], expected)) << level.name << " count " << count << " at " << i;
          if (inside && !std::isnan(in.data[i - 1])) {
            EXPECT_EQ(back[i], f32_from_bf16(expected)) << level.name;
          } else if (!inside) {
            EXPECT_EQ(back[i], -7.f) << level.name << " count " << count << " at " << i;
          }
        }
      }
  }
}

TEST(Primitives, ReductionsAreTheSameOnEveryLevel) {
  Random random(32);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 100; ++round) {
    float x[16], largest = -std::numeric_limits<float>::infinity();
    double sum = 0;
    for (float& v : x) {
      v = normal(random);
      sum += v;
      largest = std::max(largest, v);
    }
    float first_sum = 0;
    for (const auto& level : R1_LEVELS(probe_reduce)) {
      if (!level.supported)
        continue;
      float out[3] = {};
      call(level, {x, out}, 0, 1);
      EXPECT_NEAR(out[0], sum, 1e-5);
      first_sum = first_sum == 0 ? out[0] : first_sum;
      EXPECT_EQ(out[0], first_sum) << level.name;
      EXPECT_EQ(out[1], largest) << level.name;
      if (x[0] >= 0) {
        EXPECT_EQ(out[2], std::sqrt(x[0])) << level.name;
      }
    }
  }
}

TEST(Primitives, RunTimePackingMatchesTheLayout) {
  Random random(33);
  for (int64_t size : {1, 15, 16, 33, 47, 48}) {
    std::vector<uint16_t> source(48 * 48);
    for (uint16_t& v : source)
      v = uint16_t(random() | 1);
    for (int64_t by_rows : {0, 1}) {
      const int64_t strips = (size + 15) / 16;
      std::vector<uint16_t> expected(strips * 64 * 16);
      for (int64_t n = 0; n < size; ++n)
        for (int64_t k = 0; k < size; ++k)
          expected[n / 16 * 64 * 16 + k / 2 * 32 + n % 16 * 2 + k % 2] =
              by_rows ? source[k * 48 + n] : source[n * 48 + k];
      for (const auto& level : R1_LEVELS(probe_pack)) {
        if (!level.supported)
          continue;
        std::vector<uint16_t> packed(expected.size(), 0xffff);
        call(level, {source.data(), packed.data()}, 0, size, by_rows);
        EXPECT_EQ(packed, expected) << level.name << " size " << size << " by rows " << by_rows;
      }
    }
  }
}

TEST(Primitives, GemmBlockSumsAndAccumulates) {
  Random random(34);
  std::normal_distribution<float> normal;
  for (int64_t rows : {1, 4, 5, 7, 16, 31, 33, 70})
    for (int64_t k : {32, 544, 1088}) {
      const Weights w = random_bf16_weights({1, 48, k, 1}, random);
      std::vector<uint16_t> a(rows * k);
      for (uint16_t& v : a)
        v = bf16_from_f32(normal(random));
      for (bool accumulate : {false, true}) {
        std::vector<float> before(rows * 48), expected(rows * 48);
        std::vector<double> size(rows * 48);
        for (float& v : before)
          v = accumulate ? normal(random) : std::nanf("");
        for (int64_t r = 0; r < rows; ++r)
          for (int64_t j = 0; j < 48; ++j) {
            double sum = accumulate ? before[r * 48 + j] : 0, absolute = std::fabs(sum);
            for (int64_t i = 0; i < k; ++i) {
              const double term = double(f32_from_bf16(a[r * k + i])) * double(w.values[j * k + i]);
              sum += term;
              absolute += std::fabs(term);
            }
            expected[r * 48 + j] = float(sum);
            size[r * 48 + j] = absolute;
          }
        for (const auto& level : R1_LEVELS(probe_gemm_block)) {
          if (!level.supported)
            continue;
          // Rows that no one asked for follow: they must stay as they are.
          std::vector<float> c = before;
          c.resize((rows + 16) * 48, -7.f);
          call(level, {a.data(), w.packed->data, c.data()}, accumulate, rows, k);
          EXPECT_EQ(std::count(c.begin() + rows * 48, c.end(), -7.f), 16 * 48)
              << level.name << " rows " << rows;
          c.resize(rows * 48);
          EXPECT_TRUE(close(level.name + " rows " + std::to_string(rows) + " k " + std::to_string(k), c,
                            expected, size, 48, kFloatSum));
        }
      }
    }
}

} // namespace
} // namespace r1::test
