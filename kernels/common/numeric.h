// Conversions between float and the narrow types weights and activations are stored in. Bits in, bits out;
// std only; usable at compile time, on the host, in skeletons' bitcode and in references. All widening is
// exact; all narrowing rounds to nearest, ties to even; NaN stays NaN.
#pragma once
#include <bit>
#include <cstdint>

namespace r1::kernels {

constexpr float f32_from_bf16(uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }

constexpr uint16_t bf16_from_f32(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  // Rounding could carry a NaN into infinity: keep its top bits, make it quiet.
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

constexpr float f32_from_f16(uint16_t x) {
  uint32_t sign = uint32_t{x} >> 15 << 31, exponent = (x >> 10) & 31u, mantissa = x & 0x3ffu;
  if (exponent == 31u) // infinity, NaN
    return std::bit_cast<float>(sign | 0x7f800000u | mantissa << 13);
  if (exponent == 0u) { // zero, subnormal: mantissa * 2^-24 is a normal float
    float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + 112u) << 23 | mantissa << 13);
}

// e4m3 is the "fn" flavour of R1's checkpoint: bias 7, largest 448, no infinity, NaN only at 0x7f and 0xff.
constexpr float f32_from_e4m3(uint8_t x) {
  uint32_t sign = uint32_t{x} >> 7 << 31, exponent = (x >> 3) & 15u, mantissa = x & 7u;
  if ((x & 0x7fu) == 0x7fu)
    return std::bit_cast<float>(sign | 0x7fc00000u);
  if (exponent == 0u) { // zero, subnormal: mantissa * 2^-9
    float magnitude = static_cast<float>(mantissa) * 0x1p-9f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + 120u) << 23 | mantissa << 20);
}

// As the hardware converts (PTX cvt.rn.satfinite): everything beyond 448, infinity included, becomes 448; NaN
// of either sign 0x7f.
constexpr uint8_t e4m3_from_f32(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x), sign = bits >> 31 << 7, magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return 0x7f;
  // Below 2^-6: at 2^14 a float's last bit is 2^-9, e4m3's smallest step, so the addition rounds.
  if (magnitude < 0x3c800000u) {
    float shifted = std::bit_cast<float>(magnitude) + 0x1p14f;
    return static_cast<uint8_t>(sign | (std::bit_cast<uint32_t>(shifted) & 0xfu));
  }
  uint32_t code = ((magnitude + 0x7ffffu + ((magnitude >> 20) & 1u)) >> 20) - (120u << 3);
  return static_cast<uint8_t>(sign | (code > 0x7eu ? 0x7eu : code));
}

} // namespace r1::kernels
