// The tolerances of the kernels, one per kind of arithmetic, and the comparison that every kernel test uses.
//
// A result y = sum of x_i * w_i is held against |y - expected| <= tolerance * sum of |x_i * w_i|: what
// rounding can do to a sum depends on the size of its terms, not of the result. The caller hands in that size
// for each element.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace r1::test {

// Products of bf16 in float sums: float's 2^-24 times a few, in whatever order a chain adds (random walk over
// k <= 8192).
inline constexpr double kFloatSum = 2e-6;
// The same with weights rounded to bf16 after scaling (FP8 panel): half a unit of 8 bits, 2^-8, on every
// term.
inline constexpr double kBf16Weights = 3.95e-3;
// The same with activations rounded to bf16 after a float computation that may differ in its last bit: now and then one of at
// least 64 terms falls on the other side of a tie and moves by 2^-8 of itself.
inline constexpr double kBf16Activations = 2e-4;
// Products of e4m3 in Hopper's tensor cores, which keep some 14 bits of a sum of at most 128 terms.
inline constexpr double kHopperE4m3Sum = 1e-3;

// Compares [rows][columns] row-major. NaN never passes as close: it must stand exactly where it is expected.
inline testing::AssertionResult close(const std::string& name, const std::vector<float>& got,
                                      const std::vector<float>& expected, const std::vector<double>& size,
                                      int64_t columns, double tolerance) {
  if (got.size() != expected.size() || got.size() != size.size())
    return testing::AssertionFailure()
           << name << ": " << got.size() << " elements, expected " << expected.size();
  size_t bad = got.size(), bad_count = 0;
  double worst_absolute = 0, worst_relative = 0, dot = 0, got_square = 0, expected_square = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double g = got[i], e = expected[i], error = std::fabs(g - e);
    const bool ok = std::isnan(e) ? std::isnan(g) : error <= tolerance * size[i];
    if (!ok) {
      ++bad_count;
      if (bad == got.size())
        bad = i;
    }
    if (std::isnan(e))
      continue;
    worst_absolute = error <= worst_absolute ? worst_absolute : error; // a NaN error stays
    const double relative = size[i] > 0 ? error / size[i] : error;
    worst_relative = relative <= worst_relative ? worst_relative : relative;
    dot += g * e;
    got_square += g * g;
    expected_square += e * e;
  }
  if (bad == got.size())
    return testing::AssertionSuccess();
  const double cosine = dot / std::sqrt(got_square * expected_square);
  return testing::AssertionFailure() << name << ": " << bad_count << " of " << got.size()
                                     << " elements differ, first [" << bad / columns << "][" << bad % columns
                                     << "]: got " << got[bad] << ", expected " << expected[bad]
                                     << ", size of the sum " << size[bad] << "; worst absolute "
                                     << worst_absolute << ", worst relative to size " << worst_relative
                                     << " (allowed " << tolerance << "), cosine error " << 1 - cosine;
}

} // namespace r1::test
