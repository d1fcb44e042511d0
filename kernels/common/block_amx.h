// The block product on AMX tiles, see microkernel.h.
//
// 32 rows x 32 columns are four sum tiles; a step of 32 k loads two tiles of A and two of B (4 KiB) for four
// dots, 64 cycles of the tile multiplier against 32 of the load ports. Blocks of kTileBlockK in k: A's 32
// rows are copied to a tile-packed buffer (32 KiB, L1) that serves every pair of strips, so B alone comes
// from L2. Every group of rows prefetches its share of what comes next in k: a tile load touches 16 lines at
// once and should find them in L2 at least (L1 is full of A).
#pragma once
#include "kernels/primitives/amx.h"
#include "kernels/primitives/bf16_dot.h"

#if R1_HAS_AMX
namespace r1::kernels::R1_ISA {

inline constexpr int64_t kTileBlockK = 512;

// `bytes` a step of 32 k for each of the two strips.
struct TilePrefetch {
  const char* lines;
  int64_t strip_stride, bytes;
};

// kLow and kRight say whether the lower 16 rows and the right 16 columns exist.
template <bool kLow, bool kRight>
R1_INLINE void tile_group(const uint16_t* a, const uint16_t* b, int64_t strip_stride, int64_t k, float* c,
                          int64_t ldc, bool accumulate, TilePrefetch ahead) {
  const uint16_t* a1 = a + 16 * kTileBlockK;
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
    for (int64_t at = 0; at < ahead.bytes; at += 64) {
      _mm_prefetch(ahead.lines + at, _MM_HINT_T1);
      if constexpr (kRight)
        _mm_prefetch(ahead.lines + ahead.strip_stride + at, _MM_HINT_T1);
    }
    ahead.lines += ahead.bytes;
  }
  tile_store<0>(c, stride);
  if constexpr (kRight)
    tile_store<1>(c + 16, stride);
  if constexpr (kLow)
    tile_store<2>(c + 16 * ldc, stride);
  if constexpr (kLow && kRight)
    tile_store<3>(c + 16 * ldc + 16, stride);
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
                               bool accumulate, const Next& next) {
  alignas(64) uint16_t tiles[2 * 16 * kTileBlockK]; // A as [2][k / 32][16 rows][32 k]
  const int64_t groups = ceil_div(rows, 32);
  int64_t configured = 0;
  for (int64_t k0 = 0; k0 < k; k0 += kTileBlockK) {
    const int64_t kb = min_of(k - k0, kTileBlockK);
    const bool more = accumulate || k0 > 0;
    const uint16_t* bk = b + k0 * 16;
    const Next following = k0 + kb < k ? Next{bk + kb * 16, strip_stride * 2, kb * 32} : next;
    // Each group's share of a strip's bytes, in whole lines a step; the last shares may run past the end,
    // which is harmless.
    const int64_t step = round_up(ceil_div(following.strip_bytes, groups * (kb / 32)), 64);
    for (int64_t g = 0; g < groups; ++g) {
      const int64_t r0 = g * 32, m = min_of(rows - r0, 32);
      if (m != configured) {
        configure_tiles(min_of(m, 16), m > 16 ? m - 16 : 16);
        configured = m;
      }
      for (int64_t r = 0; r < m; ++r)
        for (int64_t i = 0; i < kb; i += 32)
          store_line(tiles + r / 16 * 16 * kTileBlockK + i * 16 + r % 16 * 32,
                     load_line(a + (r0 + r) * lda + k0 + i));
      TilePrefetch ahead = {static_cast<const char*>(following.lines) + g * step * (kb / 32),
                            following.strip_stride, following.strip_bytes > 0 ? step : 0};
      float* cr = c + r0 * ldc;
      int64_t s = 0;
      for (; s + 2 <= strips; s += 2) {
        if (m > 16)
          tile_group<true, true>(tiles, bk + s * strip_stride, strip_stride, kb, cr + s * 16, ldc, more,
                                 ahead);
        else
          tile_group<false, true>(tiles, bk + s * strip_stride, strip_stride, kb, cr + s * 16, ldc, more,
                                  ahead);
        ahead.lines += 2 * ahead.strip_stride;
      }
      if (s < strips) {
        if (m > 16)
          tile_group<true, false>(tiles, bk + s * strip_stride, strip_stride, kb, cr + s * 16, ldc, more,
                                  ahead);
        else
          tile_group<false, false>(tiles, bk + s * strip_stride, strip_stride, kb, cr + s * 16, ldc, more,
                                   ahead);
      }
    }
  }
  tile_release();
}

} // namespace r1::kernels::R1_ISA
#endif
