// Exponentials, sines and cosines on vectors, for code that may call no library. Only arithmetic and bit
// operations, so every ISA level computes the same formula. NaN in gives NaN out.
#pragma once
#include "kernels/primitives/lanes.h"

#include <cstdint>

namespace r1::kernels::R1_ISA {

// e^x, at most 2 units in the last place for results that are normal numbers; smaller results lose bits
// gradually, down to 0 below -105; infinity above 88.73. x = n ln 2 + r with |r| <= ln 2 / 2, e^r = 1 + r +
// r^2 P(r), P interpolating at the Chebyshev nodes.
R1_INLINE f32x16 exp(f32x16 x) {
  x = x < -105.0f ? all(-105.0f) : x;
  x = x > 89.0f ? all(89.0f) : x;
  // Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits; a conversion would be undefined for
  // NaN.
  const f32x16 magic = all(12582912.0f);
  const f32x16 shifted = x * 1.44269504f + magic;
  const f32x16 n = shifted - magic;
  f32x16 r = x - n * 0.693359375f; // 9 bits: the product is exact
  r = r - n * -2.12194440e-4f;
  f32x16 p = r * 0.0013926184f + 0.00836317893f;
  p = p * r + 0.0416665561f;
  p = p * r + 0.166665763f;
  p = p * r + 0.5f;
  p = (p * r) * r + r + 1.0f;
  // 2^n in two factors, since n alone may lie outside the exponents of a float.
  const i32x16 exponent = bits_of(shifted) - bits_of(magic);
  const i32x16 half = exponent >> 1;
  return p * floats_of((half + 127) << 23) * floats_of((exponent - half + 127) << 23);
}

// 1 / (1 + e^-x).
R1_INLINE f32x16 sigmoid(f32x16 x) { return 1.0f / (1.0f + exp(-x)); }

// cos and sin of an angle in double: absolute error below 1e-8 for |angle| < 2^24 (more than a float result
// can show). angle = k pi/2 + r with |r| <= pi/4, Taylor series of r, then the quadrant k mod 4.
struct CosSin {
  f64x8 cos, sin;
};
R1_INLINE CosSin cos_sin(f64x8 angle) {
  const double magic = 6755399441055744.0; // 1.5 * 2^52, as above
  const f64x8 shifted = angle * 0.63661977236758134 + magic;
  const f64x8 k = shifted - magic;
  f64x8 r = angle - k * 1.57079632673412561417e+00; // 33 bits, so the product is good to 2^-29
  r = r - k * 6.07710050650619224932e-11;
  const f64x8 s = r * r;
  f64x8 sin = s * (1.0 / 6227020800) - (1.0 / 39916800);
  sin = sin * s + 1.0 / 362880;
  sin = sin * s - 1.0 / 5040;
  sin = sin * s + 1.0 / 120;
  sin = sin * s - 1.0 / 6;
  sin = sin * s * r + r;
  f64x8 cos = s * (1.0 / 479001600) - (1.0 / 3628800);
  cos = cos * s + 1.0 / 40320;
  cos = cos * s - 1.0 / 720;
  cos = cos * s + 1.0 / 24;
  cos = cos * s - 0.5;
  cos = cos * s + 1.0;
  const i64x8 quadrant = bits_of(shifted); // the integer is in the low bits
  const i64x8 swap = (quadrant & 1) != 0;
  const f64x8 c = swap ? sin : cos, d = swap ? cos : sin;
  // cos is negated in quadrants 1 and 2, sin in 2 and 3.
  const i64x8 cos_sign = ((quadrant + 1) & 2) << 62, sin_sign = (quadrant & 2) << 62;
  return {floats_of(bits_of(c) ^ cos_sign), floats_of(bits_of(d) ^ sin_sign)};
}

} // namespace r1::kernels::R1_ISA
