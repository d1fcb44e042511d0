// Packing and PackWindow: every element lands where kernels/registry/layout.h says, whatever the sources and the number of
// threads.
#include "test/unit/compiler/emit/PackFixture.h"
#include <limits>

namespace r1::test {
namespace {

// As the header's text defines them: element index of (b, a, n, k).
int64_t vnni16Index(const PackShape& s, int64_t b, int64_t a, int64_t n, int64_t k) {
  int64_t kp = ceilDiv(s.k, 32) * 32, block = (b * ceilDiv(s.n, 16) + n / 16) * s.accumulators + a;
  return (block * (kp / 2) + k / 2) * 32 + n % 16 * 2 + k % 2;
}
int64_t vnni16F8Index(const PackShape& s, int64_t b, int64_t a, int64_t n, int64_t k) {
  int64_t kp = ceilDiv(s.k, 128) * 128, block = (b * ceilDiv(s.n, 16) + n / 16) * s.accumulators + a;
  return (block * (kp / 4) + k / 4) * 64 + n % 16 / 4 * 16 + k % 4 / 2 * 8 + n % 4 * 2 + k % 2;
}

void expectVnni16(const MemoryTensors& tensors, const PackJob& job, const std::vector<uint8_t>& bytes) {
  const PackShape& s = job.shape;
  std::vector<bool> used(bytes.size() / 2);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a)
      for (int64_t n = 0; n < s.n; ++n)
        for (int64_t k = 0; k < s.k; ++k) {
          int64_t i = vnni16Index(s, b, a, n, k);
          used[i] = true;
          ASSERT_EQ(wordAt<uint16_t>(bytes, i), kernels::bf16_from_f32(elementOf(tensors, job, b, a, n, k)))
              << b << " " << a << " " << n << " " << k;
        }
  for (size_t i = 0; i < used.size(); ++i)
    ASSERT_TRUE(used[i] || wordAt<uint16_t>(bytes, i) == 0) << "padding at " << i;
}

TEST(Packing, Vnni16FromEverySourceType) {
  MemoryTensors tensors;
  PackJob packed = everySourceType(tensors, PackLayout::Vnni16);
  expectVnni16(tensors, packed, pack({packed}, tensors));
}

TEST(Packing, Vnni16OfBatchesTransposedAndNot) {
  MemoryTensors tensors;
  for (const PackJob& heads : keysAndValues(tensors, PackLayout::Vnni16))
    expectVnni16(tensors, heads, pack({heads}, tensors));
}

TEST(Packing, Vnni16OfGateAndUpInManyWindows) {
  MemoryTensors tensors;
  PackJob packed = gateAndUp(tensors, PackLayout::Vnni16);
  ASSERT_GT(packed.bytes, 10u << 20);
  std::vector<uint8_t> bytes = pack({packed}, tensors, 1);
  expectVnni16(tensors, packed, bytes);
  EXPECT_EQ(bytes, pack({packed}, tensors, 5));
}

TEST(Packing, E4m3KeepsItsBytesAndItsFactors) {
  MemoryTensors tensors;
  std::vector<PackSource> sources = experts(tensors);
  PackShape s{3, 200, 300, 2};
  PackJob weights = job(PackLayout::Vnni16F8, s, DataType::F8E4M3, sources);
  PackJob scales = job(PackLayout::Scales, s, DataType::F32, sources);
  scales.offset = (weights.bytes + 255) / 256 * 256;
  std::vector<uint8_t> bytes = pack({weights, scales}, tensors);
  std::vector<bool> used(weights.bytes);
  for (const PackSource& source : sources)
    for (int64_t n = 0; n < s.n; ++n)
      for (int64_t k = 0; k < s.k; ++k) {
        int64_t i = vnni16F8Index(s, source.batch, source.accumulator, n, k);
        used[i] = true;
        ASSERT_EQ(bytes[i], tensors.tensors.at(source.tensor).bytes[n * 300 + k]);
        if (n % 16 == 0) {
          int64_t block = (source.batch * 13 + n / 16) * 2 + source.accumulator;
          ASSERT_EQ(wordAt<float>(bytes, scales.offset / 4 + block * 3 + k / 128),
                    tensors.at(source.scale, n / 128, k / 128));
        }
      }
  for (uint64_t i = 0; i < scales.offset; ++i)
    ASSERT_TRUE((i < used.size() && used[i]) || bytes[i] == 0) << "padding at " << i;
}

TEST(Packing, RowsAndVectorsOfFloatAndBf16) {
  MemoryTensors tensors;
  tensors.add("embed", DataType::BF16, {37, 24}, 1);
  tensors.add("norm", DataType::BF16, {24}, 2);
  PackJob rows =
      job(PackLayout::Rows, {1, 37, 24, 1}, DataType::BF16, {{"embed", "", 0, 37, 0, 24, false, 0, 0, 0}});
  PackJob wide =
      job(PackLayout::Rows, {1, 37, 24, 1}, DataType::F32, {{"embed", "", 0, 37, 0, 24, false, 0, 0, 0}});
  wide.offset = 4096, wide.bytes = 37 * 32 * 4; // rows padded to 32
  PackJob vector =
      job(PackLayout::Vector, {1, 1, 24, 1}, DataType::F32, {{"norm", "", 0, 1, 0, 24, false, 0, 0, 0}});
  vector.offset = 12288;
  std::vector<uint8_t> bytes = pack({rows, wide, vector}, tensors);
  for (int64_t n = 0; n < 37; ++n)
    for (int64_t k = 0; k < 32; ++k) {
      if (k < 24) {
        ASSERT_EQ(kernels::f32_from_bf16(wordAt<uint16_t>(bytes, n * 24 + k)), tensors.at("embed", n, k));
      }
      ASSERT_EQ(wordAt<float>(bytes, 1024 + n * 32 + k), k < 24 ? tensors.at("embed", n, k) : 0);
    }
  for (int64_t k = 0; k < 24; ++k)
    ASSERT_EQ(wordAt<float>(bytes, 3072 + k), tensors.at("norm", 0, k));
}

class BadJobs : public testing::Test {
protected:
  void SetUp() override {
    tensors.add("w", DataType::BF16, {32, 64}, 1);
    tensors.add("q", DataType::F8E4M3, {256, 256}, 2);
    tensors.add("q_scale", DataType::F32, {2, 2}, 3);
  }
  void expectError(PackJob bad, const char* text) {
    std::string error = packError({bad}, tensors);
    EXPECT_NE(error.find(text), std::string::npos) << error;
  }
  PackSource whole(const char* name, int64_t rows, int64_t cols) {
    return {name, "", 0, rows, 0, cols, false, 0, 0, 0};
  }
  MemoryTensors tensors;
};

TEST_F(BadJobs, AreRefusedBeforeAnythingIsRead) {
  PackShape s{1, 32, 64, 1};
  expectError(job(PackLayout::Vnni16, s, DataType::BF16, {whole("none", 32, 64)}), "no tensor none");
  expectError(job(PackLayout::Vnni16, s, DataType::BF16, {whole("w", 33, 64)}), "but it is 32 x 64");
  expectError(job(PackLayout::Vnni16, s, DataType::BF16, {whole("w", 32, 60)}),
              "gives 60 elements a row, expected 64");
  expectError(job(PackLayout::Vnni16, s, DataType::BF16, {whole("w", 31, 64)}), "row 31 of matrix 0");
  expectError(job(PackLayout::Vnni16, s, DataType::BF16, {whole("w", 32, 64), whole("w", 1, 64)}),
              "a row from two");
  expectError(job(PackLayout::Vnni16, s, DataType::F32, {whole("w", 32, 64)}),
              "cannot hold elements of type F32");
  expectError(job(PackLayout::Vnni16F8, s, DataType::F8E4M3, {whole("w", 32, 64)}),
              "needs an F8_E4M3 tensor");
  expectError(job(PackLayout::Vnni16, {1, 256, 256, 1}, DataType::BF16, {whole("q", 256, 256)}),
              "without a weight_scale_inv");
  PackJob wrongSize = job(PackLayout::Vnni16, s, DataType::BF16, {whole("w", 32, 64)});
  wrongSize.bytes += 64;
  expectError(wrongSize, "bytes planned");
  tensors.add("q_scale", DataType::F32, {2, 3}, 3);
  PackSource q{"q", "q_scale", 0, 256, 0, 256, false, 0, 0, 0};
  expectError(job(PackLayout::Vnni16, {1, 256, 256, 1}, DataType::BF16, {q}), "must be F32 of shape [2, 2]");
  PackJob first = job(PackLayout::Vnni16, s, DataType::BF16, {whole("w", 32, 64)}), second = first;
  second.offset = 64;
  std::string error = packError({first, second}, tensors);
  EXPECT_NE(error.find("before the tensor ahead of it ends"), std::string::npos) << error;
}

TEST_F(BadJobs, FactorsThatAreNotFiniteAreNamed) {
  for (float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::memcpy(&tensors.tensors["q_scale"].bytes[12], &bad, 4);
    PackSource q{"q", "q_scale", 0, 256, 0, 256, false, 0, 0, 0};
    expectError(job(PackLayout::Vnni16, {1, 256, 256, 1}, DataType::BF16, {q}), "q_scale [1, 1] is ");
    expectError(job(PackLayout::Scales, {1, 256, 256, 1}, DataType::F32, {q}), "q_scale [1, 1] is ");
  }
}

TEST_F(BadJobs, WeightsThatAreNotNumbersAreNamed) {
  tensors.tensors["q"].bytes[3 * 256 + 7] = 0xff;
  PackSource q{"q", "q_scale", 0, 256, 0, 256, false, 0, 0, 0};
  for (PackLayout layout : {PackLayout::Vnni16F8, PackLayout::RowMajorF8})
    expectError(job(layout, {1, 256, 256, 1}, DataType::F8E4M3, {q}), "q [3, 7] is NaN");
}

TEST_F(BadJobs, RowsThatCannotShareAFactorAreRefused) {
  PackSource q{"q", "q_scale", 120, 136, 0, 256, false, 0, 0, 0}; // one block of 16, two rows of factors
  expectError(job(PackLayout::Scales, {1, 16, 256, 1}, DataType::F32, {q}),
              "16 rows of packed e4m3 share one");
}

TEST_F(BadJobs, ReadErrorsStopThePacking) {
  tensors.failing = "w";
  expectError(job(PackLayout::Vnni16, {1, 32, 64, 1}, DataType::BF16, {whole("w", 32, 64)}), "cannot read w");
}

} // namespace
} // namespace r1::test
