#include "runtime/sample/sampler.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "runtime/base/random.h"

namespace r1 {
namespace {

// exp(x) for x <= 0, the same bits on every machine: 2^k * exp(r), |r| <= ln2 / 2, the Taylor series to 1e-16.
double stable_exp(double x) {
  if (!(x > -700))
    return 0;
  double k = std::floor(x * 1.4426950408889634 + 0.5);
  double r = (x - k * 0.6931471803691238) - k * 1.9082149292705877e-10; // ln2 in two parts
  double sum = 1;
  for (int i = 14; i >= 1; --i)
    sum = 1 + sum * r / i;
  return sum * std::bit_cast<double>(uint64_t(1023 + int64_t(k)) << 52);
}

} // namespace

Status check_sampling(const Sampling& s) {
  if (!(s.temperature >= 0 && s.temperature <= 1000))
    return fail(Code::kInvalidArgument, "temperature is %g, expected 0 (greedy) to 1000",
                double(s.temperature));
  if (!(s.top_p > 0 && s.top_p <= 1))
    return fail(Code::kInvalidArgument, "top-p is %g, expected more than 0, at most 1", double(s.top_p));
  if (s.top_k < 0)
    return fail(Code::kInvalidArgument, "top-k is %d, expected 0 (all) or more", s.top_k);
  return Status();
}

Sampler::Sampler(const Sampling& sampling, uint64_t sequence)
    : sampling_(sampling), stream_(random_stream(sampling.seed, sequence)) {}

Result<int32_t> Sampler::next(std::span<const float> logits) {
  int32_t best = -1;
  bool nan = false;
  for (size_t i = 0; i < logits.size(); ++i) {
    nan |= logits[i] != logits[i];
    if (best < 0 || logits[i] > logits[size_t(best)])
      best = int32_t(i);
  }
  if (nan || best < 0 || !std::isfinite(logits[size_t(best)]))
    return fail(Code::kDevice, "the model computed logits that are %s; check the weights with r1run check",
                nan ? "not numbers" : "not finite");
  if (sampling_.temperature == 0)
    return best;

  double top = logits[size_t(best)], scale = 1 / double(sampling_.temperature), total = 0;
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    double weight = stable_exp((double(logits[i]) - top) * scale);
    if (weight == 0)
      continue;
    total += weight;
    candidates_.push_back({weight, int32_t(i)});
  }
  auto before = [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  };
  size_t k = size_t(sampling_.top_k);
  if (k > 0 && k < candidates_.size()) {
    std::nth_element(candidates_.begin(), candidates_.begin() + int64_t(k), candidates_.end(), before);
    candidates_.resize(k);
    std::sort(candidates_.begin(), candidates_.end(),
              before); // so that the sum does not depend on nth_element's order
    total = 0;
    for (const Candidate& c : candidates_)
      total += c.weight;
  }
  if (sampling_.top_p < 1) {
    // Tokens below this share cannot be needed: all of them together have less than 1 - top_p. So few remain to be sorted.
    double least = total * (1 - double(sampling_.top_p)) / double(candidates_.size());
    std::erase_if(candidates_, [&](const Candidate& c) { return c.weight < least; });
    std::sort(candidates_.begin(), candidates_.end(), before);
    double kept = 0;
    size_t count = 0;
    while (count < candidates_.size() && (count == 0 || kept < total * double(sampling_.top_p)))
      kept += candidates_[count++].weight;
    candidates_.resize(count);
    total = kept;
  }
  double point = random_unit(stream_, draws_++) * total;
  for (const Candidate& c : candidates_) {
    if (point < c.weight)
      return c.id;
    point -= c.weight;
  }
  return candidates_.back().id; // rounding ate the last sliver
}

} // namespace r1
