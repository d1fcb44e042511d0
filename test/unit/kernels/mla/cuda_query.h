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

} // namespace r1::test
