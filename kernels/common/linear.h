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

inline constexpr int64_t kAhead = 4096;

// One row: one strip at a time, so that memory sees a single ascending stream; four sums hide the latency of a dot.
R1_INLINE void micro_f8_row(const uint16_t* a, const uint8_t* b, const float* scales, int64_t k, float* c) {
  const E4m3Decoder decode = E4m3Decoder::exact();
  F32x16 total = zero();
  for (int64_t k0 = 0; k0 < k; k0 += 128) {
    F32x16 sum[4] = {zero(), zero(), zero(), zero()};
    for (int64_t i = k0; i < k0 + 128; i += 8) {
      R1_UNROLL for (int j = 0; j < 2; ++j) {
        const uint8_t* line = b + (i + 4 * j) * 16;
        _mm_prefetch(reinterpret_cast<const char*>(line + kAhead), _MM_HINT_T0);
        const LinePair w = decode(load_line(line));
        sum[2 * j] = dot_pairs(sum[2 * j], w.first, broadcast_pair(a + i + 4 * j));
        sum[2 * j + 1] = dot_pairs(sum[2 * j + 1], w.second, broadcast_pair(a + i + 4 * j + 2));
      }
    }
    total = fma(add(add(sum[0], sum[1]), add(sum[2], sum[3])), splat(scales[k0 / 128]), total);
  }
  store(c, total);
}

// e4m3 decoded in registers: per 128 k the sums start from zero and join C with the block's scale.
template <int kRows, int kStrips>
R1_INLINE void micro_f8(const uint16_t* a, int64_t lda, const uint8_t* b, const float* scales, int64_t k,
                        float* c, int64_t ldc) {
  const E4m3Decoder decode = E4m3Decoder::exact();
  const int64_t strip_bytes = k * 16, strip_scales = k / 128;
  for (int64_t k0 = 0; k0 < k; k0 += 128) {
    F32x16 sum[kRows][kStrips];
    R1_UNROLL for (int r = 0; r < kRows; ++r) R1_UNROLL for (int s = 0; s < kStrips; ++s) sum[r][s] = zero();
    for (int64_t i = k0; i < k0 + 128; i += 4) {
      R1_UNROLL for (int s = 0; s < kStrips; ++s) {
        const uint8_t* line = b + s * strip_bytes + i * 16;
        _mm_prefetch(reinterpret_cast<const char*>(line + kAhead), _MM_HINT_T0);
        const LinePair w = decode(load_line(line));
        R1_UNROLL for (int r = 0; r < kRows; ++r) {
          sum[r][s] = dot_pairs(sum[r][s], w.first, broadcast_pair(a + r * lda + i));
          sum[r][s] = dot_pairs(sum[r][s], w.second, broadcast_pair(a + r * lda + i + 2));
        }
      }
    }
    R1_UNROLL for (int s = 0; s < kStrips; ++s) {
      const F32x16 scale = splat(scales[s * strip_scales + k0 / 128]);
      R1_UNROLL for (int r = 0; r < kRows; ++r) {
        float* at = c + r * ldc + s * 16;
        store(at, k0 == 0 ? mul(sum[r][s], scale) : fma(sum[r][s], scale, load(at)));
      }
    }
  }
}

template <int kRows>
R1_INLINE void exact_rows(const uint16_t* a, int64_t lda, const WeightTile& w, float* c, int64_t ldc) {
  constexpr int kStrips = kRows <= 4 ? 4 : 2; // at most 16 sums beside the decoder's tables
  const uint8_t* lines = static_cast<const uint8_t*>(w.lines);
  int64_t s = 0;
  if constexpr (kRows == 1) {
    for (; s < w.strips; ++s)
      micro_f8_row(a, lines + s * w.k * 16, w.scales + s * (w.k / 128), w.k, c + s * 16);
    return;
  }
  for (; s + kStrips <= w.strips; s += kStrips)
    micro_f8<kRows, kStrips>(a, lda, lines + s * w.k * 16, w.scales + s * (w.k / 128), w.k, c + s * 16, ldc);
  for (; s < w.strips; ++s)
    micro_f8<kRows, 1>(a, lda, lines + s * w.k * 16, w.scales + s * (w.k / 128), w.k, c + s * 16, ldc);
}

