// Router logits on CUDA for both weight types and odd sizes, one and four tokens a tile; the fused kernel equals logits followed
// by topk bit for bit.
#include "kernels/router/cuda_fused.h"
#include "kernels/router/cuda_logits.h"
#include "kernels/router/cuda_topk.h"
#include "test/unit/kernels/router/cuda_gates.h"

namespace r1::test {
namespace {

template <int64_t kExperts, int64_t kHidden, int64_t kType, int64_t kGap>
using Config = GateConfig<kExperts, 1, 1, 1, kNoGroups, true, false, 100, false, kHidden, kType, kGap>;

// x begins `shift` floats past an aligned address.
template <class C, int kTokens> void check_tile(int shift) {
  const int tokens = 6, columns = (C::experts + 15) / 16 * 16;
  Random random(C::experts * 1000 + C::hidden);
  const std::vector<float> x = random.normal(tokens * C::hidden);
  std::vector<float> w = rounded(random.normal(C::experts * C::hidden, 1 / std::sqrt(float(C::hidden))));
  std::vector<uint16_t> narrow = to_bf16(w);
  std::vector<float> want(tokens * C::experts), wide = strided(x, tokens, C::hidden, C::x_stride);
  wide.insert(wide.begin(), shift, kNan);
  reference::router_logits(x.data(), w.data(), tokens, C::hidden, C::experts, want.data());
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << C::experts << "x" << C::hidden << " type " << C::w_type
                                    << " tokens of a tile " << kTokens << " shift " << shift << " " << run);
    std::vector<float> got((tokens + kTokens) * columns, kNan);
    const int tiles = (tokens / kTokens + 1) * columns / 16;
    run_cuda<cuda::RouterLogits<Tiled<C, kTokens>, NoHoles>>(
        run,
        {wide.data() + shift, C::w_type == kBF16 ? static_cast<void*>(narrow.data()) : w.data(), got.data()},
        {tokens, 1, 1}, tiles);
    for (int i = 0; i < (tokens + kTokens) * columns; ++i)
      if (i % columns >= C::experts || i / columns >= tokens) {
        ASSERT_TRUE(i / columns >= tokens ? std::isnan(got[i]) : got[i] == 0) << "element " << i;
      }
    got.resize(tokens * columns);
    expect_close("logits", dense(got, tokens, C::experts, columns), want, 2e-6, 2e-6);
  }
}

template <int64_t kExperts, int64_t kHidden, int64_t kGap = 0> void check(int shift = 0) {
  check_tile<Config<kExperts, kHidden, kF32, kGap>, 1>(shift);
  check_tile<Config<kExperts, kHidden, kBF16, kGap>, 1>(shift);
  check_tile<Config<kExperts, kHidden, kBF16, kGap>, 4>(shift);
}

TEST(CudaRouterLogits, MatchesReference) {
  check<1, 1>();
  check<16, 16, 16>();
  check<23, 40>(1);
  check<33, 129, 3>();
  check<20, 2304>();
  check<20, 2304>(1);
}

// R1's gate in bf16 loses differences of this size; the choice must be made in float (R1.md 1.5, item 2).
TEST(CudaRouterLogits, ArithmeticIsFloatNotBf16) {
  std::vector<float> x(64, 1.0f), got(16);
  std::vector<uint16_t> w(128, bf16_from_f32(1.0f));
  w[64] = bf16_from_f32(1.0078125f); // 64 and 64.0078125 are the same bf16
  run_cuda<cuda::RouterLogits<Tiled<Config<2, 64, kBF16, 0>, 1>, NoHoles>>(
      {}, {x.data(), w.data(), got.data()}, {1, 1, 1}, 1);
  EXPECT_EQ(got[1] - got[0], 0.0078125f);
}

template <bool kSigmoid, int64_t kType> void check_fused() {
  using C = GateConfig<40, 6, 4, 2, kGroupTop2Sum, kSigmoid, true, 250, true, 200, kType>;
  const int tokens = 13;
  Random random(62);
  std::vector<float> x = random.normal(tokens * 200), w = random.normal(40 * 200), bias = random.normal(40);
  std::vector<float> between(tokens * 48);
  std::vector<uint16_t> narrow = to_bf16(w);
  void* weights = kType == kBF16 ? static_cast<void*>(narrow.data()) : w.data();
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << run);
    std::vector<int32_t> ids[2] = {std::vector<int32_t>(tokens * 6), std::vector<int32_t>(tokens * 6)};
    std::vector<float> scores[2] = {std::vector<float>(tokens * 6), std::vector<float>(tokens * 6)};
    run_cuda<cuda::RouterLogits<Tiled<C, 4>, NoHoles>>(run, {x.data(), weights, between.data()},
                                                       {tokens, 1, 1}, 12);
    run_cuda<cuda::RouterTopk<C, NoHoles>>(
        run, {between.data(), bias.data(), ids[0].data(), scores[0].data()}, {tokens, 1, 1}, tokens);
    run_cuda<cuda::RouterFused<C, NoHoles>>(
        run, {x.data(), weights, bias.data(), ids[1].data(), scores[1].data()}, {tokens, 1, 1}, tokens + 2);
    EXPECT_EQ(ids[0], ids[1]);
    EXPECT_EQ(scores[0], scores[1]);
    EXPECT_GT(*std::max_element(ids[0].begin(), ids[0].end()), 0);
  }
}
TEST(CudaRouterFused, EqualsLogitsThenTopk) {
  check_fused<false, kF32>();
  check_fused<true, kF32>();
  check_fused<false, kBF16>();
  check_fused<true, kBF16>();
}

} // namespace
} // namespace r1::test
