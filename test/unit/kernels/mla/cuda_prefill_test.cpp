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
constexpr int64_t kQueryWidth = 2 * 80;

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

TEST(CudaMlaPrefill, IsCausal) { expect_causal<Plain, cuda::MlaPrefill>(113); }
TEST(CudaMlaPrefill, SomeTokens) { expect_some_tokens<Plain, cuda::MlaPrefill>(116); }
TEST(CudaMlaPrefill, TokensOfDifferentSequences) {
  expect_tokens_of_sequences<Case<5, 64, 32, 48, 32, 0, 64, 1>, cuda::MlaPrefill>(114);
}
TEST(CudaMlaPrefill, NanComesOutWhereItIsSeen) { expect_nan_where_seen<Plain, cuda::MlaPrefill>(115); }

} // namespace
} // namespace r1::test
