// Chunks of prompts with what the reference makes of them, for the tests of mla_prefill's CUDA skeletons.
#pragma once
#include "test/unit/kernels/mla/cuda_problem.h"

namespace r1::test {

inline std::vector<float> queries(Random& random, const Problem& p, int64_t tokens) {
  return rounded(random.normal(tokens * p.params.heads * (p.params.nope + p.params.rope)));
}

inline std::vector<int32_t> ascending(int64_t first, int64_t tokens) {
  std::vector<int32_t> positions(tokens);
  for (int64_t t = 0; t < tokens; ++t)
    positions[t] = int32_t(first + t);
  return positions;
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

} // namespace r1::test
