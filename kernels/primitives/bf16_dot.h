// A line of vnni16 weights (64 bytes: 16 output rows x 2 neighbouring k) times a pair of activations.
//
// With AVX512-BF16 one vdpbf16ps does it: both products go into the accumulator with a fused multiply-add
// each (the odd element first), rounding to nearest even, denormals taken and given as zero. Elsewhere the
// line is widened to two float vectors (bf16 is the high half of a float, so this is a shift and a mask) and
// fused multiply-adds follow, even element first.
#pragma once
#include "kernels/primitives/vec.h"

#if defined(__AVX512BF16__)
#define R1_HAS_BF16_DOT 1
#else
#define R1_HAS_BF16_DOT 0
#endif

namespace r1::kernels::R1_ISA {

#ifdef __AVX512F__
using Line = __m512i;
R1_INLINE Line load_line(const void* p) { return _mm512_loadu_si512(p); }
R1_INLINE void store_line(void* p, Line a) { _mm512_storeu_si512(p, a); }
R1_INLINE F32x16 even_half(Line a) { return {_mm512_castsi512_ps(_mm512_slli_epi32(a, 16))}; }
R1_INLINE F32x16 odd_half(Line a) {
  return {_mm512_castsi512_ps(_mm512_and_si512(a, _mm512_set1_epi32(int(0xffff0000))))};
}
#else
struct Line {
  __m256i lo, hi;
};
R1_INLINE Line load_line(const void* p) {
  const __m256i* q = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(q), _mm256_loadu_si256(q + 1)};
}
R1_INLINE void store_line(void* p, Line a) {
  __m256i* q = static_cast<__m256i*>(p);
  _mm256_storeu_si256(q, a.lo);
  _mm256_storeu_si256(q + 1, a.hi);
}
R1_INLINE F32x16 even_half(Line a) {
  return {_mm256_castsi256_ps(_mm256_slli_epi32(a.lo, 16)), _mm256_castsi256_ps(_mm256_slli_epi32(a.hi, 16))};
}
R1_INLINE F32x16 odd_half(Line a) {
  const __m256i mask = _mm256_set1_epi32(int(0xffff0000));
  return {_mm256_castsi256_ps(_mm256_and_si256(a.lo, mask)),
          _mm256_castsi256_ps(_mm256_and_si256(a.hi, mask))};
}
#endif

#if R1_HAS_BF16_DOT
// The pair x[0], x[1] in every lane.
R1_INLINE Line broadcast_pair(const uint16_t* x) {
  int pair;
  __builtin_memcpy(&pair, x, sizeof pair);
  return _mm512_set1_epi32(pair);
}
R1_INLINE F32x16 dot_pairs(F32x16 sum, Line w, Line x) {
  return {_mm512_dpbf16_ps(sum.v, (__m512bh)w, (__m512bh)x)};
}
#endif

} // namespace r1::kernels::R1_ISA
