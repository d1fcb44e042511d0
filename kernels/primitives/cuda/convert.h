// bf16 and e4m3 to float and back. Rounding is to nearest, ties to even, everywhere; a NaN becomes bf16 0x7fff
// or e4m3 0x7f, as the chips do it, on host and device alike.
#pragma once
#include "kernels/primitives/cuda/base.h"

namespace r1::cuda {

#ifdef R1_SIMT
R1_DEVICE u32 float_bits(float x) { return __builtin_bit_cast(u32, x); }
R1_DEVICE float float_from_bits(u32 bits) { return __builtin_bit_cast(float, bits); }
#else
R1_DEVICE u32 float_bits(float x) { return __float_as_uint(x); }
R1_DEVICE float float_from_bits(u32 bits) { return __uint_as_float(bits); }
#endif

R1_DEVICE float to_float(float x) { return x; }
R1_DEVICE float to_float(bf16 x) { return float_from_bits(u32(x.bits) << 16); }

R1_DEVICE bf16 to_bf16(float x) {
#ifdef R1_SIMT
  const u32 bits = float_bits(x);
  if ((bits & 0x7fffffff) > 0x7f800000)
    return {0x7fff};
  return {u16((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
#else
  bf16 y;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y.bits) : "f"(x));
  return y;
#endif
}

// `lo` in the low half, which is the lower address.
R1_DEVICE u32 pack_bf16x2(float lo, float hi) {
#ifdef R1_SIMT
  return to_bf16(lo).bits | u32(to_bf16(hi).bits) << 16;
#else
  u32 y;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(y) : "f"(hi), "f"(lo));
  return y;
#endif
}

R1_DEVICE void unpack_bf16x2(u32 pair, float& lo, float& hi) {
  lo = float_from_bits(pair << 16);
  hi = float_from_bits(pair & 0xffff0000);
}

// e4m3 is s eeee mmm with bias 7, without infinities; 0x7f and 0xff are NaN, the largest number is 448.
// The magnitude's bits as a float's exponent and mantissa are the number times 2^-120, subnormals included
// (they are float subnormals of the same kind), so one exact product gives the value.
R1_DEVICE float to_float(e4m3 x) {
  const u32 magnitude = x.bits & 0x7f, sign = u32(x.bits & 0x80) << 24;
  if (magnitude == 0x7f)
    return float_from_bits(sign | 0x7fc00000);
  return float_from_bits(sign | magnitude << 20) * 0x1p120f;
}

// Beyond 448 stays 448, infinities too.
R1_DEVICE e4m3 to_e4m3(float x) {
#if !defined(R1_SIMT) && R1_SM >= 89
  u16 pair;
  asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.f), "f"(x));
  return {u8(pair)};
#else
  const u32 bits = float_bits(x), sign = bits >> 24 & 0x80, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000)
    return {0x7f};
  if (magnitude >= 0x43e00000) // 448
    return {u8(sign | 0x7e)};
  if (magnitude < 0x3c800000) { // below 2^-6: a multiple of 2^-9, which adding 2^14 rounds to
    const float sum = float_from_bits(magnitude) + 0x1p14f;
    return {u8(sign | (float_bits(sum) - 0x46800000))};
  }
  const u32 rounded = magnitude + 0x7ffff + (magnitude >> 20 & 1);
  return {u8(sign | ((rounded >> 20) - (120 << 3)))};
#endif
}

// Four e4m3 (lowest byte first) to four bf16, exactly: lo = elements 0 and 1, hi = 2 and 3. Made for inner
// loops: five instructions a pair, and NaN is not looked for (0x7f and 0xff come out as 480 and -480; whoever
// packs weights refuses them). The bits, moved into place, are the number times 2^-120, as in to_float; the
// product that mends the exponent is exact and takes subnormals on every chip.
R1_DEVICE void e4m3x4_to_bf16x2(u32 in, u32& lo, u32& hi) {
#ifdef R1_SIMT
  const u32 spread_lo = (in & 0xff) << 8 | (in & 0xff00) << 16;
  const u32 spread_hi = (in >> 16 & 0xff) << 8 | (in & 0xff000000);
#else
  const u32 spread_lo = __byte_perm(in, 0, 0x1404), spread_hi = __byte_perm(in, 0, 0x3424);
#endif
  lo = (spread_lo & 0x80008000) | (spread_lo >> 4 & 0x07f007f0);
  hi = (spread_hi & 0x80008000) | (spread_hi >> 4 & 0x07f007f0);
#ifdef R1_SIMT
  float a, b;
  unpack_bf16x2(lo, a, b);
  lo = pack_bf16x2(a * 0x1p120f, b * 0x1p120f);
  unpack_bf16x2(hi, a, b);
  hi = pack_bf16x2(a * 0x1p120f, b * 0x1p120f);
#else
  // 0x7b80 is 2^120; adding -0 keeps the sign of a zero.
  asm("fma.rn.bf16x2 %0, %0, %1, %2;" : "+r"(lo) : "r"(0x7b807b80), "r"(0x80008000));
  asm("fma.rn.bf16x2 %0, %0, %1, %2;" : "+r"(hi) : "r"(0x7b807b80), "r"(0x80008000));
#endif
}

// To the type that a template names.
template <class T> struct FromFloat;
template <> struct FromFloat<float> {
  R1_DEVICE static float of(float x) { return x; }
};
template <> struct FromFloat<bf16> {
  R1_DEVICE static bf16 of(float x) { return to_bf16(x); }
};
template <> struct FromFloat<e4m3> {
  R1_DEVICE static e4m3 of(float x) { return to_e4m3(x); }
};
template <class T> R1_DEVICE T from_float(float x) { return FromFloat<T>::of(x); }

} // namespace r1::cuda
