// How far two results are from each other.
#pragma once
#include <cmath>
#include <vector>

namespace r1::interpret::test {

// Frobenius norm of the difference over that of `wanted`; NaN if either holds one, which no bound accepts.
inline double relativeError(const std::vector<float>& found, const std::vector<float>& wanted) {
  if (found.size() != wanted.size())
    return NAN;
  double difference = 0, norm = 0;
  for (size_t i = 0; i < wanted.size(); ++i) {
    difference += (double(found[i]) - wanted[i]) * (double(found[i]) - wanted[i]);
    norm += double(wanted[i]) * wanted[i];
  }
  return std::sqrt(difference / norm);
}

} // namespace r1::interpret::test
