// What gemm and grouped_gemm share: a few rows of x against a tile of packed weights, bf16 or e4m3, and the
// staging of rows.
#pragma once
#include "kernels/common/microkernel.h"
#include "kernels/primitives/fp8.h"
#include "kernels/registry/gemm_scratch.h"

namespace r1::kernels::R1_ISA {

// FP8: up to this many rows keep exact weights and put the scale on float sums; beyond it weights are
// dequantised to a bf16 panel, which every further row then shares (the rounding of R1's own weight_dequant).
#if R1_HAS_AMX
inline constexpr int64_t kExactRows = 2;
#else
inline constexpr int64_t kExactRows = 8;
#endif

// k of the next tile's first block, which a bf16 product prefetches.
inline constexpr int64_t kNextK =
#if R1_HAS_AMX
    kTileBlockK;
#else
    kBlockK;
#endif

R1_INLINE constexpr int64_t k_step(bool f8) { return f8 ? 128 : 32; }

// Copies k elements and fills with zeros up to padded_k (a multiple of 16). bf16 denormals keep their bits.
R1_INLINE void copy_row(const uint16_t* x, int64_t k, int64_t padded_k, uint16_t* out) {
  int64_t i = 0;
  for (; i + 16 <= k; i += 16)
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + i),
                        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x + i)));
  for (; i < padded_k; i += 16)
    R1_UNROLL for (int64_t j = 0; j < 16; ++j) out[i + j] = i + j < k ? x[i + j] : uint16_t(0);
}

// A tile's weights: `strips` strips of 16 columns, k padded to k_step.
struct WeightTile {
  const void* lines;   // first strip
  const float* scales; // of the first strip, k / 128 a strip; e4m3 only
  int64_t strips, k;
};

#if R1_HAS_BF16_DOT

inline constexpr int64_t kF8Ahead = 4096;

// kRows rows against one strip, so that memory sees one ascending stream. Weights are decoded in registers:
// per 128 k the sums start from zero and join the total with the block's scale. Several sums a row hide the
// latency of a dot.
template <int kRows>
R1_INLINE void stream_strip_f8(const uint16_t* a, int64_t lda, const uint8_t* b, const float* scales,
                               int64_t k, float* c, int64_t ldc) {
  constexpr int kLines =
      kRows <= 4 ? 2 : 1; // lines with sums of their own: at most 16 sums beside the decoder's tables
  const E4m3Decoder decode = E4m3Decoder::exact();
  for (int64_t k0 = 0; k0 < k; k0 += 128) {
    F32x16 sum[kRows][2 * kLines];
    R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int j = 0; j < 2 * kLines; ++j) sum[r][j] =
        zero();
    for (int64_t i = k0; i < k0 + 128; i += 4 * kLines) {
      R1_UNROLL for (int j = 0; j < kLines; ++j) {
        const uint8_t* line = b + (i + 4 * j) * 16;
        _mm_prefetch(reinterpret_cast<const char*>(line) + kF8Ahead, _MM_HINT_T0);
        const LinePair w = decode(load_line(line));
        R1_UNROLL for (int r = 0; r < kRows; ++r) {
          const uint16_t* x = a + r * lda + i + 4 * j;
          sum[r][2 * j] = dot_pairs(sum[r][2 * j], w.first, broadcast_pair(x));
          sum[r][2 * j + 1] = dot_pairs(sum[r][2 * j + 1], w.second, broadcast_pair(x + 2));
        }
      }
    }
    const F32x16 scale = splat(scales[k0 / 128]);
    R1_UNROLL for (int r = 0; r < kRows; ++r) {
      F32x16 all = add(sum[r][0], sum[r][1]);
      if constexpr (kLines == 2)
        all = add(all, add(sum[r][2], sum[r][3]));
      store(c + r * ldc, k0 == 0 ? mul(all, scale) : fma(all, scale, load(c + r * ldc)));
    }
  }
}

R1_INLINE void exact_f8(const uint16_t* a, int64_t lda, int64_t rows, const WeightTile& w, float* c,
                        int64_t ldc) {
  for (int64_t s = 0; s < w.strips; ++s) {
    const uint8_t* lines = static_cast<const uint8_t*>(w.lines) + s * w.k * 16;
    const float* scales = w.scales + s * (w.k / 128);
    float* at = c + s * 16;
    switch (rows) {
    case 1:
      stream_strip_f8<1>(a, lda, lines, scales, w.k, at, ldc);
      break;
    case 2:
      stream_strip_f8<2>(a, lda, lines, scales, w.k, at, ldc);
      break;
#if !R1_HAS_AMX
    case 3:
      stream_strip_f8<3>(a, lda, lines, scales, w.k, at, ldc);
      break;
    case 4:
      stream_strip_f8<4>(a, lda, lines, scales, w.k, at, ldc);
      break;
    case 5:
      stream_strip_f8<5>(a, lda, lines, scales, w.k, at, ldc);
      break;
    case 6:
      stream_strip_f8<6>(a, lda, lines, scales, w.k, at, ldc);
      break;
    case 7:
      stream_strip_f8<7>(a, lda, lines, scales, w.k, at, ldc);
      break;
    case 8:
      stream_strip_f8<8>(a, lda, lines, scales, w.k, at, ldc);
      break;
#endif
    }
  }
}

