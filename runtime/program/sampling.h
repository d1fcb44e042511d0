// How the next token of a sequence is chosen: what a caller asks for, and the words in which a step tells it the device. The choice
// itself is a kernel's (IoSlot Chosen in runtime/artifact/artifact.fbs), exact and so the same on every device for the same logits.
#pragma once
#include <cstdint>
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

// One choice. Its random number depends on the seed, the number of the sequence and that of the draw alone: not on the machine, the
// threads, or other sequences.
struct Choice {
  Sampling sampling; // in range
  uint64_t sequence = 0, draw = 0;
};

// The words of IoSlot ChoiceOptions and Draws, a row after the other.
struct ChoiceWords {
  std::vector<int32_t> options, draws;

  void clear() { options.clear(), draws.clear(); }
  void add(const Choice& choice);
  void add_none(int64_t rows); // rows from which no id is wanted
};

} // namespace r1
