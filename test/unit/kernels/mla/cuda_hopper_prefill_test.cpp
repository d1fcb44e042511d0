// MlaPrefillHopper agrees with the plain reference under every schedule of the emulator: the copy engine and warp groups
// modelled, odd lengths, history from earlier chunks, any query block; it is causal.
#include "test/unit/kernels/mla/cuda_chunks.h"

namespace r1::test {
namespace {

template <class C> void expect(uint64_t seed, int64_t first, int64_t tokens) {
  expect_reference<C, cuda::MlaPrefillHopper>(seed, first, tokens);
}
template <class C> void expect_at_odd_lengths(uint64_t seed) {
  expect_reference_at_odd_lengths<C, cuda::MlaPrefillHopper>(seed);
}

//                               heads latent rope nope v gap split block
TEST(CudaMlaPrefillHopper, WidthsOfR1) { expect<Case<2, 512, 64, 128, 128, 0, 64, 64>>(201, 5, 65); }
TEST(CudaMlaPrefillHopper, SixtyFourTokens) {
  expect_at_odd_lengths<Case<3, 64, 32, 32, 32, 0, 64, 64>>(202);
}
TEST(CudaMlaPrefillHopper, SixteenTokens) {
  expect_at_odd_lengths<Case<3, 128, 16, 192, 256, 16, 64, 16>>(206);
}
TEST(CudaMlaPrefillHopper, FourTokens) { expect<Case<19, 96, 8, 16, 24, 8, 64, 4>>(210, 60, 9); }
TEST(CudaMlaPrefillHopper, OneToken) { expect<Case<70, 32, 24, 24, 40, 0, 64, 1>>(211, 62, 4); }
// Heads of widths that fill no chunk and are no multiples of eight, so that queries lie at odd addresses.
TEST(CudaMlaPrefillHopper, OddHeads) { expect_at_odd_lengths<Case<2, 192, 6, 9, 17, 2, 64, 32>>(212); }

using Plain = Case<2, 128, 32, 48, 32, 0, 64, 32>;
constexpr int64_t kWidth = 2 * 32;

std::vector<float> whole(Problem& p, int64_t tokens, const std::vector<float>& q) {
  return prefill<Plain, cuda::MlaPrefillHopper>(p, 0, 0, tokens, q);
}

// Later tokens change no bit of earlier results.
TEST(CudaMlaPrefillHopper, IsCausal) {
  Random random(216);
  const int64_t tokens = 130, changed = 70;
  Problem p = Plain::problem(random, {tokens});
  const std::vector<float> q = queries(random, p, tokens), before = whole(p, tokens, q);
  for (int64_t c = changed; c < tokens; ++c)
    for (int64_t i = 0; i < 160; ++i)
      p.token(0, c)[i] = bf16_from_f32(random.uniform(-50, 50));
  const std::vector<float> after = whole(p, tokens, q);
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + changed * kWidth, after.begin()));
  EXPECT_FALSE(std::equal(before.begin() + changed * kWidth, before.end(), after.begin() + changed * kWidth));
}

// Blocks of one token serve steps that decode without absorbed weights: every token of another sequence.
TEST(CudaMlaPrefillHopper, TokensOfDifferentSequences) {
  using OneToken = Case<5, 64, 32, 48, 32, 0, 64, 1>;
  Random random(217);
  Problem p = OneToken::problem(random, {130, 7, 65});
  const std::vector<float> q = queries(random, p, 3);
  const int64_t query = 5 * 80;
  const std::vector<int32_t> slots = {2, 0, 1}, positions = {64, 129, 6};
  std::vector<float> want;
  for (int64_t t = 0; t < 3; ++t) {
    const std::vector<float> one =
        expected(p, slots[t], {positions[t]}, {&q[t * query], &q[t * query] + query});
    want.insert(want.end(), one.begin(), one.end());
  }
  const std::vector<float> got = cuda_prefill<OneToken, cuda::MlaPrefillHopper>(p, slots, positions, q, {});
  ASSERT_EQ(got.size(), want.size());
  expect_frobenius("tokens", got, want, 6e-3);
}

TEST(CudaMlaPrefillHopper, NanComesOutWhereItIsSeen) {
  Random random(218);
  const int64_t tokens = 130;
  Problem p = Plain::problem(random, {tokens});
  const std::vector<float> q = queries(random, p, tokens);
  p.token(0, 100)[140] = 0x7fc0; // of the key: NaN scores
  const std::vector<float> got = whole(p, tokens, q);
  for (int64_t t = 0; t < tokens; ++t)
    ASSERT_EQ(std::isnan(got[t * kWidth]), t >= 100) << "token " << t;
}

} // namespace
} // namespace r1::test
