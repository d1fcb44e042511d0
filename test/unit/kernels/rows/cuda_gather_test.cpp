// The gather skeleton for CUDA picks rows exactly, in both types, at any width and alignment, and touches nothing else.
#include "kernels/rows/cuda_gather.h"
#include "kernels/rows/reference.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

constexpr int64_t kWidth = 2064;

template <int64_t kCols, int64_t kStride, int64_t kType> struct Config {
  static constexpr long long cols = kCols, x_stride = kStride, x_type = kType;
};

struct Holes {
  template <int V>
  static void finish(const cuda::Arguments& a, int row, int col, int count, float (&values)[1][V]) {
    cuda::store_lanes(a.out<float>(2) + row * kWidth + col, count, values[0]);
  }
};

// The first column of x lies `shift` elements behind an aligned address.
template <class Config> void check(int shift) {
  const int64_t tokens = 9, cols = Config::cols, picks = 4;
  Random random(cols + shift);
  const std::vector<float> x = rounded(random.normal(tokens * cols));
  std::vector<float> wide = strided(x, tokens, cols, Config::x_stride);
  wide.insert(wide.begin(), shift, kNan);
  std::vector<uint16_t> narrow = to_bf16(wide);
  std::vector<int32_t> picked = {8, 0, 3, 3, 5}; // the last one is outside the step
  std::vector<float> want(picks * cols);
  reference::gather(x.data(), picked.data(), picks, cols, want.data());
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << "cols " << cols << " type " << Config::x_type << " shift " << shift
                                    << " " << run);
    std::vector<float> got((picks + 1) * kWidth, kNan);
    void* source = Config::x_type == kBF16 ? static_cast<void*>(narrow.data() + shift)
                                           : static_cast<void*>(wide.data() + shift);
    run_cuda<cuda::Gather<Config, Holes>>(run, {source, picked.data(), got.data()}, {picks, -1, -1},
                                          picks + 1);
    EXPECT_EQ(dense(got, picks, cols, kWidth), want);
    for (int64_t i = 0; i < int64_t(got.size()); ++i)
      ASSERT_EQ(std::isnan(got[i]), i % kWidth >= cols || i / kWidth == picks) << "element " << i;
  }
}

TEST(CudaGather, PicksRows) {
  for (const int shift : {0, 3, 8}) {
    check<Config<77, 80, kF32>>(shift);
    check<Config<77, 80, kBF16>>(shift);
    check<Config<2048, 2064, kF32>>(shift);
    check<Config<2048, 2064, kBF16>>(shift);
    check<Config<64, 69, kBF16>>(shift);
    check<Config<1, 16, kF32>>(shift);
  }
}

} // namespace
} // namespace r1::test
