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

TEST(CudaMlaDecode, BatchDoesNotChangeBits) { expect_no_batch_in_bits<Plain, cuda::MlaDecode>(89); }
TEST(CudaMlaDecode, LargeScoresStayFinite) { expect_finite_at_large_scores<Plain, cuda::MlaDecode>(90); }
TEST(CudaMlaDecode, NanInTheCacheComesOut) { expect_nan_of_the_cache<Plain, cuda::MlaDecode>(91); }

} // namespace
} // namespace r1::test
