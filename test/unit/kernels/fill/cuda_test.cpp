// Filled buffers hold the reference's values rounded to their type, on any number of blocks, and nothing beside them changes.
#include "kernels/fill/cuda.h"
#include "kernels/fill/reference.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

struct Nothing {};

std::vector<int64_t> job(int64_t elements, int64_t type, uint64_t seed, float scale) {
  return {elements, type, int64_t(seed), std::bit_cast<int32_t>(scale)};
}

// Bits of one element: float, bf16 or e4m3.
uint32_t bits_of(int64_t type, float value) {
  return type == 0 ? std::bit_cast<uint32_t>(value) : type == 1 ? bf16_from_f32(value) : e4m3_from_f32(value);
}

void check(int64_t elements, int64_t type, uint64_t seed, float scale, int64_t shift) {
  const int64_t size = type == 0 ? 4 : type == 1 ? 2 : 1;
  std::vector<int64_t> words = job(elements, type, seed, scale);
  for (CudaRun run : cuda_runs())
    for (const int blocks : {1, 3}) {
      run.blocks = 0;
      SCOPED_TRACE(testing::Message() << elements << " of type " << type << " shift " << shift << " scale "
                                      << scale << " tiles " << blocks << " " << run);
      std::vector<uint8_t> got((shift + elements) * size + 64, 0xa5);
      run_cuda<cuda::Fill<Nothing, Nothing>>(run, {got.data() + shift * size, words.data()}, {1, 1, 1},
                                             blocks);
      for (int64_t i = 0; i < elements; ++i) {
        uint32_t bits = 0;
        std::memcpy(&bits, &got[(shift + i) * size], size);
        ASSERT_EQ(bits, bits_of(type, reference::fill(seed, scale, i))) << "element " << i;
      }
      for (int64_t i = 0; i < int64_t(got.size()); ++i)
        if (i < shift * size || i >= (shift + elements) * size) {
          ASSERT_EQ(got[i], 0xa5) << "wrote outside, byte " << i;
        }
    }
}

TEST(CudaFill, MatchesReferenceInEveryType) {
  for (const int64_t type : {0, 1, 3})
    for (const int64_t elements : {0, 1, 15, 4096, 20001})
      check(elements, type, 77, 0.02f, 0);
}

TEST(CudaFill, UnalignedDestinations) {
  for (const int64_t type : {0, 1, 3})
    check(1001, type, 5, 1.5f, 3);
}

TEST(CudaFill, ConstantsAndNaN) {
  for (const float scale : {0.0f, -3.25f, kNan})
    for (const int64_t type : {0, 1})
      if (!std::isnan(scale))
        check(100, type, 1, scale, 0);
      else
        EXPECT_TRUE(std::isnan(reference::fill(1, scale, 0)));
}

TEST(CudaFill, AnUnknownTypeIsLeftAlone) {
  std::vector<int64_t> words = job(10, 4, 1, 1.0f);
  std::vector<uint8_t> got(64, 0xa5);
  run_cuda<cuda::Fill<Nothing, Nothing>>({}, {got.data(), words.data()}, {1, 1, 1}, 1);
  EXPECT_EQ(got, std::vector<uint8_t>(64, 0xa5));
}

// Uniform: no mean, the variance of (-1, 1), both ends reached, neighbours and neighbouring seeds unrelated.
TEST(CudaFill, ValuesAreUniform) {
  const int64_t n = 200000;
  double sum = 0, squares = 0, neighbours = 0, seeds = 0;
  float low = 1, high = -1;
  for (int64_t i = 0; i < n; ++i) {
    const float v = reference::fill(9, 1, i);
    sum += v;
    squares += double(v) * v;
    neighbours += double(v) * reference::fill(9, 1, i + 1);
    seeds += double(v) * reference::fill(10, 1, i);
    low = std::min(low, v);
    high = std::max(high, v);
  }
  EXPECT_NEAR(sum / n, 0, 0.006);
  EXPECT_NEAR(squares / n, 1.0 / 3, 0.004);
  EXPECT_NEAR(neighbours / n, 0, 0.004);
  EXPECT_NEAR(seeds / n, 0, 0.004);
  EXPECT_LT(low, -0.9999f);
  EXPECT_GT(high, 0.9999f);
  EXPECT_GT(low, -1.0f);
  EXPECT_LT(high, 1.0f);
}

} // namespace
} // namespace r1::test
