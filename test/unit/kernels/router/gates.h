// What the tests of the choice of experts share: the reference's choice, and logits that rounding cannot swap.
#pragma once
#include "kernels/router/reference.h"
#include "test/unit/kernels/support.h"

namespace r1::test {

using reference::Gate;
using reference::GroupScore;

struct Choice {
  std::vector<int32_t> ids;
  std::vector<float> weights;
};

// An empty bias is none.
inline Choice expected(const Gate& gate, const std::vector<float>& logits, const std::vector<float>& bias) {
  const int64_t tokens = int64_t(logits.size()) / gate.experts;
  Choice out{std::vector<int32_t>(tokens * gate.top_k), std::vector<float>(tokens * gate.top_k)};
  reference::router_gate(logits.data(), bias.empty() ? nullptr : bias.data(), gate, tokens, out.ids.data(),
                         out.weights.data());
  return out;
}

// Distinct multiples of 1/32 in random order.
inline std::vector<float> distinct_logits(Random& random, int64_t tokens, int64_t experts) {
  std::vector<float> all;
  for (int64_t t = 0; t < tokens; ++t) {
    std::vector<float> row(experts);
    for (int64_t e = 0; e < experts; ++e)
      row[e] = float(e - experts / 2) / 32;
    random.shuffle(row);
    all.insert(all.end(), row.begin(), row.end());
  }
  return all;
}

} // namespace r1::test
