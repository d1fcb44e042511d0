// e4m3 weights (no infinities, 0x7f and 0xff are NaN, largest 448) to bf16, which holds every one of them
// exactly.
//
// e4m3 is s eeee mmm with bias 7, bf16 is s eeeeeeee mmmmmmm with bias 127: a normal number's exponent grows
// by 120 and its mantissa moves left by 4. Subnormals (eeee = 0) are m * 2^-9 and become normal numbers, so
// shifting alone does not do: the result would be a bf16 denormal, which vdpbf16ps takes for zero. With VBMI
// a byte permutation looks all 128 magnitudes up; without, normals are shifted and subnormals looked up among
// 16 bytes.
//
// A line of vnni16_f8 (64 bytes: 16 output rows x 4 k) yields two lines of vnni16, k0 k1 and k2 k3.
#pragma once
#include "kernels/primitives/bf16_dot.h"

namespace r1::kernels::R1_ISA {

struct LinePair {
  Line first, second;
};

// bf16 bits of the magnitude `code` (0..127).
constexpr unsigned e4m3_magnitude_bits(unsigned code) {
  const unsigned exponent = code >> 3, mantissa = code & 7;
  if (code == 127)
    return 0x7fc0;
  if (exponent > 0)
    return (exponent + 120) << 7 | mantissa << 4;
  if (mantissa == 0)
    return 0;
  const unsigned top = mantissa >= 4 ? 2 : mantissa >= 2 ? 1 : 0; // mantissa * 2^-9 = 1.xx * 2^(top - 9)
  return (top + 118) << 7 | ((mantissa << (3 - top)) & 7) << 4;
}

struct E4m3Table {
  uint8_t high[128], low[128];
};
constexpr E4m3Table make_e4m3_table() {
  E4m3Table t{};
  for (unsigned i = 0; i < 128; ++i) {
    t.high[i] = uint8_t(e4m3_magnitude_bits(i) >> 8);
    t.low[i] = uint8_t(e4m3_magnitude_bits(i) & 0xff);
  }
  return t;
}
alignas(64) static constexpr E4m3Table kE4m3 = make_e4m3_table();

// E4m3Decoder::exact() yields the weights; E4m3Decoder::scaled(s) yields each times s in float, rounded to
// bf16: what dequantising a block to bf16 means. Making a scaled decoder costs about as much as decoding 8
// lines with VBMI.
#if defined(__AVX512VBMI__)

struct E4m3Decoder {
  __m512i high0, high1, low0, low1; // bytes of the bf16 magnitudes 0..63 and 64..127

  R1_INLINE E4m3Decoder exact() {
    return {load_line(kE4m3.high), load_line(kE4m3.high + 64), load_line(kE4m3.low),
            load_line(kE4m3.low + 64)};
  }

  R1_INLINE E4m3Decoder scaled(float scale) {
    E4m3Decoder d;
    scale_half(scale, 0, d.high0, d.low0);
    scale_half(scale, 64, d.high1, d.low1);
    return d;
  }

  // The weight's sign is combined with the table's by exclusive or, so a negative scale works.
  R1_MEMBER LinePair operator()(Line w) const {
    const __m512i low = _mm512_permutex2var_epi8(low0, w, low1);
    __m512i high = _mm512_permutex2var_epi8(high0, w, high1);
    high = _mm512_ternarylogic_epi32(high, w, _mm512_set1_epi8(char(0x80)), 0x78); // high ^ (w & 0x80)
    return {_mm512_unpacklo_epi8(low, high), _mm512_unpackhi_epi8(low, high)};
  }

private:
  R1_INLINE void scale_half(float scale, int first, __m512i& high, __m512i& low) {
    const F32x16 s = splat(scale);
    __m256i high_bytes[2], low_bytes[2];
    R1_UNROLL for (int i = 0; i < 2; ++i) {
      const int at = first + i * 32;
      const __m512i h =
          _mm512_cvtepu8_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(kE4m3.high + at)));
      const __m512i l =
          _mm512_cvtepu8_epi16(_mm256_load_si256(reinterpret_cast<const __m256i*>(kE4m3.low + at)));
      const __m512i exact = _mm512_or_si512(_mm512_slli_epi16(h, 8), l);
      const __m256i r0 = to_bf16(mul(widen_bf16(_mm512_castsi512_si256(exact)), s));
      const __m256i r1 = to_bf16(mul(widen_bf16(_mm512_extracti64x4_epi64(exact, 1)), s));
      const __m512i rounded = _mm512_inserti64x4(_mm512_castsi256_si512(r0), r1, 1);
      high_bytes[i] = _mm512_cvtepi16_epi8(_mm512_srli_epi16(rounded, 8));
      low_bytes[i] = _mm512_cvtepi16_epi8(rounded);
    }
    high = _mm512_inserti64x4(_mm512_castsi256_si512(high_bytes[0]), high_bytes[1], 1);
    low = _mm512_inserti64x4(_mm512_castsi256_si512(low_bytes[0]), low_bytes[1], 1);
  }
};

