// The block product where there is no bf16 dot (AVX2, AVX-512 without BF16), see microkernel.h.
//
// A line of B is widened to two float vectors, even and odd k, and activations are widened once for all
// strips of a block of kBlockK in k. Sums of a group of rows stay in registers: AVX-512 6 rows x 4 strips,
// AVX2 4 rows x 1 strip or the same the other way round (8 of 16 registers). The bound is the float multiplier, half the rate of bf16 dots or
// less, so memory keeps up with plain prefetching.
#pragma once
#include "kernels/primitives/bf16_dot.h"

namespace r1::kernels::R1_ISA {

#ifdef __AVX512F__
inline constexpr int64_t kGroupRows = 6;
R1_INLINE constexpr int group_strips(int) { return 4; }
#else
inline constexpr int64_t kGroupRows = 4;
R1_INLINE constexpr int group_strips(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
#endif
inline constexpr int64_t kBlockK = 512; // widened rows of a group take 12 KiB of L1, a strip 16 KiB of L2
inline constexpr int64_t kAheadBytes = 2048;

// kRows rows of widened A (row stride kBlockK) against kStrips strips.
template <int kRows, int kStrips>
R1_INLINE void block_group(const float* a, const uint16_t* b, int64_t strip_stride, int64_t k, float* c,
                           int64_t ldc, bool accumulate) {
  F32x16 sum[kRows][kStrips];
  R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < kStrips; ++s) sum[r][s] =
      accumulate ? load(c + r * ldc + s * 16) : zero();
  for (int64_t i = 0; i < k; i += 2) {
    Line w[kStrips];
    R1_UNROLL for (int s = 0; s < kStrips; ++s) {
      const uint16_t* line = b + s * strip_stride + i * 16;
      _mm_prefetch(reinterpret_cast<const char*>(line) + kAheadBytes, _MM_HINT_T0);
      w[s] = load_line(line);
    }
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      F32x16 wide[kStrips];
      R1_UNROLL for (int s = 0; s < kStrips; ++s) wide[s] = half ? odd_half(w[s]) : even_half(w[s]);
      R1_UNROLL for (int r = 0; r < kRows; ++r) {
        const F32x16 x = splat(a[r * kBlockK + i + half]);
        R1_UNROLL for (int s = 0; s < kStrips; ++s) sum[r][s] = fma(wide[s], x, sum[r][s]);
      }
    }
  }
  R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < kStrips; ++s)
      store(c + r * ldc + s * 16, sum[r][s]);
}

// kRows rows against every strip, one block of k.
template <int kRows>
R1_INLINE void block_rows(const uint16_t* a, int64_t lda, const uint16_t* b, int64_t strip_stride,
                          int64_t strips, int64_t k, float* c, int64_t ldc, bool accumulate) {
  alignas(64) float wide[kRows * kBlockK];
  R1_UNROLL for (int r = 0; r < kRows; ++r) for (int64_t i = 0; i < k; i += 16)
      store(wide + r * kBlockK + i, load_bf16(a + r * lda + i));
  constexpr int kGroupStrips = group_strips(kRows);
  int64_t s = 0;
  for (; s + kGroupStrips <= strips; s += kGroupStrips)
    block_group<kRows, kGroupStrips>(wide, b + s * strip_stride, strip_stride, k, c + s * 16, ldc,
                                     accumulate);
  for (; s < strips; ++s)
    block_group<kRows, 1>(wide, b + s * strip_stride, strip_stride, k, c + s * 16, ldc, accumulate);
}

R1_INLINE void vector_gemm_block(const uint16_t* a, int64_t lda, int64_t rows, const uint16_t* b,
                                 int64_t strip_stride, int64_t strips, int64_t k, float* c, int64_t ldc,
                                 bool accumulate, const Next&) {
  for (int64_t k0 = 0; k0 < k; k0 += kBlockK) {
    const int64_t kb = min_of(k - k0, kBlockK);
    for (int64_t r = 0; r < rows; r += kGroupRows) {
      const uint16_t* ak = a + r * lda + k0;
      const uint16_t* bk = b + k0 * 16;
      float* cr = c + r * ldc;
      const bool more = accumulate || k0 > 0;
      switch (min_of(rows - r, kGroupRows)) {
      case 1:
        block_rows<1>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
      case 2:
        block_rows<2>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
      case 3:
        block_rows<3>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
      case 4:
        block_rows<4>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
#ifdef __AVX512F__
      case 5:
        block_rows<5>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
      case 6:
        block_rows<6>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
#endif
      }
    }
  }
}

} // namespace r1::kernels::R1_ISA
