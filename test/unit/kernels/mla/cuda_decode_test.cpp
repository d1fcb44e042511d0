// MlaDecode with MlaCombine agrees with the absorbed reference under every schedule of the emulator: odd sizes,
// several sequences, scattered pages, any split.
#include "test/unit/kernels/mla/cuda_query.h"

namespace r1::test {
namespace {

//                        heads latent rope nope v gap split block
TEST(CudaMlaDecode, HeadsOfOneOfEightChips) {
  expect_reference<Case<16, 512, 64, 1, 1, 0, 128, 1>>(81, {200, 64});
}
TEST(CudaMlaDecode, ManyHeadsOfR1) { expect_reference<Case<128, 512, 64, 1, 1, 8, 128, 1>>(82, {100}); }
TEST(CudaMlaDecode, Small) { expect_reference<Case<3, 24, 8, 1, 1, 0, 64, 1>>(83, {1, 7, 64, 65, 129, 300}); }
TEST(CudaMlaDecode, TokensAtOddAddresses) {
  expect_reference<Case<4, 64, 16, 1, 1, 2, 128, 1>>(84, {1, 65, 129});
}
TEST(CudaMlaDecode, OddSizes) { expect_reference<Case<1, 65, 6, 1, 1, 2, 64, 1>>(85, {1, 7, 65, 150}); }
TEST(CudaMlaDecode, OddSizesAtAlignedTokens) {
  expect_reference<Case<5, 33, 10, 1, 1, 5, 320, 1>>(86, {7, 129, 300});
}
TEST(CudaMlaDecode, HeadsThatFillNoTile) {
  expect_reference<Case<33, 72, 40, 1, 1, 0, 64, 1>>(87, {1, 65, 129});
}
// A context that needs more splits than there are gets longer ones.
TEST(CudaMlaDecode, FewSplits) {
  expect_reference<Case<2, 32, 16, 1, 1, 0, 64, 1, 2>>(92, {1, 128, 129, 400});
}
// More than mla_combine loads at once.
TEST(CudaMlaDecode, ManySplits) { expect_reference<Case<1, 16, 8, 1, 1, 0, 64, 1, 20>>(93, {700, 1200}); }
TEST(CudaMlaDecode, TwentyHeads) { expect_reference<Case<20, 128, 64, 1, 1, 0, 192, 1>>(88, {66, 300}); }

using Plain = Case<3, 64, 32, 1, 1, 0, 64, 1>;

// A sequence's result has the same bits alone and beside others.
TEST(CudaMlaDecode, BatchDoesNotChangeBits) {
  Random random(89);
  Problem p = Plain::problem(random, {130, 7, 300});
  const Query q = make_query(random, p);
  const std::vector<float> all = cuda_decode<Plain>(p, q.slots, q.positions, q.latent, q.rope, {});
  const int64_t width = 3 * 64, rope = 3 * 32;
  for (int64_t t = 0; t < 3; ++t) {
    const std::vector<float> latent(&q.latent[t * width], &q.latent[t * width] + width);
    const std::vector<float> key(&q.rope[t * rope], &q.rope[t * rope] + rope);
    const std::vector<float> alone = cuda_decode<Plain>(p, {q.slots[t]}, {q.positions[t]}, latent, key, {});
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + t * width));
  }
}

// Scores far beyond what exp can hold must not overflow: the maximum is taken out, across splits too.
TEST(CudaMlaDecode, LargeScoresStayFinite) {
  Random random(90);
  Problem p = Plain::problem(random, {200});
  Query q = make_query(random, p);
  for (float& x : q.latent)
    x *= 1024;
  for (const float v : cuda_decode<Plain>(p, q.slots, q.positions, q.latent, q.rope, {}))
    ASSERT_TRUE(std::isfinite(v));
}

TEST(CudaMlaDecode, NanInTheCacheComesOut) {
  for (const int64_t position : {0, 63, 64, 199}) {
    Random random(91);
    Problem p = Plain::problem(random, {200, 50});
    Query q = make_query(random, p);
    q.slots = {0, 1}, q.positions = {199, 49};
    p.token(0, position)[5] = 0x7fc0;
    const std::vector<float> got = cuda_decode<Plain>(p, q.slots, q.positions, q.latent, q.rope, {});
    for (int64_t c = 0; c < 3 * 64; ++c) {
      ASSERT_TRUE(std::isnan(got[c])) << "position " << position << " column " << c;
      ASSERT_FALSE(std::isnan(got[3 * 64 + c])) << "another sequence's NaN";
    }
  }
}

} // namespace
} // namespace r1::test
