// How tensor cores add, and what they add.
#pragma once
#include "kernels/simt/device.h"

namespace r1::simt {

inline float widen_bf16(u32 bits) { return __builtin_bit_cast(float, bits << 16); }
float widen_e4m3(u8 bits);

// Hopper's tensor cores align the accumulator and a group's products to the largest exponent among them, cut
// each towards zero to `fraction` bits below it, add exactly, and cut the sum to `result` significant bits
// (measured by arXiv 2603.20421). Plain float sums are far better: that is what makes long FP8 sums on Hopper
// need a second accumulator.
struct Sums {
  int fraction, result;
};
inline constexpr Sums kHopperBf16 = {24, 24}, kHopperE4m3 = {13, 14};

// c + sum of a[i] * b[i], n <= 32; a and b are bf16 or e4m3 values.
float hopper_sum(float c, const float* a, const float* b, int n, Sums sums);

} // namespace r1::simt
