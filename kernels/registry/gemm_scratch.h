// How gemm and grouped_gemm divide a thread's scratch. One place for the kernels, which lay it out, and the
// registry, which says how much they need. Offsets are in bytes and multiples of 64.
#pragma once
#include <cstdint>

namespace r1::kernels {

inline constexpr int64_t kPanelK = 512;         // k of a dequantised FP8 panel
inline constexpr int64_t kGroupedRowBlock = 64; // rows of one expert gathered at a time

struct GemmScratch {
  int64_t rows;  // bf16 [row block][kp]: staged, gathered or tile-packed rows of x
  int64_t sums;  // f32 [row block][tile_n * accumulators]
  int64_t panel; // bf16 [tile_n * accumulators][kPanelK]: FP8 weights with their scale applied
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
  s.line = s.panel + (f8 ? n * kPanelK * 2 : 0);
  s.bytes = s.line + (prologue ? kp * 4 : 0);
  return s;
}

} // namespace r1::kernels
