// What is asked of every primitive, on inputs that depend on a seed alone.
#pragma once
#include "tools/gpu/conformance/machine.h"

namespace r1::conformance {

enum class Compare {
  kBits,        // every byte of the result
  kMath,        // compare.cpp says how many units in the last place
  kSums,        // floats, sums of products of random numbers, against both models of a tensor core
  kReducedSums, // the same of e4m3, whose sums a tensor core may cut to 14 bits
};

struct Case {
  std::string name; // of the family, for the report: cases of one name make one line
  Launch launch;
  int result = 1; // the buffer to compare
  Compare compare = Compare::kBits;
  // For sums: the launch with the magnitudes of its inputs, whose result is what errors are measured by.
  Launch magnitudes = {};
};

std::vector<Case> make_cases(uint64_t seed);

// Of products done beside one another by all multiprocessors: the launch, and its operations.
struct Rate {
  std::string name;
  Launch launch;
  double operations;
};
std::vector<Rate> make_rates(int multiprocessors);

} // namespace r1::conformance
