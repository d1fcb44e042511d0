// mla_decode's CUDA skeletons against the reference.
#pragma once
#include "test/unit/kernels/mla/cuda_problem.h"
#include "test/unit/kernels/mla/query.h"

namespace r1::test {

// A skeleton of mla_decode, with mla_combine, agrees with the reference under every schedule.
template <class C, template <class, class> class Skeleton = cuda::MlaDecode>
void expect_reference(uint64_t seed, std::vector<int64_t> lengths) {
  Random random(seed);
  Problem p = C::problem(random, lengths);
  const Query q = make_query(random, p);
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << run);
    const std::vector<float> got = cuda_decode<C, Skeleton>(p, q.slots, q.positions, q.latent, q.rope, run);
    expect_close("decode", got, q.want, 8e-3, 8e-3);
    expect_frobenius("decode", got, q.want, 4e-3);
    if (testing::Test::HasFailure())
      return;
  }
}

template <class C, template <class, class> class Skeleton>
std::vector<float> decode(Problem& p, const Query& q) {
  return cuda_decode<C, Skeleton>(p, q.slots, q.positions, q.latent, q.rope, {});
}

// A sequence's result has the same bits alone and beside others.
template <class C, template <class, class> class Skeleton> void expect_no_batch_in_bits(uint64_t seed) {
  Random random(seed);
  Problem p = C::problem(random, {130, 7, 300});
  const Query q = make_query(random, p);
  const std::vector<float> all = decode<C, Skeleton>(p, q);
  const int64_t width = C::heads * C::kv_lora, rope = C::heads * C::rope;
  for (int64_t t = 0; t < 3; ++t) {
    Query one;
    one.slots = {q.slots[t]}, one.positions = {q.positions[t]};
    one.latent.assign(&q.latent[t * width], &q.latent[t * width] + width);
    one.rope.assign(&q.rope[t * rope], &q.rope[t * rope] + rope);
    const std::vector<float> alone = decode<C, Skeleton>(p, one);
    EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + t * width));
  }
}

// Scores far beyond what exp can hold must not overflow: the maximum is taken out, across splits too.
template <class C, template <class, class> class Skeleton> void expect_finite_at_large_scores(uint64_t seed) {
  Random random(seed);
  Problem p = C::problem(random, {200});
  Query q = make_query(random, p);
  for (float& x : q.latent)
    x *= 1024;
  for (const float v : decode<C, Skeleton>(p, q))
    ASSERT_TRUE(std::isfinite(v));
}

template <class C, template <class, class> class Skeleton> void expect_nan_of_the_cache(uint64_t seed) {
  for (const int64_t position : {0, 63, 64, 199}) {
    Random random(seed);
    Problem p = C::problem(random, {200, 50});
    Query q = make_query(random, p);
    q.slots = {0, 1}, q.positions = {199, 49};
    p.token(0, position)[5] = 0x7fc0;
    const std::vector<float> got = decode<C, Skeleton>(p, q);
    const int64_t width = C::heads * C::kv_lora;
    for (int64_t c = 0; c < width; ++c) {
      ASSERT_TRUE(std::isnan(got[c])) << "position " << position << " column " << c;
      ASSERT_FALSE(std::isnan(got[width + c])) << "another sequence's NaN";
    }
  }
}

} // namespace r1::test
