// Chunks of prompts with what the reference makes of them, for the tests of mla_prefill's CUDA skeletons.
#pragma once
#include "test/unit/kernels/mla/cuda_problem.h"

namespace r1::test {

inline std::vector<float> queries(Random& random, const Problem& p, int64_t tokens) {
  return rounded(random.normal(tokens * p.params.heads * (p.params.nope + p.params.rope)));
}

// Tokens [first, first + tokens) of sequence `slot`.
template <class C, template <class, class> class Skeleton = cuda::MlaPrefill>
std::vector<float> prefill(Problem& p, int32_t slot, int64_t first, int64_t tokens,
                           const std::vector<float>& q, const CudaRun& run = {}) {
  return cuda_prefill<C, Skeleton>(p, std::vector<int32_t>(tokens, slot), ascending(first, tokens), q, run);
}

inline std::vector<float> expected(const Problem& p, int64_t slot, const std::vector<int32_t>& positions,
                                   const std::vector<float>& q) {
  std::vector<float> want(positions.size() * p.params.heads * p.params.v);
  reference::mla_plain(q.data(), p.latent[slot].data(), p.key[slot].data(), p.w_uk.data(), p.w_uv.data(),
                       positions.data(), p.shape(int64_t(positions.size())), want.data());
  return want;
}

// A skeleton of mla_prefill agrees with the reference under every schedule.
template <class C, template <class, class> class Skeleton = cuda::MlaPrefill>
void expect_reference(uint64_t seed, int64_t first, int64_t tokens) {
  Random random(seed);
  Problem p = C::problem(random, {3, first + tokens});
  const std::vector<float> q = queries(random, p, tokens), want = expected(p, 1, ascending(first, tokens), q);
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << "tokens " << tokens << " first " << first << " " << run);
    const std::vector<float> got = prefill<C, Skeleton>(p, 1, first, tokens, q, run);
    expect_close("prefill", got, want, 3e-2, 2e-2);
    expect_frobenius("prefill", got, want, 6e-3);
    if (testing::Test::HasFailure())
      return;
  }
}
template <class C, template <class, class> class Skeleton = cuda::MlaPrefill>
void expect_reference_at_odd_lengths(uint64_t seed) {
  expect_reference<C, Skeleton>(seed, 0, 1);
  expect_reference<C, Skeleton>(seed + 1, 5, 7);
  expect_reference<C, Skeleton>(seed + 2, 64, 65);
  expect_reference<C, Skeleton>(seed + 3, 100, 129);
}

// Later tokens change no bit of earlier results.
template <class C, template <class, class> class Skeleton> void expect_causal(uint64_t seed) {
  Random random(seed);
  const int64_t tokens = 130, changed = 70, width = C::heads * C::v;
  Problem p = C::problem(random, {tokens});
  const std::vector<float> q = queries(random, p, tokens), before = prefill<C, Skeleton>(p, 0, 0, tokens, q);
  for (int64_t c = changed; c < tokens; ++c)
    for (int64_t i = 0; i < C::kv_lora + C::rope; ++i)
      p.token(0, c)[i] = bf16_from_f32(random.uniform(-50, 50));
  const std::vector<float> after = prefill<C, Skeleton>(p, 0, 0, tokens, q);
  EXPECT_TRUE(std::equal(before.begin(), before.begin() + changed * width, after.begin()));
  EXPECT_FALSE(std::equal(before.begin() + changed * width, before.end(), after.begin() + changed * width));
}

// Queries of some tokens of a prompt, as the rows whose logits are wanted: gaps of more than a page, several in one page, the last alone.
template <class C, template <class, class> class Skeleton> void expect_some_tokens(uint64_t seed) {
  Random random(seed);
  Problem p = C::problem(random, {300});
  for (const std::vector<int32_t>& positions :
       std::vector<std::vector<int32_t>>{{0, 200}, {299}, {3, 63, 64, 65, 190, 191, 192, 298}}) {
    const std::vector<float> q = queries(random, p, int64_t(positions.size()));
    SCOPED_TRACE(testing::Message() << positions.size() << " tokens, last " << positions.back());
    expect_frobenius(
        "tokens", cuda_prefill<C, Skeleton>(p, std::vector<int32_t>(positions.size(), 0), positions, q, {}),
        expected(p, 0, positions, q), 6e-3);
  }
}

// Blocks of one token serve steps that decode without absorbed weights: every token of another sequence.
template <class C, template <class, class> class Skeleton> void expect_tokens_of_sequences(uint64_t seed) {
  static_assert(C::q_block == 1);
  Random random(seed);
  Problem p = C::problem(random, {130, 7, 65});
  const std::vector<float> q = queries(random, p, 3);
  const int64_t query = C::heads * (C::nope + C::rope);
  const std::vector<int32_t> slots = {2, 0, 1}, positions = {64, 129, 6};
  std::vector<float> want;
  for (int64_t t = 0; t < 3; ++t) {
    const std::vector<float> one =
        expected(p, slots[t], {positions[t]}, {&q[t * query], &q[t * query] + query});
    want.insert(want.end(), one.begin(), one.end());
  }
  const std::vector<float> got = cuda_prefill<C, Skeleton>(p, slots, positions, q, {});
  ASSERT_EQ(got.size(), want.size());
  expect_frobenius("tokens", got, want, 6e-3);
}

// NaN in the key of a position, and so in the scores of those who see it.
template <class C, template <class, class> class Skeleton> void expect_nan_where_seen(uint64_t seed) {
  Random random(seed);
  const int64_t tokens = 130;
  Problem p = C::problem(random, {tokens});
  const std::vector<float> q = queries(random, p, tokens);
  p.token(0, 100)[C::kv_lora + 6] = 0x7fc0;
  const std::vector<float> got = prefill<C, Skeleton>(p, 0, 0, tokens, q);
  for (int64_t t = 0; t < tokens; ++t)
    ASSERT_EQ(std::isnan(got[t * C::heads * C::v]), t >= 100) << "token " << t;
}

} // namespace r1::test
