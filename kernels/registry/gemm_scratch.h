// How gemm and grouped_gemm divide a thread's scratch. One place for the kernels, which lay it out, and the
// registry, which says how much they need. Offsets are in bytes and multiples of 64.
#pragma once
#include <cstdint>

namespace r1::kernels {

inline constexpr int64_t kGroupedRowBlock = 64; // rows of one expert gathered at a time

// k of a dequantised FP8 panel of `columns`: as deep as 256 KiB allow, a multiple of 128. Deep panels spare
// stores of sums.
static inline constexpr int64_t panel_k(int64_t columns) {
  const int64_t deep = 131072 / columns / 128 * 128;
  return deep < 128 ? 128 : deep > 2048 ? 2048 : deep;
}

struct GemmScratch {
  int64_t rows;  // bf16 [row block][kp]: staged or gathered rows of x
  int64_t sums;  // f32 [row block][tile_n * accumulators]
  int64_t panel; // bf16 [tile_n * accumulators][panel_k]: FP8 weights with their scale applied
  int64_t line;  // f32 [kp]: one row between prologue's map and finish
  int64_t bytes;
};

static inline constexpr GemmScratch gemm_scratch(int64_t row_block, int64_t columns, int64_t k, bool f8,
                                                 bool prologue) {
  const int64_t m = (row_block + 15) / 16 * 16;
  const int64_t n = (columns + 15) / 16 * 16;
  const int64_t kp = (k + 127) / 128 * 128;
  GemmScratch s{};
  s.rows = 0;
  s.sums = s.rows + m * kp * 2;
  s.panel = s.sums + m * n * 4;
  s.line = s.panel + (f8 ? n * panel_k(n) * 2 : 0);
  s.bytes = s.line + (prologue ? kp * 4 : 0);
  return s;
}

} // namespace r1::kernels