#else

// e4m3 decoded to a block of 128 k x up to 4 strips in L1, then as bf16.
R1_INLINE void exact_f8(const uint16_t* a, int64_t lda, int64_t rows, const WeightTile& w, float* c,
                        int64_t ldc) {
  constexpr int64_t kStrips = 4;
  const E4m3Decoder decode = E4m3Decoder::exact();
  alignas(64) uint16_t block[kStrips * 16 * 128];
  alignas(64) float sums[kExactRows * kStrips * 16];
  for (int64_t s0 = 0; s0 < w.strips; s0 += kStrips)
    for (int64_t k0 = 0; k0 < w.k; k0 += 128) {
      const int64_t strips = min_of(w.strips - s0, kStrips);
      for (int64_t s = 0; s < strips; ++s) {
        const uint8_t* lines = static_cast<const uint8_t*>(w.lines) + ((s0 + s) * w.k + k0) * 16;
        for (int64_t i = 0; i < 32; ++i) {
          _mm_prefetch(reinterpret_cast<const char*>(lines + i * 64 + 2048), _MM_HINT_T0);
          const LinePair pair = decode(load_line(lines + i * 64));
          store_line(block + (s * 32 + i) * 64, pair.first);
          store_line(block + (s * 32 + i) * 64 + 32, pair.second);
        }
      }
      gemm_block(a + k0, lda, rows, block, 16 * 128, strips, 128, sums, kStrips * 16, false);
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t s = 0; s < strips; ++s) {
          const F32x16 scale = splat(w.scales[(s0 + s) * (w.k / 128) + k0 / 128]);
          const F32x16 sum = load(sums + (r * kStrips + s) * 16);
          float* at = c + r * ldc + (s0 + s) * 16;
          store(at, k0 == 0 ? mul(sum, scale) : fma(sum, scale, load(at)));
        }
    }
}

#endif

// Dequantises k range [k0, k0 + depth) of every strip into panel, panel_depth of k a strip.
R1_INLINE void dequantise_panel(const WeightTile& w, int64_t k0, int64_t depth, int64_t panel_depth,
                                uint16_t* panel) {
  for (int64_t s = 0; s < w.strips; ++s) {
    const uint8_t* lines = static_cast<const uint8_t*>(w.lines) + (s * w.k + k0) * 16;
    uint16_t* out = panel + s * panel_depth * 16;
    for (int64_t i = 0; i < depth; i += 128) {
      const E4m3Decoder decode = E4m3Decoder::scaled(w.scales[s * (w.k / 128) + (k0 + i) / 128]);
      for (int64_t j = i; j < i + 128; j += 4) {
        const LinePair pair = decode(load_line(lines + j * 16));
        store_line(out + j * 16, pair.first);
        store_line(out + j * 16 + 32, pair.second);
      }
    }
  }
}

// c[rows][strips * 16] = a[rows][w.k] * w. `panel` as gemm_scratch.h says for ldc columns. What follows the
// tile in memory is taken for the next tile, and prefetched where there is time.
template <bool kF8>
R1_INLINE void multiply_tile(const uint16_t* a, int64_t lda, int64_t rows, const WeightTile& w, float* c,
                             int64_t ldc, uint16_t* panel) {
  const char* lines = static_cast<const char*>(w.lines);
  if constexpr (kF8) {
    if (rows <= kExactRows) {
      exact_f8(a, lda, rows, w, c, ldc);
      return;
    }
    const int64_t panel_depth = panel_k(ldc);
    for (int64_t k0 = 0; k0 < w.k; k0 += panel_depth) {
      const int64_t depth = min_of(w.k - k0, panel_depth);
      const char* following = k0 + depth < w.k ? lines + (k0 + depth) * 16 : lines + w.strips * w.k * 16;
      dequantise_panel(w, k0, depth, panel_depth, panel);
      gemm_block(a + k0, lda, rows, panel, panel_depth * 16, w.strips, depth, c, ldc, k0 > 0,
                 Next{following, w.k * 16, depth * 16});
    }
  } else {
    gemm_block(a, lda, rows, reinterpret_cast<const uint16_t*>(lines), w.k * 16, w.strips, w.k, c, ldc, false,
               Next{lines + w.strips * w.k * 32, w.k * 32, min_of(w.k, kNextK) * 32});
  }
}

} // namespace r1::kernels::R1_ISA