#else

// 32 weights to their bf16 bytes: 16 (as pairs) in `first` and `second` each, lane by lane as in the line.
R1_INLINE void decode_e4m3_half(__m256i w, __m256i& first, __m256i& second) {
  // Entry e is the high byte for exponent e; entry 0 is not used.
  const __m256i kHigh = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 60, 61, 61, 62, 62, 63, 63, 64, 64, 65, 65, 66, 66, 67, 67));
  // Entries m = 0..7: the bytes of m * 2^-9.
  const __m256i kSubHigh =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 59, 59, 59, 60, 60, 60, 60, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i kSubLow = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 0, char(0x80), char(0xc0), 0, 0x20, 0x40, 0x60, 0, 0, 0, 0, 0, 0, 0, 0));
  const __m256i nibble = _mm256_set1_epi8(0x0f);
  const __m256i magnitude = _mm256_and_si256(w, _mm256_set1_epi8(0x7f));
  const __m256i exponent = _mm256_and_si256(_mm256_srli_epi16(w, 3), nibble);
  const __m256i low_nibble = _mm256_and_si256(w, nibble);
  const __m256i subnormal = _mm256_cmpeq_epi8(exponent, _mm256_setzero_si256());
  const __m256i nan = _mm256_cmpeq_epi8(magnitude, _mm256_set1_epi8(0x7f));
  __m256i high = _mm256_shuffle_epi8(kHigh, exponent);
  __m256i low = _mm256_slli_epi16(low_nibble, 4);
  high = _mm256_blendv_epi8(high, _mm256_shuffle_epi8(kSubHigh, low_nibble), subnormal);
  low = _mm256_blendv_epi8(low, _mm256_shuffle_epi8(kSubLow, low_nibble), subnormal);
  high = _mm256_or_si256(high, _mm256_and_si256(nan, _mm256_set1_epi8(0x7f)));
  low = _mm256_or_si256(low, _mm256_and_si256(nan, _mm256_set1_epi8(char(0xc0))));
  high = _mm256_or_si256(high, _mm256_and_si256(w, _mm256_set1_epi8(char(0x80))));
  first = _mm256_unpacklo_epi8(low, high);
  second = _mm256_unpackhi_epi8(low, high);
}

struct E4m3Decoder {
  float scale;
  bool is_scaled;

  R1_INLINE E4m3Decoder exact() { return {1.f, false}; }
  R1_INLINE E4m3Decoder scaled(float scale) { return {scale, true}; }

  R1_MEMBER LinePair operator()(Line w) const {
    const LinePair pair = decode(w);
    if (!is_scaled)
      return pair;
    return {scale_line(pair.first), scale_line(pair.second)};
  }

private:
#ifdef __AVX512F__
  R1_INLINE LinePair decode(Line w) {
    __m256i a0, a1, b0, b1;
    decode_e4m3_half(_mm512_castsi512_si256(w), a0, a1);
    decode_e4m3_half(_mm512_extracti64x4_epi64(w, 1), b0, b1);
    return {_mm512_inserti64x4(_mm512_castsi256_si512(a0), b0, 1),
            _mm512_inserti64x4(_mm512_castsi256_si512(a1), b1, 1)};
  }
  // Interleaves bf16 values of the even and the odd k into a line again.
  R1_INLINE Line join(F32x16 even, F32x16 odd) {
    return _mm512_or_si512(_mm512_cvtepu16_epi32(to_bf16(even)),
                           _mm512_slli_epi32(_mm512_cvtepu16_epi32(to_bf16(odd)), 16));
  }
#else
  R1_INLINE LinePair decode(Line w) {
    LinePair p;
    decode_e4m3_half(w.lo, p.first.lo, p.second.lo);
    decode_e4m3_half(w.hi, p.first.hi, p.second.hi);
    return p;
  }
  R1_INLINE Line join(F32x16 even, F32x16 odd) {
    return {_mm256_or_si256(round_half(even.lo), _mm256_slli_epi32(round_half(odd.lo), 16)),
            _mm256_or_si256(round_half(even.hi), _mm256_slli_epi32(round_half(odd.hi), 16))};
  }
#endif
  R1_MEMBER Line scale_line(Line a) const {
    return join(mul(even_half(a), splat(scale)), mul(odd_half(a), splat(scale)));
  }
};

#endif

} // namespace r1::kernels::R1_ISA
