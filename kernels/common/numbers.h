// bf16 and e4m3 as plain scalar conversions, for references, tests and tools. Host code: skeletons use
// primitives/ instead.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace r1::kernels {

inline float bf16_to_float(uint16_t bits) { return std::bit_cast<float>(uint32_t(bits) << 16); }

// To nearest even; a NaN stays a NaN.
inline uint16_t bf16_from_float(float x) {
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  if (std::isnan(x))
    return uint16_t(bits >> 16 | 0x40);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// s eeee mmm, bias 7, no infinities, all ones is NaN.
inline float e4m3_to_float(uint8_t code) {
  const int exponent = code >> 3 & 15, mantissa = code & 7;
  if ((code & 0x7f) == 0x7f)
    return std::numeric_limits<float>::quiet_NaN();
  const float magnitude =
      exponent == 0 ? std::ldexp(float(mantissa), -9) : std::ldexp(float(8 + mantissa), exponent - 10);
  return code & 0x80 ? -magnitude : magnitude;
}

} // namespace r1::kernels
