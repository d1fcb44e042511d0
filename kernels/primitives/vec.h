// Sixteen float lanes, the width every hole works on: one AVX-512 register, or two of AVX2.
//
// bf16 values are uint16_t in memory. Rounding to bf16 is to nearest even; a NaN stays a NaN (quiet). Where
// the CPU has AVX512-BF16 its own conversion is used, which flushes float denormals to zero; elsewhere they
// round like other numbers. `count` (1..16) bounds what a masked access touches; lanes beyond it load as
// zero.
#pragma once
#include "kernels/common/skeleton.h"

#include <immintrin.h>

#ifdef __clang__
#define R1_UNROLL _Pragma("clang loop unroll(full)")
#define R1_UNROLL_BY(n) R1_PRAGMA(clang loop unroll_count(n))
#else
#define R1_UNROLL _Pragma("GCC unroll 32")
#define R1_UNROLL_BY(n) R1_PRAGMA(GCC unroll n)
#endif
#define R1_PRAGMA(text) _Pragma(#text)

namespace r1::kernels::R1_ISA {

#ifdef __AVX512F__

struct F32x16 {
  __m512 v;
};

R1_INLINE __mmask16 lanes(int64_t count) { return __mmask16((1u << count) - 1); }

R1_INLINE F32x16 zero() { return {_mm512_setzero_ps()}; }
R1_INLINE F32x16 splat(float x) { return {_mm512_set1_ps(x)}; }
R1_INLINE F32x16 load(const float* p) { return {_mm512_loadu_ps(p)}; }
R1_INLINE F32x16 load(const float* p, int64_t count) { return {_mm512_maskz_loadu_ps(lanes(count), p)}; }
R1_INLINE void store(float* p, F32x16 a) { _mm512_storeu_ps(p, a.v); }
R1_INLINE void store(float* p, F32x16 a, int64_t count) { _mm512_mask_storeu_ps(p, lanes(count), a.v); }

R1_INLINE F32x16 add(F32x16 a, F32x16 b) { return {_mm512_add_ps(a.v, b.v)}; }
R1_INLINE F32x16 sub(F32x16 a, F32x16 b) { return {_mm512_sub_ps(a.v, b.v)}; }
R1_INLINE F32x16 mul(F32x16 a, F32x16 b) { return {_mm512_mul_ps(a.v, b.v)}; }
R1_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; } // a * b + c
R1_INLINE F32x16 max(F32x16 a, F32x16 b) { return {_mm512_max_ps(a.v, b.v)}; }
R1_INLINE F32x16 min(F32x16 a, F32x16 b) { return {_mm512_min_ps(a.v, b.v)}; }

R1_INLINE F32x16 widen_bf16(__m256i bits) {
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16))};
}
R1_INLINE F32x16 load_bf16(const uint16_t* p) {
  return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
R1_INLINE F32x16 load_bf16(const uint16_t* p, int64_t count) {
  return widen_bf16(_mm256_maskz_loadu_epi16(lanes(count), p));
}

R1_INLINE __m256i to_bf16(F32x16 a) {
#ifdef __AVX512BF16__
  return (__m256i)_mm512_cvtneps_pbh(a.v);
#else
  const __m512i bits = _mm512_castps_si512(a.v);
  const __m512i high = _mm512_srli_epi32(bits, 16);
  const __m512i even = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i bias = _mm512_add_epi32(even, _mm512_set1_epi32(0x7fff));
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(bits, bias), 16);
  const __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(0x40));
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, nan, quiet));
#endif
}
R1_INLINE void store_bf16(uint16_t* p, F32x16 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_bf16(a));
}
R1_INLINE void store_bf16(uint16_t* p, F32x16 a, int64_t count) {
  _mm256_mask_storeu_epi16(p, lanes(count), to_bf16(a));
}

R1_INLINE __m256 low_half(F32x16 a) { return _mm512_castps512_ps256(a.v); }
R1_INLINE __m256 high_half(F32x16 a) {
  return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a.v), 1));
}

#else

struct F32x16 {
  __m256 lo, hi;
};

// All ones in 32-bit lane i where first + i < count.
R1_INLINE __m256i lanes32(int64_t count, int first) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(count) - first), index);
}

