// C[rows][16 * strips] (+)= A[rows][k] * B: the block product every matrix kernel here is made of.
//
//   A  bf16, row-major, row stride lda. Any number of rows; all k elements of a row are read.
//   B  strips of 16 columns in vnni16 lines (kernels/registry/layout.h): strip s begins at b + s *
//   strip_stride (in bf16
//      elements) and holds k / 2 lines of 64 bytes.
//   C  float, row stride ldc, 16 columns a strip, always written whole.
//   k  a multiple of 32. Zeros in B do not excuse garbage in A: a NaN times zero is a NaN.
//
// Three bodies: block_f32.h (AVX2, AVX-512), block_bf16.h (AVX512-BF16) and block_amx.h. Each sum is one
// chain over ascending k that passes from block to block unrounded, so neither the cut into blocks and groups
// nor the number of rows changes a result, with one exception: with AMX, blocks of more than kVectorRows rows
// go through tiles and round as primitives/amx.h says.
#pragma once
#include "kernels/primitives/amx.h"
#include "kernels/primitives/bf16_dot.h"

namespace r1::kernels::R1_ISA {

// What the caller will read after this block, worth prefetching meanwhile: for strip s, strip_bytes from
// lines + s * strip_stride (both in bytes). No strip_bytes: nothing.
struct Next {
  const void* lines;
  int64_t strip_stride, strip_bytes;
};

} // namespace r1::kernels::R1_ISA

#if R1_HAS_BF16_DOT
#include "kernels/common/block_bf16.h"
#else
#include "kernels/common/block_f32.h"
#endif
#include "kernels/common/block_amx.h"

namespace r1::kernels::R1_ISA {

inline constexpr int64_t kVectorRows = R1_HAS_AMX ? 4 : INT64_MAX; // up to this many rows, vectors beat tiles

R1_INLINE void gemm_block(const uint16_t* a, int64_t lda, int64_t rows, const uint16_t* b,
                          int64_t strip_stride, int64_t strips, int64_t k, float* c, int64_t ldc,
                          bool accumulate, const Next& next) {
#if R1_HAS_AMX
  if (rows > kVectorRows) {
    tile_gemm_block(a, lda, rows, b, strip_stride, strips, k, c, ldc, accumulate, next);
    return;
  }
#endif
  vector_gemm_block(a, lda, rows, b, strip_stride, strips, k, c, ldc, accumulate, next);
}

R1_INLINE void gemm_block(const uint16_t* a, int64_t lda, int64_t rows, const uint16_t* b,
                          int64_t strip_stride, int64_t strips, int64_t k, float* c, int64_t ldc,
                          bool accumulate) {
  gemm_block(a, lda, rows, b, strip_stride, strips, k, c, ldc, accumulate, Next{b, 0, 0});
}

} // namespace r1::kernels::R1_ISA
