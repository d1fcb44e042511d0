// C[rows][16 * strips] (+)= A[rows][k] * B: the block product every matrix kernel here is made of.
//
//   A  bf16, row-major, row stride lda. Any number of rows; all k elements of a row are read.
//   B  strips of 16 columns in vnni16 lines (kernels/registry/layout.h): strip s begins at b + s *
//   strip_stride (in bf16
//      elements) and holds k / 2 lines of 64 bytes.
//   C  float, row stride ldc, 16 columns a strip, always written whole.
//   k  a multiple of 32. Zeros in B do not excuse garbage in A: a NaN times zero is a NaN.
//
// The schedule: blocks of kBlockK in k keep a strip's part of B in L1 or L2; groups of kGroupRows rows keep
// their sums in registers while all strips pass. Each sum is one chain over ascending k and passes from block
// to block unrounded, so that neither the cut into blocks and groups nor the number of rows changes a result,
// with one exception: with AMX, blocks of more than kVectorRows rows go through tiles and round as
// primitives/amx.h says.
#pragma once
#include "kernels/primitives/amx.h"
#include "kernels/primitives/bf16_dot.h"

namespace r1::kernels::R1_ISA {

inline constexpr int64_t kBlockK = 512;
inline constexpr int64_t kVectorRows = 4; // with AMX: up to this many rows the vector units do as well

#if R1_HAS_BF16_DOT

inline constexpr int64_t kGroupRows =
    6; // 6 rows x 4 strips are 24 sums, 4 lines of B and a pair of A: 29 of 32 registers
inline constexpr int64_t kGroupStrips = 4;

template <int kRows, int kStrips>
R1_INLINE void micro(const uint16_t* a, int64_t lda, const uint16_t* b, int64_t strip_stride, int64_t k,
                     float* c, int64_t ldc, bool accumulate) {
  F32x16 sum[kRows][kStrips];
  R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < kStrips; ++s) sum[r][s] =
      accumulate ? load(c + r * ldc + s * 16) : zero();
  for (int64_t i = 0; i < k; i += 2) {
    Line w[kStrips];
    R1_UNROLL for (int s = 0; s < kStrips; ++s) w[s] = load_line(b + s * strip_stride + i * 16);
    R1_UNROLL for (int r = 0; r < kRows; ++r) {
      const Line x = broadcast_pair(a + r * lda + i);
      R1_UNROLL for (int s = 0; s < kStrips; ++s) sum[r][s] = dot_pairs(sum[r][s], w[s], x);
    }
  }
  R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < kStrips; ++s)
      store(c + r * ldc + s * 16, sum[r][s]);
}

template <int kRows>
R1_INLINE void row_group(const uint16_t* a, int64_t lda, const uint16_t* b, int64_t strip_stride,
                         int64_t strips, int64_t k, float* c, int64_t ldc, bool accumulate) {
  int64_t s = 0;
  for (; s + kGroupStrips <= strips; s += kGroupStrips)
    micro<kRows, kGroupStrips>(a, lda, b + s * strip_stride, strip_stride, k, c + s * 16, ldc, accumulate);
  for (; s < strips; ++s)
    micro<kRows, 1>(a, lda, b + s * strip_stride, strip_stride, k, c + s * 16, ldc, accumulate);
}

#else

#ifdef __AVX512F__
inline constexpr int64_t kGroupRows = 6;
inline constexpr int64_t kGroupStrips = 4;
#else
inline constexpr int64_t kGroupRows = 4; // AVX2: 4 rows x 16 columns are 8 of 16 registers
inline constexpr int64_t kGroupStrips = 1;
#endif

