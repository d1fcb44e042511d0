#include "runtime/program/sampling.h"

#include <bit>

#include "runtime/base/random.h"
#include "runtime/device/device.h"

namespace r1 {

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

static void append(std::vector<int32_t>& words, uint64_t value) {
  words.push_back(int32_t(uint32_t(value)));
  words.push_back(int32_t(uint32_t(value >> 32)));
}

void ChoiceWords::add(const Choice& choice) {
  const Sampling& s = choice.sampling;
  append(options, std::bit_cast<uint64_t>(s.temperature > 0 ? 1 / double(s.temperature) : 0.0));
  options.push_back(s.top_k);
  // In units of 2^-32, at least one; 0 is all of it.
  uint32_t share = s.top_p < 1 ? uint32_t(double(s.top_p) * 0x1p32) : 0;
  options.push_back(int32_t(s.top_p < 1 && share == 0 ? 1 : share));
  append(draws, random_bits(random_stream(s.seed, choice.sequence), choice.draw) >> 11);
}

void ChoiceWords::add_none(int64_t rows) {
  options.insert(options.end(), size_t(rows * kChoiceOptionWords), -1);
  draws.insert(draws.end(), size_t(rows * kDrawWords), 0);
}

} // namespace r1
