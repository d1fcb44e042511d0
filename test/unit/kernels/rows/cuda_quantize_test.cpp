// Quantised rows are those of the reference to the bit, and the reference is act_quant as R1's own code has it: pieces of 128
// columns with a scale each, zeros and rows below the least maximum, powers of two, NaN, and shapes that end inside a piece.
#include "kernels/rows/cuda_quantize.h"
#include "kernels/rows/reference.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

template <int64_t kCols, int64_t kInner, int64_t kStride, int64_t kType, int64_t kUe8m0> struct Config {
  static constexpr long long cols = kCols, inner = kInner, x_stride = kStride, x_type = kType, ue8m0 = kUe8m0;
};
struct NoHoles {};

// Rows of every kind there is: small, large, all zero, one NaN, one infinity.
std::vector<float> rows_of_x(int64_t rows, int64_t cols, Random& random) {
  std::vector<float> x = random.normal(rows * cols);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) {
      float& v = x[r * cols + c];
      v *= std::exp2f(float((r * 7 + c / 128 * 5) % 40 - 20));
      if (r % 5 == 1)
        v = 0;
      if (r % 5 == 2)
        v *= 1e-6f;
    }
  x[3 * cols] = kNan;
  x[4 * cols + cols / 2] = -kInfinity;
  return rounded(x);
}

template <class Config, int kTokenCount> void check(uint64_t seed, int shift = 0) {
  constexpr int64_t cols = Config::cols, rows = kTokenCount * Config::inner, pieces = (cols + 127) / 128;
  constexpr int64_t stride = pieces * 128, scale_stride = (pieces + 15) / 16 * 16;
  Random random(seed);
  const std::vector<float> x = rows_of_x(rows, cols, random);
  std::vector<float> y(rows * cols), scales(rows * pieces);
  reference::quantize_rows(x.data(), rows, cols, Config::ue8m0, y.data(), scales.data());
  std::vector<float> wide = strided(x, rows, cols, Config::x_stride);
  wide.insert(wide.begin(), shift, kNan);
  std::vector<uint16_t> narrow = to_bf16(wide);
  void* in = Config::x_type == kF32 ? static_cast<void*>(wide.data() + shift) : narrow.data() + shift;
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << rows << "x" << cols << " shift " << shift << " " << run);
    alignas(16) static uint8_t got[kTokenCount * Config::inner * stride];
    std::fill_n(got, rows * stride, 0xaa);
    std::vector<float> got_scales(rows * scale_stride, -1);
    run_cuda<cuda::RowsQuantize<Config, NoHoles>>(run, {in, got, got_scales.data()}, {kTokenCount, 1, 1},
                                                  rows + 3);
    for (int64_t r = 0; r < rows; ++r) {
      for (int64_t c = 0; c < stride; ++c)
        ASSERT_EQ(got[r * stride + c], c < cols ? e4m3_from_f32(y[r * cols + c]) : 0)
            << "row " << r << " column " << c;
      for (int64_t p = 0; p < scale_stride; ++p)
        ASSERT_EQ(got_scales[r * scale_stride + p], p < pieces ? scales[r * pieces + p] : -1.0f)
            << "row " << r << " piece " << p;
    }
  }
}

TEST(CudaQuantize, GivesTheBitsOfTheReference) {
  check<Config<128, 1, 128, kBF16, 0>, 7>(1);
  check<Config<7168, 1, 7168, kBF16, 0>, 6>(2);
  check<Config<2048, 3, 2048, kBF16, 1>, 3>(3); // pairs of token and expert
  check<Config<200, 1, 208, kBF16, 0>, 9>(4);   // ends inside a piece
  check<Config<1536, 1, 2112, kF32, 1>, 5>(5);  // a slice
}

TEST(CudaQuantize, RowsBeginAnywhereAndHaveAnyLength) {
  check<Config<333, 1, 336, kBF16, 0>, 7>(6);
  check<Config<24, 2, 48, kBF16, 1>, 5>(7, 3);
  check<Config<256, 1, 260, kBF16, 0>, 6>(8, 1);
  check<Config<130, 1, 144, kF32, 0>, 8>(9, 1);
}

// act_quant for each piece, written out once more and in double where that is the clearer way.
TEST(CudaQuantize, ReferenceIsActQuant) {
  constexpr int64_t rows = 60, cols = 300, pieces = 3;
  Random random(10);
  const std::vector<float> x = rows_of_x(rows, cols, random);
  for (bool ue8m0 : {false, true}) {
    std::vector<float> y(rows * cols), scales(rows * pieces), back(rows * cols);
    reference::quantize_rows(x.data(), rows, cols, ue8m0, y.data(), scales.data());
    reference::dequantize_rows(y.data(), scales.data(), rows, cols, back.data());
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) {
        float amax = 1e-4f;
        for (int64_t i = c / 128 * 128; i < std::min(cols, c / 128 * 128 + 128); ++i)
          amax = std::fmax(amax, std::fabs(x[r * cols + i]));
        const float scale = scales[r * pieces + c / 128], v = x[r * cols + c];
        SCOPED_TRACE(testing::Message() << "row " << r << " column " << c << " ue8m0 " << ue8m0);
        if (!ue8m0) {
          ASSERT_EQ(scale, amax / 448.0f);
        } else if (std::isfinite(amax)) { // the least power of two that is no less
          int exponent;
          ASSERT_EQ(std::frexp(scale, &exponent), 0.5f);
          ASSERT_GE(scale, amax / 448.0f);
          ASSERT_LT(scale, amax / 448.0f * 2);
        }
        // An infinity takes its piece with it: 0 times an infinite scale.
        ASSERT_EQ(std::isnan(back[r * cols + c]), std::isnan(v) || !std::isfinite(amax));
        if (!std::isfinite(amax) || !std::isfinite(v))
          continue;
        ASSERT_LE(std::fabs(y[r * cols + c]), 448.0f);
        // Three bits of mantissa, and half of the least subnormal, 2^-9.
        ASSERT_LE(std::fabs(back[r * cols + c] - v), std::fabs(v) * 0x1.001p-4f + scale * 0x1.001p-10f);
      }
  }
}

} // namespace
} // namespace r1::test
