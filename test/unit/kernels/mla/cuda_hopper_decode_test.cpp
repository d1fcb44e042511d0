// MlaDecodeHopper with MlaCombine agrees with the absorbed reference under every schedule of the emulator: the copy
// engine and warp groups modelled, scattered pages, any split, NaN wherever the cache holds no token.
#include "test/unit/kernels/mla/cuda_query.h"

namespace r1::test {
namespace {

template <class C> void expect(uint64_t seed, const std::vector<int64_t>& lengths) {
  expect_reference<C, cuda::MlaDecodeHopper>(seed, lengths);
}

//                     heads latent rope nope v gap split block
TEST(CudaMlaDecodeHopper, HeadsOfOneOfEightChips) {
  expect<Case<16, 512, 64, 1, 1, 0, 128, 1>>(181, {200, 64});
}
TEST(CudaMlaDecodeHopper, ManyHeadsOfR1) { expect<Case<128, 512, 64, 1, 1, 8, 128, 1>>(182, {100}); }
TEST(CudaMlaDecodeHopper, Small) { expect<Case<3, 64, 32, 1, 1, 0, 64, 1>>(183, {1, 7, 64, 65, 129, 300}); }
TEST(CudaMlaDecodeHopper, LongSplits) { expect<Case<4, 128, 64, 1, 1, 0, 320, 1>>(184, {300, 129, 500}); }
TEST(CudaMlaDecodeHopper, HeadsThatFillNoTile) {
  expect<Case<70, 64, 16, 1, 1, 16, 64, 1>>(185, {1, 65, 129});
}
TEST(CudaMlaDecodeHopper, TwentyHeads) { expect<Case<20, 128, 64, 1, 1, 0, 192, 1>>(186, {66, 300}); }
// Columns of latents and of the rotary part in one chunk; a last chunk that the tensor fills in part.
TEST(CudaMlaDecodeHopper, LatentsThatFillNoChunk) {
  expect<Case<5, 96, 10, 1, 1, 6, 128, 1>>(187, {7, 129, 300});
}
TEST(CudaMlaDecodeHopper, FewLatents) { expect<Case<5, 16, 8, 1, 1, 0, 128, 1>>(188, {7, 129, 300}); }
TEST(CudaMlaDecodeHopper, FewSplits) { expect<Case<2, 32, 16, 1, 1, 0, 64, 1, 2>>(189, {1, 128, 129, 400}); }

using Plain = Case<3, 128, 32, 1, 1, 0, 128, 1>;

std::vector<float> decode(Problem& p, const Query& q) {
  return cuda_decode<Plain, cuda::MlaDecodeHopper>(p, q.slots, q.positions, q.latent, q.rope, {});
}

// A sequence's result has the same bits alone and beside others.
TEST(CudaMlaDecodeHopper, BatchDoesNotChangeBits) {
  Random random(190);
  Problem p = Plain::problem(random, {130, 7, 300});
  const Query q = make_query(random, p);
  const std::vector<float> all = decode(p, q);
  const int64_t width = 3 * 128, rope = 3 * 32;
  for (int64_t t = 0; t < 3; ++t) {
    Query one;
    one.slots = {q.slots[t]}, one.positions = {q.positions[t]};
    one.latent.assign(&q.latent[t * width], &q.latent[t * width] + width);
    one.rope.assign(&q.rope[t * rope], &q.rope[t * rope] + rope);
    const std::vector<float> alone = decode(p, one);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + t * width));
  }
}

// Scores far beyond what exp can hold must not overflow: the maximum is taken out, across splits too.
TEST(CudaMlaDecodeHopper, LargeScoresStayFinite) {
  Random random(191);
  Problem p = Plain::problem(random, {200});
  Query q = make_query(random, p);
  for (float& x : q.latent)
    x *= 1024;
  for (const float v : decode(p, q))
    ASSERT_TRUE(std::isfinite(v));
}

TEST(CudaMlaDecodeHopper, NanInTheCacheComesOut) {
  for (const int64_t position : {0, 63, 64, 199}) {
    Random random(192);
    Problem p = Plain::problem(random, {200, 50});
    Query q = make_query(random, p);
    q.slots = {0, 1}, q.positions = {199, 49};
    p.token(0, position)[5] = 0x7fc0;
    const std::vector<float> got = decode(p, q);
    for (int64_t c = 0; c < 3 * 128; ++c) {
      ASSERT_TRUE(std::isnan(got[c])) << "position " << position << " column " << c;
      ASSERT_FALSE(std::isnan(got[3 * 128 + c])) << "another sequence's NaN";
    }
  }
}

} // namespace
} // namespace r1::test
