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

TEST(CudaMlaDecodeHopper, BatchDoesNotChangeBits) {
  expect_no_batch_in_bits<Plain, cuda::MlaDecodeHopper>(190);
}
TEST(CudaMlaDecodeHopper, LargeScoresStayFinite) {
  expect_finite_at_large_scores<Plain, cuda::MlaDecodeHopper>(191);
}
TEST(CudaMlaDecodeHopper, NanInTheCacheComesOut) {
  expect_nan_of_the_cache<Plain, cuda::MlaDecodeHopper>(192);
}

} // namespace
} // namespace r1::test
