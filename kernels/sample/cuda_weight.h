// What a token weighs and what a draw points at: the exact arithmetic of `sample` (registry/params.h, reference.cpp).
#pragma once
#include "kernels/primitives/cuda/convert.h"
#include "kernels/primitives/cuda/math.h"

namespace r1::cuda {

#ifdef R1_SIMT
R1_DEVICE u64 double_bits(double x) { return __builtin_bit_cast(u64, x); }
R1_DEVICE double double_from_bits(u64 bits) { return __builtin_bit_cast(double, bits); }
#else
R1_DEVICE u64 double_bits(double x) { return u64(__double_as_longlong(x)); }
R1_DEVICE double double_from_bits(u64 bits) { return __longlong_as_double((long long)(bits)); }
#endif

// Unsigned integers in the order of the floats: equal floats are equal (-0 as 0), NaN is above everything.
inline constexpr u32 kKeyOfNan = 0xffffffff, kKeyOfInfinity = 0xff800000, kKeyOfMinusInfinity = 0x007fffff;

R1_DEVICE u32 key_of(float v) {
  const u32 bits = float_bits(v + 0.0f);
  return v != v ? kKeyOfNan : bits ^ (bits >> 31 ? 0xffffffff : 0x80000000);
}
R1_DEVICE float value_of_key(u32 key) { return float_from_bits(key ^ (key >> 31 ? 0x80000000 : 0xffffffff)); }

// floor(exp((logit - top) * inverse_temperature) * 2^40). Every product is fused with its sum explicitly, so that nothing is left
// for a compiler to fuse. 18 operations on doubles, where the weight is not 0.
R1_DEVICE u64 sample_weight(float logit, float top, double inverse_temperature) {
  const double x = (double(logit) - double(top)) * inverse_temperature;
  if (!(x > -28))
    return 0;
  constexpr double kInteger = 0x1.8p52; // adding it rounds to an integer, whose low bits are the sum's
  const double shifted = math::fma(x, 1.4426950408889634, kInteger), k = shifted - kInteger;
  const double r = math::fma(k, -1.9082149292705877e-10, math::fma(k, -0.6931471803691238, x));
  double sum = 1.0 / 39916800;
  sum = math::fma(sum, r, 1.0 / 3628800);
  sum = math::fma(sum, r, 1.0 / 362880);
  sum = math::fma(sum, r, 1.0 / 40320);
  sum = math::fma(sum, r, 1.0 / 5040);
  sum = math::fma(sum, r, 1.0 / 720);
  sum = math::fma(sum, r, 1.0 / 120);
  sum = math::fma(sum, r, 1.0 / 24);
  sum = math::fma(sum, r, 1.0 / 6);
  sum = math::fma(sum, r, 1.0 / 2);
  sum = math::fma(sum, r, 1.0);
  sum = math::fma(sum, r, 1.0);
  return u64(sum * double_from_bits((double_bits(shifted) + (1023 + 40)) << 52));
}

// ceil(top_p * total / 2^32)
R1_DEVICE u64 sample_share(u64 total, u32 top_p) {
  return (total >> 32) * top_p + (((total & 0xffffffff) * top_p + 0xffffffff) >> 32);
}

// floor(draw * total / 2^53): the high bits of a product of 128.
R1_DEVICE u64 sample_point(u64 draw, u64 total) {
  const u64 dl = draw & 0xffffffff, dh = draw >> 32, tl = total & 0xffffffff, th = total >> 32;
  const u64 low = dl * tl, one = dl * th, two = dh * tl;
  const u64 middle = (low >> 32) + (one & 0xffffffff) + (two & 0xffffffff);
  const u64 high = dh * th + (one >> 32) + (two >> 32) + (middle >> 32);
  return high << 11 | (middle & 0xffffffff) >> 21;
}

} // namespace r1::cuda