R1_INLINE F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
R1_INLINE F32x16 splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
R1_INLINE F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
R1_INLINE F32x16 load(const float* p, int64_t count) {
  return {_mm256_maskload_ps(p, lanes32(count, 0)), _mm256_maskload_ps(p + 8, lanes32(count, 8))};
}
R1_INLINE void store(float* p, F32x16 a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}
R1_INLINE void store(float* p, F32x16 a, int64_t count) {
  _mm256_maskstore_ps(p, lanes32(count, 0), a.lo);
  _mm256_maskstore_ps(p + 8, lanes32(count, 8), a.hi);
}

R1_INLINE F32x16 add(F32x16 a, F32x16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
R1_INLINE F32x16 sub(F32x16 a, F32x16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
R1_INLINE F32x16 mul(F32x16 a, F32x16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
R1_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { // a * b + c
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
R1_INLINE F32x16 max(F32x16 a, F32x16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
R1_INLINE F32x16 min(F32x16 a, F32x16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }

R1_INLINE __m256 widen_half(__m128i bits) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}
R1_INLINE F32x16 widen_bf16(__m256i bits) {
  return {widen_half(_mm256_castsi256_si128(bits)), widen_half(_mm256_extracti128_si256(bits, 1))};
}
R1_INLINE F32x16 load_bf16(const uint16_t* p) {
  return widen_bf16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
// AVX2 masks 32-bit lanes only: whole pairs first, then the odd element.
R1_INLINE F32x16 load_bf16(const uint16_t* p, int64_t count) {
  __m256i bits = _mm256_maskload_epi32(reinterpret_cast<const int*>(p), lanes32(count / 2, 0));
  if (count % 2) {
    const __m256i index = _mm256_setr_epi16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m256i last = _mm256_cmpeq_epi16(index, _mm256_set1_epi16(short(count - 1)));
    bits = _mm256_blendv_epi8(bits, _mm256_set1_epi16(short(p[count - 1])), last);
  }
  return widen_bf16(bits);
}

R1_INLINE __m256i round_half(__m256 a) {
  const __m256i bits = _mm256_castps_si256(a);
  const __m256i high = _mm256_srli_epi32(bits, 16);
  const __m256i even = _mm256_and_si256(high, _mm256_set1_epi32(1));
  const __m256i bias = _mm256_add_epi32(even, _mm256_set1_epi32(0x7fff));
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(bits, bias), 16);
  const __m256i quiet = _mm256_or_si256(high, _mm256_set1_epi32(0x40));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a, a, _CMP_UNORD_Q));
  return _mm256_blendv_epi8(rounded, quiet, nan);
}
R1_INLINE __m256i to_bf16(F32x16 a) {
  const __m256i packed = _mm256_packus_epi32(round_half(a.lo), round_half(a.hi));
  return _mm256_permute4x64_epi64(packed, 0xd8);
}
R1_INLINE void store_bf16(uint16_t* p, F32x16 a) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), to_bf16(a));
}
R1_INLINE void store_bf16(uint16_t* p, F32x16 a, int64_t count) {
  const __m256i bits = to_bf16(a);
  _mm256_maskstore_epi32(reinterpret_cast<int*>(p), lanes32(count / 2, 0), bits);
  if (count % 2) {
    alignas(32) uint16_t all[16];
    _mm256_store_si256(reinterpret_cast<__m256i*>(all), bits);
    p[count - 1] = all[count - 1];
  }
}

R1_INLINE __m256 low_half(F32x16 a) { return a.lo; }
R1_INLINE __m256 high_half(F32x16 a) { return a.hi; }

#endif

// Correctly rounded, and never a call to a library.
R1_INLINE float square_root(float x) { return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x))); }

// Horizontal reductions add lanes in one fixed tree (8 + 8, 4 + 4, 2 + 2, 1 + 1), the same on every level.
R1_INLINE float reduce_add(F32x16 a) {
  const __m256 eight = _mm256_add_ps(low_half(a), high_half(a));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps(two, two, 1)));
}
// The largest lane. As the machine's max: a NaN lane may be lost.
R1_INLINE float reduce_max(F32x16 a) {
  const __m256 eight = _mm256_max_ps(low_half(a), high_half(a));
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_shuffle_ps(two, two, 1)));
}

} // namespace r1::kernels::R1_ISA
