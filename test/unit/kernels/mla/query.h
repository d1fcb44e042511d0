// Queries of mla_decode with what the reference makes of them.
#pragma once
#include "test/unit/kernels/mla/problem.h"

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

} // namespace r1::test
