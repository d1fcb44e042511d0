// Queries of mla_decode with what the reference makes of them, for the tests of its CUDA skeletons.
#pragma once
#include "test/unit/kernels/mla/cuda_problem.h"

namespace r1::test {

struct Query {
  std::vector<int32_t> slots, positions;
  std::vector<float> latent, rope, want;
};

inline Query make_query(Random& random, const Problem& p) {
  Query q;
  for (int64_t s = 0; s < int64_t(p.lengths.size()); ++s)
    q.slots.push_back(int32_t(s));
  random.shuffle(q.slots);
  const int64_t tokens = int64_t(q.slots.size()), heads = p.params.heads, latent = p.params.kv_lora;
  // Queries of such a size that probabilities are neither uniform nor one-hot.
  const float size = float(2 / p.params.scale / std::sqrt(double(latent + p.params.rope)));
  q.latent = rounded(random.normal(tokens * heads * latent, size));
  q.rope = rounded(random.normal(tokens * heads * p.params.rope, size));
  q.want.resize(tokens * heads * latent);
  for (int64_t t = 0; t < tokens; ++t) {
    const int32_t s = q.slots[t];
    q.positions.push_back(int32_t(p.lengths[s] - 1));
    reference::mla_absorbed(&q.latent[t * heads * latent], &q.rope[t * heads * p.params.rope],
                            p.latent[s].data(), p.key[s].data(), &q.positions[t], p.shape(1),
                            &q.want[t * heads * latent]);
  }
  return q;
}

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

} // namespace r1::test
