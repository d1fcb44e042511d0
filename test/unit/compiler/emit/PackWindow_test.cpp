// The layouts of GPUs: every element and factor where kernels/registry/layout.h says, zeros everywhere else, for weights of one window and
// of many, with any number of threads.
#include "compiler/emit/PackWindow.h"
#include "test/unit/compiler/emit/MemoryTensors.h"
#include <gtest/gtest.h>

namespace r1::test {
namespace {

using artifact::DataType;
using kernels::PackShape;

int64_t up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

std::vector<uint8_t> pack(llvm::ArrayRef<PackJob> jobs, const TensorReader& reader, unsigned threads = 2) {
  std::vector<uint8_t> out;
  uint64_t bytes = jobs.back().offset + jobs.back().bytes;
  llvm::Error error = packSegment(jobs, bytes, reader, threads, [&](llvm::ArrayRef<uint8_t> part) {
    out.insert(out.end(), part.begin(), part.end());
    return llvm::Error::success();
  });
  EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
  EXPECT_EQ(out.size(), bytes);
  return out;
}

PackJob job(PackLayout layout, PackShape shape, DataType type, std::vector<PackSource> sources) {
  return {"job", layout, shape, type, std::move(sources), 0, packedBytes(layout, shape, type), 0};
}

template <class Word> Word wordAt(const std::vector<uint8_t>& bytes, int64_t index) {
  Word word;
  std::memcpy(&word, &bytes[index * sizeof(Word)], sizeof(Word));
  return word;
}

// The one source of row n of matrix (b, a).
const PackSource* sourceOf(const PackJob& job, int64_t b, int64_t a, int64_t n) {
  for (const PackSource& s : job.sources) {
    int64_t rows = s.transposed ? s.colEnd - s.colBegin : s.rowEnd - s.rowBegin;
    if (s.batch == b && s.accumulator == a && n >= s.destRow && n < s.destRow + rows)
      return &s;
  }
  return nullptr;
}

// [batch][accumulators][n][kp], as the header's sentence says.
void expectRowMajor(const MemoryTensors& tensors, const PackJob& job, const std::vector<uint8_t>& bytes) {
  const PackShape& s = job.shape;
  bool f8 = job.layout == PackLayout::RowMajorF8;
  int64_t kp = up(s.k, f8 ? 128 : 64);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a)
      for (int64_t n = 0; n < s.n; ++n) {
        const PackSource* from = sourceOf(job, b, a, n);
        ASSERT_NE(from, nullptr);
        int64_t line = ((b * s.accumulators + a) * s.n + n) * kp;
        for (int64_t k = 0; k < kp; ++k) {
          int64_t row = from->transposed ? from->rowBegin + k : from->rowBegin + n - from->destRow;
          int64_t col = from->transposed ? from->colBegin + n - from->destRow : from->colBegin + k;
          if (f8) {
            ASSERT_EQ(bytes[line + k],
                      k < s.k ? kernels::e4m3_from_f32(tensors.at(from->tensor, row, col)) : 0)
                << n << " " << k;
            continue;
          }
          float value = k < s.k ? tensors.at(from->tensor, row, col) : 0;
          if (k < s.k && !from->scale.empty())
            value *= tensors.at(from->scale, row / 128, col / 128);
          ASSERT_EQ(wordAt<uint16_t>(bytes, line + k), kernels::bf16_from_f32(value))
              << b << " " << a << " " << n << " " << k;
        }
      }
}

TEST(PackWindow, RowMajorFromEverySourceType) {
  MemoryTensors tensors;
  tensors.add("bf16", DataType::BF16, {40, 70}, 1);
  tensors.add("f16", DataType::F16, {30, 70}, 2);
  tensors.add("f32", DataType::F32, {9, 90}, 3);
  tensors.add("f8", DataType::F8E4M3, {150, 300}, 4);
  tensors.add("f8_scale", DataType::F32, {2, 3}, 5);
  PackJob packed = job(PackLayout::RowMajor, {1, 87, 70, 1}, DataType::BF16,
                       {{"bf16", "", 0, 40, 0, 70, false, 0, 0, 0},
                        {"f16", "", 2, 30, 0, 70, false, 0, 0, 40},
                        {"f32", "", 0, 9, 11, 81, false, 0, 0, 68},
                        {"f8", "f8_scale", 123, 133, 100, 170, false, 0, 0, 77}});
  expectRowMajor(tensors, packed, pack({packed}, tensors));
}

TEST(PackWindow, RowMajorOfHeadsTransposedAndNot) {
  MemoryTensors tensors;
  tensors.add("kv_b", DataType::F8E4M3, {2 * (24 + 20), 50}, 1);
  tensors.add("kv_b_scale", DataType::F32, {1, 1}, 2);
  PackJob keys = job(PackLayout::RowMajor, {2, 50, 24, 1}, DataType::BF16,
                     {{"kv_b", "kv_b_scale", 0, 24, 0, 50, true, 0, 0, 0},
                      {"kv_b", "kv_b_scale", 44, 68, 0, 50, true, 1, 0, 0}});
  PackJob values = job(PackLayout::RowMajor, {2, 20, 50, 1}, DataType::BF16,
                       {{"kv_b", "kv_b_scale", 24, 44, 0, 50, false, 0, 0, 0},
                        {"kv_b", "kv_b_scale", 68, 88, 0, 50, false, 1, 0, 0}});
  expectRowMajor(tensors, keys, pack({keys}, tensors));
  expectRowMajor(tensors, values, pack({values}, tensors));
}

TEST(PackWindow, GateAndUpAreWholeMatricesInManyWindows) {
  // Matrices stand one behind the other, so a window belongs to one of them; several windows each, an odd number of rows.
  MemoryTensors tensors;
  tensors.add("gate", DataType::BF16, {1301, 2050}, 1);
  tensors.add("up", DataType::BF16, {1301, 2050}, 2);
  PackJob packed =
      job(PackLayout::RowMajor, {1, 1301, 2050, 2}, DataType::BF16,
          {{"gate", "", 0, 1301, 0, 2050, false, 0, 0, 0}, {"up", "", 0, 1301, 0, 2050, false, 0, 1, 0}});
  ASSERT_GT(packed.bytes, 10u << 20);
  std::vector<uint8_t> bytes = pack({packed}, tensors, 1);
  expectRowMajor(tensors, packed, bytes);
  EXPECT_EQ(bytes, pack({packed}, tensors, 5));
}

TEST(PackWindow, ExpertsKeepTheirBytesAndTheirFactors) {
  MemoryTensors tensors;
  std::vector<PackSource> sources;
  PackShape s{3, 200, 300, 2};
  for (int e = 0; e < s.batch; ++e)
    for (int a = 0; a < s.accumulators; ++a) {
      std::string name = "expert" + std::to_string(e) + (a ? "up" : "gate");
      tensors.add(name, DataType::F8E4M3, {200, 300}, 10 + 2 * e + a);
      tensors.add(name + "_scale", DataType::F32, {2, 3}, 20 + 2 * e + a);
      sources.push_back({name, name + "_scale", 0, 200, 0, 300, false, e, a, 0});
    }
  PackJob weights = job(PackLayout::RowMajorF8, s, DataType::F8E4M3, sources);
  PackJob factors = job(PackLayout::RowScales, s, DataType::F32, sources);
  factors.offset = up(weights.bytes, 256);
  std::vector<uint8_t> bytes = pack({weights, factors}, tensors);
  expectRowMajor(tensors, weights, bytes);
  // [batch][accumulators][ceil(n / 16)][kp / 128]
  int64_t at = factors.offset / 4;
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a)
      for (int64_t strip = 0; strip < up(s.n, 16) / 16; ++strip)
        for (int64_t j = 0; j < up(s.k, 128) / 128; ++j)
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
  llvm::Error error = packSegment({bad}, bad.bytes, tensors, 1,
                                  [](llvm::ArrayRef<uint8_t>) { return llvm::Error::success(); });
  std::string text = llvm::toString(std::move(error));
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