// As above on activations widened to float.
template <int kRows, int kStrips>
R1_INLINE void micro(const float* a, int64_t lda, const uint16_t* b, int64_t strip_stride, int64_t k,
                     float* c, int64_t ldc, bool accumulate) {
  F32x16 sum[kRows][kStrips];
  R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < kStrips; ++s) sum[r][s] =
      accumulate ? load(c + r * ldc + s * 16) : zero();
  for (int64_t i = 0; i < k; i += 2) {
    Line w[kStrips];
    R1_UNROLL for (int s = 0; s < kStrips; ++s) w[s] = load_line(b + s * strip_stride + i * 16);
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      F32x16 wide[kStrips];
      R1_UNROLL for (int s = 0; s < kStrips; ++s) wide[s] = half ? odd_half(w[s]) : even_half(w[s]);
      R1_UNROLL for (int r = 0; r < kRows; ++r) {
        const F32x16 x = splat(a[r * lda + i + half]);
        R1_UNROLL for (int s = 0; s < kStrips; ++s) sum[r][s] = fma(wide[s], x, sum[r][s]);
      }
    }
  }
  R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < kStrips; ++s)
      store(c + r * ldc + s * 16, sum[r][s]);
}

// Widens its rows once for all strips; k is at most kBlockK.
template <int kRows>
R1_INLINE void row_group(const uint16_t* a, int64_t lda, const uint16_t* b, int64_t strip_stride,
                         int64_t strips, int64_t k, float* c, int64_t ldc, bool accumulate) {
  alignas(64) float wide[kRows * kBlockK];
  R1_UNROLL for (int r = 0; r < kRows; ++r) for (int64_t i = 0; i < k; i += 16)
      store(wide + r * kBlockK + i, load_bf16(a + r * lda + i));
  int64_t s = 0;
  for (; s + kGroupStrips <= strips; s += kGroupStrips)
    micro<kRows, kGroupStrips>(wide, kBlockK, b + s * strip_stride, strip_stride, k, c + s * 16, ldc,
                               accumulate);
  for (; s < strips; ++s)
    micro<kRows, 1>(wide, kBlockK, b + s * strip_stride, strip_stride, k, c + s * 16, ldc, accumulate);
}

#endif

#if R1_HAS_AMX

// 32 rows x 32 columns are four sum tiles; one step of 32 k loads two tiles of A and two of B for four dots.
// kLow and kRight say whether the lower 16 rows and the right 16 columns exist.
template <bool kLow, bool kRight>
R1_INLINE void tile_micro(const uint16_t* a, const uint16_t* b, int64_t strip_stride, int64_t k, float* c,
                          int64_t ldc, bool accumulate) {
  const uint16_t* a1 = a + 16 * kBlockK;
  const uint16_t* b1 = b + strip_stride;
  const int64_t stride = ldc * 4;
  if (accumulate) {
    tile_load<0>(c, stride);
    if constexpr (kRight)
      tile_load<1>(c + 16, stride);
    if constexpr (kLow)
      tile_load<2>(c + 16 * ldc, stride);
    if constexpr (kLow && kRight)
      tile_load<3>(c + 16 * ldc + 16, stride);
  } else {
    tile_zero<0>();
    if constexpr (kRight)
      tile_zero<1>();
    if constexpr (kLow)
      tile_zero<2>();
    if constexpr (kLow && kRight)
      tile_zero<3>();
  }
  for (int64_t i = 0; i < k; i += 32) {
    tile_load<6>(b + i * 16, 64);
    tile_load<4>(a + i * 16, 64);
    tile_dot<0, 4, 6>();
    if constexpr (kRight) {
      tile_load<7>(b1 + i * 16, 64);
      tile_dot<1, 4, 7>();
    }
    if constexpr (kLow) {
      tile_load<5>(a1 + i * 16, 64);
      tile_dot<2, 5, 6>();
      if constexpr (kRight)
        tile_dot<3, 5, 7>();
    }
  }
  tile_store<0>(c, stride);
  if constexpr (kRight)
    tile_store<1>(c + 16, stride);
  if constexpr (kLow)
    tile_store<2>(c + 16 * ldc, stride);
  if constexpr (kLow && kRight)
    tile_store<3>(c + 16 * ldc + 16, stride);
}

