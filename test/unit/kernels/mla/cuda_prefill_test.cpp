// MlaPrefill agrees with the plain reference under every schedule of the emulator: odd sizes, history from
// earlier chunks, any query block; it is causal, and takes tokens of different sequences one by one.
#include "test/unit/kernels/mla/cuda_chunks.h"

namespace r1::test {
namespace {

//                         heads latent rope nope v gap split block
TEST(CudaMlaPrefill, WidthsOfR1) { expect_reference<Case<2, 512, 64, 128, 128, 0, 64, 32>>(91, 5, 65); }
TEST(CudaMlaPrefill, SixtyFourTokens) {
  expect_reference_at_odd_lengths<Case<3, 40, 24, 24, 40, 0, 64, 64>>(92);
}
TEST(CudaMlaPrefill, SixteenTokens) {
  expect_reference_at_odd_lengths<Case<3, 64, 16, 192, 256, 0, 64, 16>>(96);
}
TEST(CudaMlaPrefill, FourTokens) { expect_reference<Case<7, 72, 8, 16, 24, 0, 64, 4>>(100, 60, 9); }
TEST(CudaMlaPrefill, OneToken) { expect_reference<Case<19, 40, 24, 24, 40, 0, 64, 1>>(104, 62, 4); }
TEST(CudaMlaPrefill, OddSizes) { expect_reference_at_odd_lengths<Case<2, 65, 6, 9, 17, 2, 64, 32>>(108); }

using Plain = Case<2, 64, 32, 48, 32, 0, 64, 32>;
constexpr int64_t kQueryWidth = 2 * 80, kWidth = 2 * 32;

// A prompt in chunks gives what the whole prompt at once gives: earlier chunks are history in the cache.
TEST(CudaMlaPrefill, ChunksEqualOneShot) {
  Random random(112);
  const int64_t tokens = 150;
  Problem p = Plain::problem(random, {tokens});
  const std::vector<float> q = queries(random, p, tokens), whole = prefill<Plain>(p, 0, 0, tokens, q);
  for (const int64_t chunk : {33, 64}) {
    std::vector<float> pieces;
    for (int64_t t = 0; t < tokens; t += chunk) {
      const int64_t count = std::min(chunk, tokens - t);
      const std::vector<float> part(&q[t * kQueryWidth], &q[t * kQueryWidth] + count * kQueryWidth);
      const std::vector<float> out = prefill<Plain>(p, 0, t, count, part);
      pieces.insert(pieces.end(), out.begin(), out.end());
    }
    SCOPED_TRACE(testing::Message() << "chunk " << chunk);
    expect_frobenius("chunks", pieces, whole, 3e-3);
  }
}

// Later tokens change no bit of earlier results.
TEST(CudaMlaPrefill, IsCausal) {
  Random random(113);
  const int64_t tokens = 130, changed = 70;
  Problem p = Plain::problem(random, {tokens});
  const std::vector<float> q = queries(random, p, tokens), before = prefill<Plain>(p, 0, 0, tokens, q);
  for (int64_t c = changed; c < tokens; ++c)
    for (int64_t i = 0; i < 96; ++i)
      p.token(0, c)[i] = bf16_from_f32(random.uniform(-50, 50));
  const std::vector<float> after = prefill<Plain>(p, 0, 0, tokens, q);
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + changed * kWidth, after.begin()));
  EXPECT_FALSE(std::equal(before.begin() + changed * kWidth, before.end(), after.begin() + changed * kWidth));
}

// Blocks of one token serve steps that decode without absorbed weights: every token of another sequence.
TEST(CudaMlaPrefill, TokensOfDifferentSequences) {
  using OneToken = Case<5, 64, 32, 48, 32, 0, 64, 1>;
  Random random(114);
  const std::vector<int64_t> lengths = {130, 7, 65};
  Problem p = OneToken::problem(random, lengths);
  const std::vector<float> q = queries(random, p, 3);
  const int64_t query = 5 * 80, width = 5 * 32;
  const std::vector<int32_t> slots = {2, 0, 1}, positions = {64, 129, 6};
  std::vector<float> want;
  for (int64_t t = 0; t < 3; ++t) {
    const std::vector<float> one =
        expected(p, slots[t], {positions[t]}, {&q[t * query], &q[t * query] + query});
    want.insert(want.end(), one.begin(), one.end());
  }
  const std::vector<float> got = cuda_prefill<OneToken>(p, slots, positions, q, {});
  ASSERT_EQ(got.size(), size_t(3 * width));
  expect_frobenius("tokens", got, want, 6e-3);
}

TEST(CudaMlaPrefill, NanComesOutWhereItIsSeen) {
  Random random(115);
  const int64_t tokens = 130;
  Problem p = Plain::problem(random, {tokens});
  const std::vector<float> q = queries(random, p, tokens);
  p.token(0, 100)[70] = 0x7fc0;
  const std::vector<float> got = prefill<Plain>(p, 0, 0, tokens, q);
  for (int64_t t = 100; t < tokens; ++t)
    ASSERT_TRUE(std::isnan(got[t * kWidth])) << "token " << t;
  for (int64_t t = 0; t < 64; ++t)
    ASSERT_FALSE(std::isnan(got[t * kWidth])) << "token " << t;
}

} // namespace
} // namespace r1::test
