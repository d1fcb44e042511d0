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

TEST(CudaMlaPrefillHopper, IsCausal) { expect_causal<Plain, cuda::MlaPrefillHopper>(216); }
TEST(CudaMlaPrefillHopper, SomeTokens) { expect_some_tokens<Plain, cuda::MlaPrefillHopper>(219); }
TEST(CudaMlaPrefillHopper, TokensOfDifferentSequences) {
  expect_tokens_of_sequences<Case<5, 64, 32, 48, 32, 0, 64, 1>, cuda::MlaPrefillHopper>(217);
}
TEST(CudaMlaPrefillHopper, NanComesOutWhereItIsSeen) {
  expect_nan_where_seen<Plain, cuda::MlaPrefillHopper>(218);
}

} // namespace
} // namespace r1::test
