// The rotary table for CUDA is accurate at every position of 32 bits, and a circle of the radius asked for.
#include "kernels/rows/cuda_rope_table.h"
#include "kernels/rows/reference.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

template <int64_t kRope, int kPercent = 100> struct Config {
  static constexpr long long rope = kRope;
  static constexpr double scale = kPercent / 100.0;
};
struct NoHoles {};

std::vector<float> frequencies(int64_t rope, double theta = 10000) {
  std::vector<float> inv_freq(rope / 2);
  for (int64_t i = 0; i < rope / 2; ++i)
    inv_freq[i] = float(std::pow(theta, -2.0 * double(i) / double(rope)));
  return inv_freq;
}

template <class Config> void check(std::vector<int32_t> positions) {
  const int64_t tokens = int64_t(positions.size()), rope = Config::rope;
  std::vector<float> inv_freq = frequencies(rope), want(tokens * rope);
  reference::rope_table(positions.data(), inv_freq.data(), tokens, rope, Config::scale, want.data());
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << "rope " << rope << " " << run);
    const int64_t stride = (rope + 15) / 16 * 16;
    std::vector<float> got((tokens + 1) * stride, kNan);
    run_cuda<cuda::RopeTable<Config, NoHoles>>(run, {positions.data(), inv_freq.data(), got.data()},
                                               {int(tokens), 1, 1}, int(tokens) + 1);
    for (int64_t i = 0; i < int64_t(got.size()); ++i)
      ASSERT_EQ(std::isnan(got[i]), i % stride >= rope || i / stride == tokens) << "element " << i;
    expect_close("rope_table", dense(got, tokens, rope, stride), want, 6e-8 * Config::scale,
                 0); // half a unit in the last place of 1
  }
}

TEST(CudaRopeTable, AccurateToTheLastPosition) {
  const std::vector<int32_t> positions = {0, 1, 2, 63, 4095, 163839, 1048575, (1 << 24) - 1, INT32_MAX};
  check<Config<2>>(positions);
  check<Config<16>>(positions);
  check<Config<64>>(positions);
  check<Config<72>>(positions); // more pairs than threads
}

TEST(CudaRopeTable, AccurateAtRandomPositions) {
  Random random(31);
  std::vector<int32_t> positions(150);
  for (int32_t& p : positions)
    p = int32_t(random.integer(0, 163840));
  check<Config<64>>(positions);
}

TEST(CudaRopeTable, ScaleIsTheRadius) { check<Config<64, 126>>({0, 7, 163839}); }

// Multiples of pi/2 as near as doubles come: where a reduction shows its error.
TEST(CudaRopeTable, CosineAndSineNearTheAxes) {
  for (int64_t k = 0; k < 2000000; k += 997) {
    const double angle = double(k) * 1.5707963267948966;
    double cos, sin;
    cuda::cos_sin(angle, cos, sin);
    ASSERT_NEAR(cos, std::cos(angle), 1e-13) << k;
    ASSERT_NEAR(sin, std::sin(angle), 1e-13) << k;
  }
  double cos, sin;
  cuda::cos_sin(std::numeric_limits<double>::infinity(), cos, sin);
  EXPECT_TRUE(std::isnan(cos) && std::isnan(sin));
}

} // namespace
} // namespace r1::test