R1_INLINE void exact_f8(const uint16_t* a, int64_t lda, int64_t rows, const WeightTile& w, float* c,
                        int64_t ldc) {
  switch (rows) {
  case 1:
    exact_rows<1>(a, lda, w, c, ldc);
    break;
  case 2:
    exact_rows<2>(a, lda, w, c, ldc);
    break;
#if !R1_HAS_AMX
  case 3:
    exact_rows<3>(a, lda, w, c, ldc);
    break;
  case 4:
    exact_rows<4>(a, lda, w, c, ldc);
    break;
  case 5:
    exact_rows<5>(a, lda, w, c, ldc);
    break;
  case 6:
    exact_rows<6>(a, lda, w, c, ldc);
    break;
  case 7:
    exact_rows<7>(a, lda, w, c, ldc);
    break;
  case 8:
    exact_rows<8>(a, lda, w, c, ldc);
    break;
#endif
  }
}

#else

// e4m3 decoded to a block of 16 columns x 128 k in L1, then as bf16.
R1_INLINE void exact_f8(const uint16_t* a, int64_t lda, int64_t rows, const WeightTile& w, float* c,
                        int64_t ldc) {
  const E4m3Decoder decode = E4m3Decoder::exact();
  alignas(64) uint16_t block[16 * 128];
  alignas(64) float sums[kExactRows * 16];
  for (int64_t s = 0; s < w.strips; ++s)
    for (int64_t k0 = 0; k0 < w.k; k0 += 128) {
      const uint8_t* lines = static_cast<const uint8_t*>(w.lines) + (s * w.k + k0) * 16;
      for (int64_t i = 0; i < 32; ++i) {
        const LinePair pair = decode(load_line(lines + i * 64));
        store_line(block + i * 64, pair.first);
        store_line(block + i * 64 + 32, pair.second);
      }
      gemm_block(a + k0, lda, rows, block, 0, 1, 128, sums, 16, false);
      const F32x16 scale = splat(w.scales[s * (w.k / 128) + k0 / 128]);
      for (int64_t r = 0; r < rows; ++r) {
        float* at = c + r * ldc + s * 16;
        const F32x16 sum = load(sums + r * 16);
        store(at, k0 == 0 ? mul(sum, scale) : fma(sum, scale, load(at)));
      }
    }
}

#endif

// Dequantises k range [k0, k0 + depth) of every strip into panel, kPanelK a strip.
R1_INLINE void dequantise_panel(const WeightTile& w, int64_t k0, int64_t depth, uint16_t* panel) {
  for (int64_t s = 0; s < w.strips; ++s) {
    const uint8_t* lines = static_cast<const uint8_t*>(w.lines) + (s * w.k + k0) * 16;
    uint16_t* out = panel + s * kPanelK * 16;
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

// c[rows][strips * 16] = a[rows][w.k] * w. `panel` as gemm_scratch.h says.
template <bool kF8>
R1_INLINE void multiply_tile(const uint16_t* a, int64_t lda, int64_t rows, const WeightTile& w, float* c,
                             int64_t ldc, uint16_t* panel) {
  if constexpr (kF8) {
    if (rows <= kExactRows) {
      exact_f8(a, lda, rows, w, c, ldc);
      return;
    }
    for (int64_t k0 = 0; k0 < w.k; k0 += kPanelK) {
      const int64_t depth = min_of(w.k - k0, kPanelK);
      dequantise_panel(w, k0, depth, panel);
      gemm_block(a + k0, lda, rows, panel, kPanelK * 16, w.strips, depth, c, ldc, k0 > 0);
    }
  } else {
    gemm_block(a, lda, rows, static_cast<const uint16_t*>(w.lines), w.k * 16, w.strips, w.k, c, ldc, false);
  }
}

} // namespace r1::kernels::R1_ISA
