// The layouts of GPUs: every element and factor where kernels/registry/layout.h says, zeros everywhere else, for weights of one window and
// of many, with any number of threads.
#include "compiler/emit/PackWindow.h"
#include "test/unit/compiler/emit/PackFixture.h"

namespace r1::test {
namespace {

// [batch][accumulators][n][kp], as the header's sentence says.
void expectRowMajor(const MemoryTensors& tensors, const PackJob& job, const std::vector<uint8_t>& bytes) {
  const PackShape& s = job.shape;
  bool f8 = job.layout == PackLayout::RowMajorF8;
  int64_t kp = ceilDiv(s.k, f8 ? 128 : 64) * (f8 ? 128 : 64);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a)
      for (int64_t n = 0; n < s.n; ++n) {
        int64_t line = ((b * s.accumulators + a) * s.n + n) * kp;
        for (int64_t k = 0; k < kp; ++k) {
          if (f8)
            ASSERT_EQ(bytes[line + k], k < s.k ? kernels::e4m3_from_f32(codeOf(tensors, job, b, a, n, k)) : 0)
                << b << " " << a << " " << n << " " << k;
          else
            ASSERT_EQ(wordAt<uint16_t>(bytes, line + k),
                      kernels::bf16_from_f32(k < s.k ? elementOf(tensors, job, b, a, n, k) : 0))
                << b << " " << a << " " << n << " " << k;
        }
      }
}

TEST(PackWindow, RowMajorFromEverySourceType) {
  MemoryTensors tensors;
  PackJob packed = everySourceType(tensors, PackLayout::RowMajor);
  expectRowMajor(tensors, packed, pack({packed}, tensors));
}

TEST(PackWindow, RowMajorOfHeadsTransposedAndNot) {
  MemoryTensors tensors;
  for (const PackJob& heads : keysAndValues(tensors, PackLayout::RowMajor))
    expectRowMajor(tensors, heads, pack({heads}, tensors));
}

TEST(PackWindow, GateAndUpAreWholeMatricesInManyWindows) {
  // Matrices stand one behind the other, so a window belongs to one of them.
  MemoryTensors tensors;
  PackJob packed = gateAndUp(tensors, PackLayout::RowMajor);
  ASSERT_GT(packed.bytes, 10u << 20);
  std::vector<uint8_t> bytes = pack({packed}, tensors, 1);
  expectRowMajor(tensors, packed, bytes);
  EXPECT_EQ(bytes, pack({packed}, tensors, 5));
}

TEST(PackWindow, ExpertsKeepTheirBytesAndTheirFactors) {
  MemoryTensors tensors;
  std::vector<PackSource> sources = experts(tensors);
  PackShape s{3, 200, 300, 2};
  PackJob weights = job(PackLayout::RowMajorF8, s, DataType::F8E4M3, sources);
  PackJob factors = job(PackLayout::RowScales, s, DataType::F32, sources);
  factors.offset = ceilDiv(weights.bytes, 256) * 256;
  std::vector<uint8_t> bytes = pack({weights, factors}, tensors);
  expectRowMajor(tensors, weights, bytes);
  // [batch][accumulators][ceil(n / 16)][kp / 128]
  int64_t at = factors.offset / 4;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a)
      for (int64_t strip = 0; strip < ceilDiv(s.n, 16); ++strip)
        for (int64_t j = 0; j < ceilDiv(s.k, 128); ++j)
          ASSERT_EQ(wordAt<float>(bytes, at++),
                    tensors.at(sourceOf(factors, b, a, 0)->scale, strip * 16 / 128, j))
              << b << " " << a << " " << strip << " " << j;
  EXPECT_EQ(at * 4, int64_t(bytes.size()));
}

TEST(PackWindow, FactorsOfStackedTensorsInManyWindows) {
  // The second tensor begins inside a block of 128 rows of the packed weight, where its own first factors count.
  MemoryTensors tensors;
  tensors.add("a", DataType::F8E4M3, {1024 + 48, 7168}, 1);
  tensors.add("a_scale", DataType::F32, {9, 56}, 2);
  tensors.add("b", DataType::F8E4M3, {160, 7168}, 3);
  tensors.add("b_scale", DataType::F32, {2, 56}, 4);
  std::vector<PackSource> sources = {{"a", "a_scale", 0, 1072, 0, 7168, false, 0, 0, 0},
                                     {"b", "b_scale", 0, 160, 0, 7168, false, 0, 0, 1072}};
  PackShape s{1, 1232, 7168, 1};
  PackJob weights = job(PackLayout::RowMajorF8, s, DataType::F8E4M3, sources),
          factors = job(PackLayout::RowScales, s, DataType::F32, sources);
  expectRowMajor(tensors, weights, pack({weights}, tensors));
  std::vector<uint8_t> bytes = pack({factors}, tensors, 3);
  for (int64_t strip = 0; strip < 77; ++strip)
    for (int64_t j = 0; j < 56; ++j) {
      int64_t n = strip * 16;
      ASSERT_EQ(wordAt<float>(bytes, strip * 56 + j),
                n < 1072 ? tensors.at("a_scale", n / 128, j) : tensors.at("b_scale", (n - 1072) / 128, j))
          << strip << " " << j;
    }
}

TEST(PackWindow, RowsThatCannotShareAFactorAreRefused) {
  MemoryTensors tensors;
  tensors.add("q", DataType::F8E4M3, {256, 256}, 2);
  tensors.add("q_scale", DataType::F32, {2, 2}, 3);
  PackJob bad = job(PackLayout::RowScales, {1, 16, 256, 1}, DataType::F32,
                    {{"q", "q_scale", 120, 136, 0, 256, false, 0, 0, 0}});
  std::string text = packError({bad}, tensors);
  EXPECT_NE(text.find("16 rows of packed e4m3 share one"), std::string::npos) << text;
}

TEST(PackWindow, LayoutsAreReadBackFromTheirNames) {
  for (PackLayout layout : {PackLayout::RowMajor, PackLayout::RowMajorF8, PackLayout::RowScales,
                            PackLayout::Vnni16, PackLayout::Scales})
    EXPECT_EQ(layoutOf(layoutName(layout)), layout);
  EXPECT_EQ(layoutType(PackLayout::RowMajor, DataType::F32), DataType::BF16);
  EXPECT_EQ(layoutType(PackLayout::RowMajorF8, DataType::F32), DataType::F8E4M3);
  EXPECT_EQ(layoutType(PackLayout::RowScales, DataType::BF16), DataType::F32);
}

} // namespace
} // namespace r1::test
