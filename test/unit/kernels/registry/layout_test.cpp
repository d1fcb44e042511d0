// The packing functions put every element where layout.h says, and zeros everywhere else.
#include "kernels/registry/layout.h"

#include <gtest/gtest.h>
#include <random>
#include <vector>

namespace r1::kernels {
namespace {

int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// layout.h's sentence, word by word, as an index.
int64_t vnni16_at(const PackShape& s, int64_t b, int64_t a, int64_t n, int64_t k) {
  const int64_t lines = up(s.k, 32) / 2;
  return ((((b * (up(s.n, 16) / 16) + n / 16) * s.accumulators + a) * lines + k / 2) * 16 + n % 16) * 2 +
         k % 2;
}

int64_t f8_at(const PackShape& s, int64_t b, int64_t a, int64_t n, int64_t k) {
  const int64_t lines = up(s.k, 128) / 4;
  const int64_t line = ((b * (up(s.n, 16) / 16) + n / 16) * s.accumulators + a) * lines + k / 4;
  const int64_t lane = n % 16 / 4, half = k % 4 / 2;
  return line * 64 + lane * 16 + half * 8 + n % 4 * 2 + k % 2;
}

struct Shape : testing::TestWithParam<PackShape> {};

TEST_P(Shape, Vnni16PutsEveryElementInItsPlaceAndZerosElsewhere) {
  const PackShape s = GetParam();
  std::mt19937 random(7);
  for (bool transposed : {false, true}) {
    std::vector<uint16_t> packed(vnni16_bytes(s) / 2, 0xffff), expected(packed.size(), 0);
    for (int64_t b = 0; b < s.batch; ++b)
      for (int64_t a = 0; a < s.accumulators; ++a) {
        const int64_t ld = (transposed ? s.n : s.k) + 3;
        std::vector<uint16_t> source((transposed ? s.k : s.n) * ld);
        for (uint16_t& v : source)
          v = uint16_t(random() | 1);
        pack_vnni16(s, b, a, 0, s.n, source.data(), ld, transposed, packed.data());
        for (int64_t n = 0; n < s.n; ++n)
          for (int64_t k = 0; k < s.k; ++k)
            expected[vnni16_at(s, b, a, n, k)] = transposed ? source[k * ld + n] : source[n * ld + k];
      }
    EXPECT_EQ(packed, expected) << "transposed " << transposed;
  }
}

TEST_P(Shape, Vnni16F8PutsEveryElementInItsPlaceAndZerosElsewhere) {
  const PackShape s = GetParam();
  std::mt19937 random(8);
  std::vector<uint8_t> packed(vnni16_f8_bytes(s), 0xff), expected(packed.size(), 0);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a) {
      const int64_t ld = s.k + 5;
      std::vector<uint8_t> source(s.n * ld);
      for (uint8_t& v : source)
        v = uint8_t(random() | 1);
      pack_vnni16_f8(s, b, a, 0, s.n, source.data(), ld, packed.data());
      for (int64_t n = 0; n < s.n; ++n)
        for (int64_t k = 0; k < s.k; ++k)
          expected[f8_at(s, b, a, n, k)] = source[n * ld + k];
    }
  EXPECT_EQ(packed, expected);
}

TEST_P(Shape, ScalesRepeatForTheRowsOfTheirBlock) {
  const PackShape s = GetParam();
  const int64_t steps = up(s.k, 128) / 128, ld = steps + 1;
  std::vector<float> packed(scales_bytes(s) / 4, -1.f);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a) {
      std::vector<float> source(up(s.n, 128) / 128 * ld);
      for (size_t i = 0; i < source.size(); ++i)
        source[i] = float(1000 * b + 100 * a + i);
      pack_scales(s, b, a, 0, s.n, source.data(), ld, packed.data());
    }
  size_t at = 0;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t block = 0; block < up(s.n, 16) / 16; ++block)
      for (int64_t a = 0; a < s.accumulators; ++a)
        for (int64_t j = 0; j < steps; ++j)
          EXPECT_EQ(packed[at++], float(1000 * b + 100 * a + block / 8 * ld + j));
  EXPECT_EQ(at, packed.size());
}

INSTANTIATE_TEST_SUITE_P(Layout, Shape,
                         testing::Values(PackShape{1, 16, 32, 1}, PackShape{1, 1, 1, 1},
                                         PackShape{1, 24, 48, 2}, PackShape{3, 40, 130, 1},
                                         PackShape{2, 272, 257, 2}));

// CUDA skeletons read whole 128-byte lines of a row, so a row is a whole number of them and never wider than it must be.
TEST_P(Shape, RowMajorRowsAreWholeLines) {
  const PackShape s = GetParam();
  const int64_t matrices = s.batch * s.accumulators;
  EXPECT_EQ(rowmajor_stride(s.k), up(s.k, 64));
  EXPECT_EQ(rowmajor_f8_stride(s.k), up(s.k, 128));
  EXPECT_EQ(rowmajor_bytes(s), matrices * s.n * up(s.k, 64) * 2);
  EXPECT_EQ(rowmajor_f8_bytes(s), matrices * s.n * up(s.k, 128));
  EXPECT_EQ(rowmajor_bytes(s) % 128, 0);
  EXPECT_EQ(rowmajor_f8_bytes(s) % 128, 0);
  // One factor for 16 rows x 128 k, as many as the other layout of factors has.
  EXPECT_EQ(scales_bytes(s), matrices * (up(s.n, 16) / 16) * (rowmajor_f8_stride(s.k) / 128) * 4);
}

TEST(Layout, PartsOfOneTensorPackSeparately) {
  const PackShape s{1, 48, 64, 1};
  std::vector<uint16_t> source(48 * 64), whole(vnni16_bytes(s) / 2), parts(whole.size(), 0xffff);
  for (size_t i = 0; i < source.size(); ++i)
    source[i] = uint16_t(i);
  pack_vnni16(s, 0, 0, 0, 48, source.data(), 64, false, whole.data());
  pack_vnni16(s, 0, 0, 32, 16, source.data() + 32 * 64, 64, false, parts.data());
  pack_vnni16(s, 0, 0, 0, 32, source.data(), 64, false, parts.data());
  EXPECT_EQ(whole, parts);
}

} // namespace
} // namespace r1::kernels
