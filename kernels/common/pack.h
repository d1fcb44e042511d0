// Packs bf16 matrices into vnni16 lines at run time, as B of gemm_block: for operands that are not weights.
//
// Both write strips of 16 columns one after the other, strip s at packed + s * strip_stride, each k_padded /
// 2 lines, and fill with zeros where the source ends (columns up to a multiple of 16, k up to k_padded, a
// multiple of 32).
#pragma once
#include "kernels/primitives/bf16_dot.h"

namespace r1::kernels::R1_ISA {

// Sixteen rows of 16 dwords become sixteen columns.
#ifdef __AVX512F__
R1_INLINE void transpose_dwords(__m512i (&v)[16]) {
  __m512i t[16];
  R1_UNROLL for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
    t[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
  }
  R1_UNROLL for (int i = 0; i < 4; ++i) {
    v[4 * i] = _mm512_unpacklo_epi64(t[4 * i], t[4 * i + 2]);
    v[4 * i + 1] = _mm512_unpackhi_epi64(t[4 * i], t[4 * i + 2]);
    v[4 * i + 2] = _mm512_unpacklo_epi64(t[4 * i + 1], t[4 * i + 3]);
    v[4 * i + 3] = _mm512_unpackhi_epi64(t[4 * i + 1], t[4 * i + 3]);
  }
  R1_UNROLL for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
  }
  R1_UNROLL for (int i = 0; i < 8; ++i) {
    v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}
#endif

// Source [n][k] row-major with row stride ld: each source row is a column of B (weights' order; keys of
// attention).
R1_INLINE void pack_columns(const uint16_t* source, int64_t ld, int64_t n, int64_t k, int64_t k_padded,
                            int64_t strip_stride, uint16_t* packed) {
  for (int64_t n0 = 0; n0 < n; n0 += 16, packed += strip_stride) {
    const int64_t columns = min_of(n - n0, 16);
    for (int64_t k0 = 0; k0 < k_padded; k0 += 32) {
      uint16_t* lines = packed + k0 * 16;
      const int64_t depth = min_of(k - k0, 32);
#ifdef __AVX512F__
      const __mmask32 mask = depth >= 32 ? ~__mmask32(0) : depth <= 0 ? 0 : __mmask32((1u << depth) - 1);
      __m512i rows[16];
      R1_UNROLL for (int i = 0; i < 16; ++i) rows[i] =
          i < columns ? _mm512_maskz_loadu_epi16(mask, source + (n0 + i) * ld + k0) : _mm512_setzero_si512();
      transpose_dwords(rows);
      R1_UNROLL for (int i = 0; i < 16; ++i) store_line(lines + i * 32, rows[i]);
#else
      for (int64_t j = 0; j < 32; ++j)
        for (int64_t i = 0; i < 16; ++i)
          lines[j / 2 * 32 + i * 2 + j % 2] =
              i < columns && j < depth ? source[(n0 + i) * ld + k0 + j] : uint16_t(0);
#endif
    }
  }
}

// Source [k][n] row-major with row stride ld: neighbouring source rows are paired (values of attention).
R1_INLINE void pack_rows(const uint16_t* source, int64_t ld, int64_t k, int64_t n, int64_t k_padded,
                         int64_t strip_stride, uint16_t* packed) {
  for (int64_t n0 = 0; n0 < n; n0 += 16, packed += strip_stride) {
    const int64_t columns = min_of(n - n0, 16);
    for (int64_t j = 0; j < k_padded; j += 2) {
      uint16_t* line = packed + j * 16;
      const uint16_t* even = source + j * ld + n0;
#ifdef __AVX512F__
      const __m256i e = j < k ? _mm256_maskz_loadu_epi16(lanes(columns), even) : _mm256_setzero_si256();
      const __m256i o =
          j + 1 < k ? _mm256_maskz_loadu_epi16(lanes(columns), even + ld) : _mm256_setzero_si256();
      store_line(line,
                 _mm512_or_si512(_mm512_cvtepu16_epi32(e), _mm512_slli_epi32(_mm512_cvtepu16_epi32(o), 16)));
#else
      for (int64_t i = 0; i < 16; ++i) {
        line[2 * i] = i < columns && j < k ? even[i] : uint16_t(0);
        line[2 * i + 1] = i < columns && j + 1 < k ? even[ld + i] : uint16_t(0);
      }
#endif
    }
  }
}

} // namespace r1::kernels::R1_ISA
