// The rows skeleton for CUDA: norm, sum over experts and plain maps agree with the references under every schedule; holes see
// each column once, and what they leave behind the last column does not count.
#include "kernels/rows/cuda_rows.h"
#include "kernels/rows/reference.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

using cuda::Arguments;

template <int64_t kCols, int64_t kNorm, int64_t kCombine = 0, int64_t kStride = 0, int kEpsilonDigits = 5>
struct Config {
  static constexpr long long cols = kCols, norm = kNorm, combine_k = kCombine, y_stride = kStride;
  static constexpr double epsilon = kEpsilonDigits == 5 ? 1e-5 : 1e-6;
};

constexpr int64_t kWidth = 20016; // of the test's own rows

// Buffers behind the skeleton's own: x f32[row][kWidth], weight f32[cols], out f32[row][kWidth], visits i32[row][kWidth].
template <int kAt> struct Holes {
  // v += x; lanes that were not asked for are spoilt on purpose.
  template <int V> static void map(const Arguments& a, int row, int col, int count, float (&values)[1][V]) {
    float x[V];
    cuda::load_lanes(a.in<float>(kAt) + row * kWidth + col, count, x);
    for (int i = 0; i < V; ++i)
      values[0][i] = i < count ? values[0][i] + x[i] : 1e30f;
  }
  // out = v * rstd * weight
  template <int V>
  static void finish(const Arguments& a, int row, int col, int count, float (&values)[2][V]) {
    float y[V];
    cuda::load_lanes(a.in<float>(kAt + 1) + col, count, y);
    for (int i = 0; i < V; ++i)
      y[i] *= values[0][i] * values[1][i];
    cuda::store_lanes(a.out<float>(kAt + 2) + row * kWidth + col, count, y);
    for (int i = 0; i < count; ++i)
      ++a.out<int>(kAt + 3)[row * kWidth + col + i];
  }
};

// One more tile than rows: the bucket is larger than the step.
template <class Config, int kRows> void check(uint64_t seed, int shift = 0) {
  constexpr int64_t cols = Config::cols, k = Config::combine_k;
  Random random(seed);
  const std::vector<float> x = random.normal(kRows * cols), weight = random.normal(cols);
  std::vector<float> want = x;
  std::vector<float> y(kRows * k * cols), weights = random.normal(kRows * k), wide;
  if (k > 0) {
    y = random.normal(kRows * k * cols);
    reference::combine(y.data(), weights.data(), kRows, k, cols, want.data());
    for (int64_t i = 0; i < kRows * cols; ++i)
      want[i] += x[i];
    wide = strided(y, kRows * k, cols, Config::y_stride);
    wide.insert(wide.begin(), shift, kNan); // a column slice of something: y begins anywhere
  }
  if (Config::norm)
    reference::rms_norm(want.data(), weight.data(), kRows, cols, Config::epsilon, want.data());
  else
    for (int64_t i = 0; i < kRows * cols; ++i)
      want[i] *= weight[i % cols];
  std::vector<float> spread = strided(x, kRows, cols, kWidth);
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << kRows << "x" << cols << " combine " << k << " shift " << shift << " "
                                    << run);
    std::vector<float> got(kRows * kWidth, kNan);
    std::vector<int> visits(kRows * kWidth);
    std::vector<void*> buffers = {spread.data(), const_cast<float*>(weight.data()), got.data(),
                                  visits.data()};
    if (k > 0)
      buffers.insert(buffers.begin(), {wide.data() + shift, weights.data()});
    run_cuda<cuda::Rows<Config, Holes<k ? 2 : 0>>>(run, buffers, {kRows, 1, 1}, kRows + 1);
    expect_close("rows", dense(got, kRows, cols, kWidth), want, 2e-6, 1e-5);
    for (int64_t i = 0; i < kRows * kWidth; ++i)
      ASSERT_EQ(visits[i], i % kWidth < cols) << "element " << i;
  }
}

TEST(CudaRows, NormMatchesReference) {
  check<Config<1, 1>, 1>(1);
  check<Config<15, 1>, 7>(2);
  check<Config<129, 1>, 7>(3);
  check<Config<512, 1>, 3>(4);
  check<Config<1536, 1>, 2>(5);
  check<Config<7168, 1>, 2>(6);
  check<Config<16383, 1>, 1>(7);
}

TEST(CudaRows, PlainMapMatchesReference) {
  check<Config<3, 0>, 7>(11);
  check<Config<640, 0>, 2>(12);
  check<Config<20001, 0>, 1>(13);
}

TEST(CudaRows, CombineAddsExpertsInOrder) {
  check<Config<100, 1, 8, 112>, 3>(21);
  check<Config<100, 0, 1, 112>, 3>(22);
  check<Config<101, 0, 3, 112>, 3>(23);
  check<Config<7168, 1, 8, 7168>, 1>(24);
  check<Config<100, 0, 11, 112>, 2>(25);
}

TEST(CudaRows, CombineReadsRowsThatBeginAnywhere) {
  for (const int shift : {1, 2})
    check<Config<100, 1, 4, 112>, 2>(31, shift);
  check<Config<100, 1, 4, 113>, 2>(32);
}

// With values this small 1e-5 and 1e-6 differ by a factor (R1.md 1.5, item 5).
template <int kDigits> float first_of_small_row(double epsilon) {
  std::vector<float> x(kWidth, 1e-3f), weight(64, 1.0f), got(kWidth);
  std::vector<int> visits(kWidth);
  run_cuda<cuda::Rows<Config<64, 1, 0, 0, kDigits>, Holes<0>>>(
      {}, {x.data(), weight.data(), got.data(), visits.data()}, {1, 1, 1}, 1);
  EXPECT_NEAR(got[0], 1e-3 / std::sqrt(1e-6 + epsilon), 1e-5);
  return got[0];
}
TEST(CudaRows, EpsilonIsTheConfigsOwn) {
  EXPECT_NE(first_of_small_row<5>(1e-5), first_of_small_row<6>(1e-6));
}

TEST(CudaRows, NanStaysInItsRow) {
  const int64_t rows = 3, cols = 129;
  std::vector<float> x(rows * kWidth, 1.0f), weight(cols, 1.0f), got(rows * kWidth);
  std::vector<int> visits(rows * kWidth);
  x[kWidth + 128] = kNan;
  for (const CudaRun& run : cuda_runs()) {
    run_cuda<cuda::Rows<Config<129, 1>, Holes<0>>>(run, {x.data(), weight.data(), got.data(), visits.data()},
                                                   {rows, 1, 1}, rows);
    for (int64_t c = 0; c < cols; ++c) {
      EXPECT_FALSE(std::isnan(got[c])) << run;
      EXPECT_TRUE(std::isnan(got[kWidth + c])) << run;
      EXPECT_FALSE(std::isnan(got[2 * kWidth + c])) << run;
    }
  }
}

} // namespace
} // namespace r1::test