template <bool kLow>
R1_INLINE void tile_row_group(const uint16_t* tiles, const uint16_t* b, int64_t strip_stride, int64_t strips,
                              int64_t k, float* c, int64_t ldc, bool accumulate) {
  int64_t s = 0;
  for (; s + 2 <= strips; s += 2)
    tile_micro<kLow, true>(tiles, b + s * strip_stride, strip_stride, k, c + s * 16, ldc, accumulate);
  if (s < strips)
    tile_micro<kLow, false>(tiles, b + s * strip_stride, strip_stride, k, c + s * 16, ldc, accumulate);
}

R1_INLINE void configure_tiles(int64_t upper_rows, int64_t lower_rows) {
  TileConfig config{};
  config.palette = 1;
  for (int t = 0; t < 8; ++t) {
    const bool lower = t == 2 || t == 3 || t == 5;
    config.column_bytes[t] = 64;
    config.rows[t] = uint8_t(t >= 6 ? 16 : lower ? lower_rows : upper_rows);
  }
  tile_load_config(config);
}

R1_INLINE void tile_gemm_block(const uint16_t* a, int64_t lda, int64_t rows, const uint16_t* b,
                               int64_t strip_stride, int64_t strips, int64_t k, float* c, int64_t ldc,
                               bool accumulate) {
  alignas(64) uint16_t
      tiles[2 * 16 * kBlockK]; // A as [2][k / 32][16 rows][32 k]: 32 KiB, read once per pair of strips
  int64_t configured = 0;
  for (int64_t k0 = 0; k0 < k; k0 += kBlockK) {
    const int64_t kb = min_of(k - k0, kBlockK);
    for (int64_t r0 = 0; r0 < rows; r0 += 32) {
      const int64_t m = min_of(rows - r0, 32);
      if (m != configured) {
        configure_tiles(min_of(m, 16), m > 16 ? m - 16 : 16);
        configured = m;
      }
      for (int64_t r = 0; r < m; ++r)
        for (int64_t i = 0; i < kb; i += 32)
          store_line(tiles + r / 16 * 16 * kBlockK + i * 16 + r % 16 * 32,
                     load_line(a + (r0 + r) * lda + k0 + i));
      const uint16_t* bk = b + k0 * 16;
      if (m > 16)
        tile_row_group<true>(tiles, bk, strip_stride, strips, kb, c + r0 * ldc, ldc, accumulate || k0 > 0);
      else
        tile_row_group<false>(tiles, bk, strip_stride, strips, kb, c + r0 * ldc, ldc, accumulate || k0 > 0);
    }
  }
  tile_release();
}

#endif

R1_INLINE void gemm_block(const uint16_t* a, int64_t lda, int64_t rows, const uint16_t* b,
                          int64_t strip_stride, int64_t strips, int64_t k, float* c, int64_t ldc,
                          bool accumulate) {
#if R1_HAS_AMX
  if (rows > kVectorRows) {
    tile_gemm_block(a, lda, rows, b, strip_stride, strips, k, c, ldc, accumulate);
    return;
  }
#endif
  for (int64_t k0 = 0; k0 < k; k0 += kBlockK) {
    const int64_t kb = min_of(k - k0, kBlockK);
    for (int64_t r0 = 0; r0 < rows; r0 += kGroupRows) {
      const uint16_t* ak = a + r0 * lda + k0;
      const uint16_t* bk = b + k0 * 16;
      float* cr = c + r0 * ldc;
      const bool more = accumulate || k0 > 0;
      switch (min_of(rows - r0, kGroupRows)) {
      case 1:
        row_group<1>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
      case 2:
        row_group<2>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
      case 3:
        row_group<3>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
      case 4:
        row_group<4>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
#ifdef __AVX512F__
      case 5:
        row_group<5>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
      case 6:
        row_group<6>(ak, lda, bk, strip_stride, strips, kb, cr, ldc, more);
        break;
#endif
      }
    }
  }
}

} // namespace r1::kernels::R1_ISA
