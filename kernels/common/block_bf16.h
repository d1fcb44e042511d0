// The block product on AVX512-BF16, see microkernel.h.
//
// Bound by memory or by multipliers, depending on the rows:
//   up to kStreamRows rows  one strip after the other over all of k, its lines prefetched kStreamAhead bytes
//   ahead: memory sees one
//                           ascending stream. A line costs a load, a broadcast and a dot a row.
//   more                    blocks of kBlockK in k; 2 strips x up to 8 rows of sums in registers, so 16 dots for 10 loads. A block's
//                           strips are read from memory once and then from L1 or L2 by every further group of rows. While groups
//                           run, they prefetch the lines that come next, each group its share, so that memory and multipliers work
//                           at the same time.
#pragma once
#include "kernels/primitives/bf16_dot.h"

namespace r1::kernels::R1_ISA {

inline constexpr int64_t kStreamRows = 8;
inline constexpr int64_t kStreamAhead = 4096;
inline constexpr int64_t kBlockK = 2048; // smaller blocks cost loads and stores of sums

R1_INLINE void prefetch(const void* p) { _mm_prefetch(static_cast<const char*>(p), _MM_HINT_T0); }

// kRows rows against one strip.
template <int kRows>
R1_INLINE void stream_strip(const uint16_t* a, int64_t lda, const uint16_t* b, int64_t k, float* c,
                            int64_t ldc, bool accumulate) {
  F32x16 sum[kRows];
  R1_UNROLL for (int r = 0; r < kRows; ++r) sum[r] = accumulate ? load(c + r * ldc) : zero();
  for (int64_t i = 0; i < k; i += 2) {
    prefetch(reinterpret_cast<const char*>(b + i * 16) + kStreamAhead);
    const Line w = load_line(b + i * 16);
    R1_UNROLL for (int r = 0; r < kRows; ++r) sum[r] = dot_pairs(sum[r], w, broadcast_pair(a + r * lda + i));
  }
  R1_UNROLL for (int r = 0; r < kRows; ++r) store(c + r * ldc, sum[r]);
}

R1_INLINE void stream_rows(const uint16_t* a, int64_t lda, int64_t rows, const uint16_t* b,
                           int64_t strip_stride, int64_t strips, int64_t k, float* c, int64_t ldc,
                           bool accumulate) {
  for (int64_t s = 0; s < strips; ++s) {
    const uint16_t* strip = b + s * strip_stride;
    float* at = c + s * 16;
    switch (rows) {
    case 1:
      stream_strip<1>(a, lda, strip, k, at, ldc, accumulate);
      break;
    case 2:
      stream_strip<2>(a, lda, strip, k, at, ldc, accumulate);
      break;
    case 3:
      stream_strip<3>(a, lda, strip, k, at, ldc, accumulate);
      break;
    case 4:
      stream_strip<4>(a, lda, strip, k, at, ldc, accumulate);
      break;
    case 5:
      stream_strip<5>(a, lda, strip, k, at, ldc, accumulate);
      break;
    case 6:
      stream_strip<6>(a, lda, strip, k, at, ldc, accumulate);
      break;
    case 7:
      stream_strip<7>(a, lda, strip, k, at, ldc, accumulate);
      break;
    case 8:
      stream_strip<8>(a, lda, strip, k, at, ldc, accumulate);
      break;
    }
  }
}

// kRows rows against two strips, one block of k. `ahead` (one a strip) advances by `step` bytes a line.
template <int kRows>
R1_INLINE void block_group(const uint16_t* a, int64_t lda, const uint16_t* b, int64_t strip_stride, int64_t k,
                           float* c, int64_t ldc, bool accumulate, const char* ahead, int64_t ahead_stride,
                           int64_t step) {
  F32x16 sum[kRows][2];
  R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < 2; ++s) sum[r][s] =
      accumulate ? load(c + r * ldc + s * 16) : zero();
  for (int64_t i = 0; i < k; i += 2, ahead += step) {
    prefetch(ahead);
    prefetch(ahead + ahead_stride);
    const Line w[2] = {load_line(b + i * 16), load_line(b + strip_stride + i * 16)};
    R1_UNROLL for (int r = 0; r < kRows; ++r) {
      const Line x = broadcast_pair(a + r * lda + i);
      R1_UNROLL for (int s = 0; s < 2; ++s) sum[r][s] = dot_pairs(sum[r][s], w[s], x);
    }
  }
  R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < 2; ++s)
      store(c + r * ldc + s * 16, sum[r][s]);
}

// More than kStreamRows rows against two strips, one block of k, in groups of rows as equal as can be: 4 to 8 rows each.
R1_INLINE void block_rows(const uint16_t* a, int64_t lda, int64_t rows, const uint16_t* b,
                          int64_t strip_stride, int64_t k, float* c, int64_t ldc, bool accumulate,
                          const Next& next) {
  const int64_t groups = ceil_div(rows, 8), small = rows / groups, larger = rows % groups;
  const int64_t step = ceil_div(2 * next.strip_bytes, groups * k);
  for (int64_t g = 0, r = 0; g < groups; ++g) {
    const int64_t m = g < larger ? small + 1 : small;
    const char* ahead = static_cast<const char*>(next.lines) + g * next.strip_bytes / groups;
    const int64_t stride = next.strip_stride;
    const uint16_t* ar = a + r * lda;
    float* cr = c + r * ldc;
    switch (m) {
    case 4:
      block_group<4>(ar, lda, b, strip_stride, k, cr, ldc, accumulate, ahead, stride, step);
      break;
    case 5:
      block_group<5>(ar, lda, b, strip_stride, k, cr, ldc, accumulate, ahead, stride, step);
      break;
    case 6:
      block_group<6>(ar, lda, b, strip_stride, k, cr, ldc, accumulate, ahead, stride, step);
      break;
    case 7:
      block_group<7>(ar, lda, b, strip_stride, k, cr, ldc, accumulate, ahead, stride, step);
      break;
    case 8:
      block_group<8>(ar, lda, b, strip_stride, k, cr, ldc, accumulate, ahead, stride, step);
      break;
    }
    r += m;
  }
}

R1_INLINE void vector_gemm_block(const uint16_t* a, int64_t lda, int64_t rows, const uint16_t* b,
                                 int64_t strip_stride, int64_t strips, int64_t k, float* c, int64_t ldc,
                                 bool accumulate, const Next& next) {
  if (rows <= kStreamRows) {
    stream_rows(a, lda, rows, b, strip_stride, strips, k, c, ldc, accumulate);
    return;
  }
  const int64_t paired = strips / 2 * 2;
  for (int64_t k0 = 0; k0 < k && paired > 0; k0 += kBlockK) {
    const int64_t kb = min_of(k - k0, kBlockK);
    for (int64_t s = 0; s < paired; s += 2) {
      const uint16_t* strip = b + s * strip_stride + k0 * 16;
      // The same strips further on in k; at the end of k, what the caller says.
      Next following = {strip + kb * 16, strip_stride * 2, kb * 32};
      if (k0 + kb == k)
        following = {static_cast<const char*>(next.lines) + s * next.strip_stride, next.strip_stride,
                     next.strip_bytes};
      block_rows(a + k0, lda, rows, strip, strip_stride, kb, c + s * 16, ldc, accumulate || k0 > 0,
                 following);
    }
  }
  for (int64_t r = 0; r < rows && paired < strips; r += kStreamRows)
    stream_rows(a + r * lda, lda, min_of(rows - r, kStreamRows), b + paired * strip_stride, strip_stride, 1,
                k, c + r * ldc + paired * 16, ldc, accumulate);
}

} // namespace r1::kernels::R1_ISA
