// Chooses the next token from a row of logits.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/status.h"

namespace r1 {

struct Sampling {
  float temperature = 0; // 0: greedy, the largest logit, ties to the lower id
  float top_p = 1;       // the fewest most probable tokens whose probabilities reach top_p
  int32_t top_k = 0;     // 0: all; applied before top_p
  uint64_t seed = 0;
};

// kInvalidArgument, naming the option, where one is out of range.
Status check_sampling(const Sampling& sampling);

// One for each sequence. The choice depends on the options, the logits and the number of the draw alone: not on the
// machine (exp is computed here, not by the system's library), the threads, or other sequences.
class Sampler {
public:
  explicit Sampler(const Sampling& sampling, uint64_t sequence = 0);
  // kDevice where a logit is NaN or none is finite.
  Result<int32_t> next(std::span<const float> logits);

private:
  struct Candidate {
    double weight;
    int32_t id;
  };
  Sampling sampling_;
  uint64_t stream_;
  uint64_t draws_ = 0;
  std::vector<Candidate> candidates_;
};

} // namespace r1
