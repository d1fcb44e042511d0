#include "kernels/simt/sums.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

namespace r1::simt {
namespace {

constexpr std::array<float, 256> make_e4m3() {
  std::array<float, 256> table{};
  for (int i = 0; i < 256; ++i) {
    const int exponent = i >> 3 & 15, mantissa = i & 7;
    float value = exponent ? 1 + float(mantissa) / 8 : float(mantissa) / 4; // times 2^(exponent - 7)
    for (int e = exponent; e < 7; ++e)
      value /= 2;
    for (int e = 7; e < exponent; ++e)
      value *= 2;
    table[i] = (i & 0x7f) == 0x7f ? std::numeric_limits<float>::quiet_NaN() : i & 0x80 ? -value : value;
  }
  return table;
}
constexpr std::array<float, 256> kE4m3 = make_e4m3();

// significand * 2^(exponent - 23), the significand below 2^24; of 0 the exponent is kZero.
constexpr int kZero = -10000;
struct Parts {
  int64_t significand;
  int exponent;
};
Parts split(float x) {
  const u32 bits = __builtin_bit_cast(u32, x);
  const int field = int(bits >> 23 & 255);
  const int64_t significand = (bits & 0x7fffff) | (field ? 1 << 23 : 0);
  return {bits >> 31 ? -significand : significand, significand ? (field ? field : 1) - 127 : kZero};
}

// Towards zero.
int64_t shift(int64_t x, int right) {
  const int64_t magnitude = x < 0 ? -x : x;
  const int64_t moved = right >= 63 ? 0 : right >= 0 ? magnitude >> right : magnitude << -right;
  return x < 0 ? -moved : moved;
}

} // namespace

float widen_e4m3(u8 bits) { return kE4m3[bits]; }

float hopper_sum(float c, const float* a, const float* b, int n, Sums sums) {
  Parts terms[33];
  float plain = c;
  terms[n] = split(c);
  int top = terms[n].exponent;
  for (int i = 0; i < n; ++i) {
    plain += a[i] * b[i];
    const Parts x = split(a[i]), y = split(b[i]);
    // Eight bits of each hold all of a bf16 or e4m3, so the product is exact.
    const int64_t product = shift(x.significand, 16) * shift(y.significand, 16);
    terms[i] = {product * (1 << 9), product ? x.exponent + y.exponent : kZero}; // 14 to 23 bits of fraction
    top = terms[i].exponent > top ? terms[i].exponent : top;
  }
  if (!std::isfinite(plain))
    return plain;
  if (top == kZero)
    return 0;
  int64_t sum = 0;
  for (int i = 0; i <= n; ++i)
    if (terms[i].exponent != kZero)
      sum += shift(terms[i].significand, top - terms[i].exponent + 23 - sums.fraction);
  if (sum == 0)
    return 0;
  const int bits = 64 - __builtin_clzll(uint64_t(sum < 0 ? -sum : sum));
  if (bits > sums.result)
    sum = shift(shift(sum, bits - sums.result), sums.result - bits);
  return std::ldexp(float(sum), top - sums.fraction);
}

} // namespace r1::simt
