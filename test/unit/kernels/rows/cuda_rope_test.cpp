// Rotations on CUDA agree with the reference in both pair orders, both types, at any alignment.
#include "kernels/rows/cuda_rope.h"
#include "kernels/rows/reference.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

template <int64_t kHeads, int64_t kHeadDim, int64_t kOffset, int64_t kRope, int64_t kInterleaved, int64_t kX,
          int64_t kY, int64_t kGap = 16>
struct Config {
  static constexpr long long heads = kHeads, head_dim = kHeadDim, offset = kOffset, rope = kRope,
                             interleaved = kInterleaved, x_type = kX, y_type = kY;
  static constexpr long long x_stride = heads * head_dim + kGap, y_stride = heads * head_dim + 2 * kGap;
};
struct NoHoles {};

// x and y begin `shift` elements behind an aligned address.
template <class C> void check_at(int shift) {
  const int64_t tokens = 5, cols = C::heads * C::head_dim;
  Random random(cols + shift);
  const std::vector<float> x = rounded(random.normal(tokens * cols));
  const std::vector<float> table = random.normal(tokens * C::rope);
  std::vector<float> want(tokens * cols);
  reference::rope(x.data(), table.data(),
                  {tokens, C::heads, C::head_dim, C::offset, C::rope, C::interleaved != 0}, want.data());
  std::vector<float> rows = strided(table, tokens, C::rope, (C::rope + 15) / 16 * 16);
  std::vector<float> x32 = strided(x, tokens, cols, C::x_stride);
  x32.insert(x32.begin(), shift, kNan);
  std::vector<uint16_t> x16 = to_bf16(x32);
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << "head_dim " << C::head_dim << " rope " << C::rope << " interleaved "
                                    << C::interleaved << " types " << C::x_type << C::y_type << " shift "
                                    << shift << " " << run);
    std::vector<float> y32(tokens * C::y_stride + shift, kNan);
    std::vector<uint16_t> y16(tokens * C::y_stride + shift, 0xffff);
    run_cuda<cuda::Rope<C, NoHoles>>(
        run,
        {C::x_type ? static_cast<void*>(x16.data() + shift) : x32.data() + shift, rows.data(),
         C::y_type ? static_cast<void*>(y16.data() + shift) : y32.data() + shift},
        {tokens, 1, 1}, tokens + 1);
    std::vector<float> got = C::y_type ? from_bf16(y16) : y32;
    got.erase(got.begin(), got.begin() + shift);
    expect_close("rope", dense(got, tokens, cols, C::y_stride), want, C::y_type ? 1e-6 : 1e-5,
                 C::y_type ? 0.00391 : 1e-5);
    for (int64_t i = 0; i < tokens * C::y_stride; ++i)
      ASSERT_EQ(std::isnan(got[i]), i % C::y_stride >= cols) << "element " << i;
  }
}

template <int64_t kHeads, int64_t kHeadDim, int64_t kOffset, int64_t kRope, int64_t kGap = 16> void check() {
  for (const int shift : {0, 3}) {
    check_at<Config<kHeads, kHeadDim, kOffset, kRope, 1, kF32, kF32, kGap>>(shift);
    check_at<Config<kHeads, kHeadDim, kOffset, kRope, 0, kBF16, kF32, kGap>>(shift);
    check_at<Config<kHeads, kHeadDim, kOffset, kRope, 0, kF32, kBF16, kGap>>(shift);
    check_at<Config<kHeads, kHeadDim, kOffset, kRope, 1, kBF16, kBF16, kGap>>(shift);
    check_at<Config<kHeads, kHeadDim, kOffset, kRope, 0, kBF16, kBF16, kGap>>(shift);
  }
}

TEST(CudaRope, MatchesReference) {
  check<16, 192, 128, 64>();
  check<1, 64, 0, 64>();
  check<2, 40, 8, 24>();
  check<1, 24, 0, 24>();
}
TEST(CudaRope, MatchesReferenceAtOddSizes) {
  check<5, 47, 5, 2>();
  check<3, 48, 16, 32, 5>();
  check<2, 33, 1, 30>();
}

// Interleaved pairs and halves are different functions (optimum-intel PR 1877 took one for the other).
TEST(CudaRope, InterleavedIsNotRotateHalf) {
  std::vector<float> x(8), table = {0, 0, 0, 0, 1, 1, 1, 1}, y(8); // a quarter turn of every pair
  for (int i = 0; i < 8; ++i)
    x[i] = float(i + 1);
  run_cuda<cuda::Rope<Config<1, 8, 0, 8, 1, kF32, kF32>, NoHoles>>({}, {x.data(), table.data(), y.data()},
                                                                   {1, 1, 1}, 1);
  EXPECT_EQ(y, (std::vector<float>{-2, 1, -4, 3, -6, 5, -8, 7}));
  run_cuda<cuda::Rope<Config<1, 8, 0, 8, 0, kF32, kF32>, NoHoles>>({}, {x.data(), table.data(), y.data()},
                                                                   {1, 1, 1}, 1);
  EXPECT_EQ(y, (std::vector<float>{-5, -6, -7, -8, 1, 2, 3, 4}));
}

} // namespace
} // namespace r1::test
