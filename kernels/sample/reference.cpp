#include "kernels/sample/reference.h"
#include "kernels/registry/params.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

namespace r1::kernels::reference {

// exp(x) = 2^k * exp(r), |r| <= ln2 / 2: the Taylor series to r^11, whose rest is below 2^-46. All products are fused with their sums
// explicitly, so no compiler can do it differently.
uint64_t sample_weight(float logit, float top, double inverse_temperature) {
  const double x = (double(logit) - double(top)) * inverse_temperature;
  if (!(x > -28)) // e^-28 * 2^40 is below 1
    return 0;
  constexpr double kInteger = 0x1.8p52; // adding it rounds to an integer
  const double k = std::fma(x, 1.4426950408889634, kInteger) - kInteger;
  const double r =
      std::fma(k, -1.9082149292705877e-10, std::fma(k, -0.6931471803691238, x)); // ln2 in two parts
  double sum = 1.0 / 39916800;
  for (double coefficient : {1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040, 1.0 / 720, 1.0 / 120,
                             1.0 / 24, 1.0 / 6, 1.0 / 2, 1.0, 1.0})
    sum = std::fma(sum, r, coefficient);
  return uint64_t(std::ldexp(sum, int(k) + 40));
}

namespace {

uint64_t wide(const int32_t* words) { return uint64_t(uint32_t(words[1])) << 32 | uint32_t(words[0]); }

// ceil(top_p * total / 2^32)
uint64_t share(uint64_t total, uint32_t top_p) {
  using u128 = unsigned __int128;
  return uint64_t((u128(total) * top_p + 0xffffffffu) >> 32);
}

} // namespace

int32_t sample(const float* logits, int64_t vocab, const int32_t* options, const int32_t* draw) {
  const double inverse_temperature = std::bit_cast<double>(wide(options));
  const int32_t top_k = options[2];
  const uint32_t top_p = uint32_t(options[3]);
  if (top_k == kNoSample || std::any_of(logits, logits + vocab, [](float v) { return std::isnan(v); }))
    return -1;
  std::vector<int32_t> order(vocab);
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  const float top = logits[order[0]];
  if (!std::isfinite(top))
    return -1;
  if (inverse_temperature == 0)
    return order[0];

  auto weight = [&](int32_t id) { return sample_weight(logits[id], top, inverse_temperature); };
  if (top_k > 0 && top_k < vocab)
    order.resize(top_k);
  uint64_t total = 0;
  for (int32_t id : order)
    total += weight(id);
  if (top_p) {
    const uint64_t enough = share(total, top_p);
    uint64_t kept = 0;
    size_t count = 0;
    while (kept < enough)
      kept += weight(order[count++]);
    order.resize(count);
    total = kept;
  }
  std::sort(order.begin(), order.end());
  uint64_t point = uint64_t((unsigned __int128)(wide(draw)) * total >> 53);
  for (int32_t id : order) {
    if (point < weight(id))
      return id;
    point -= weight(id);
  }
  return -1; // not reached: the point lies below the total
}

} // namespace r1::kernels::reference
