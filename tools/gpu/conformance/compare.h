// How well the results of two machines agree.
#pragma once
#include "tools/gpu/conformance/cases.h"

namespace r1::conformance {

struct Outcome {
  uint64_t values = 0, wrong = 0;
  std::string first; // of what is wrong; or why nothing could be compared
  // Of sums: the largest deviation from each model over the sum of the products' magnitudes, and how many values have its bits.
  bool sums = false;
  double plain_deviation = 0, hopper_deviation = 0;
  uint64_t plain_equal = 0, hopper_equal = 0;

  void add(const Outcome& other);
};

Outcome run_case(const Case& c, Machine& device, Machine& plain, Machine& hopper);

} // namespace r1::conformance
