#include "kernels/registry/layout.h"

#include <algorithm>
#include <cstring>

namespace r1::kernels {
namespace {

constexpr int64_t kRows = 16;     // output rows in a block
constexpr int64_t kLine = 64;     // bytes in a line
constexpr int64_t kBf16Step = 32; // k is padded to this; 16 lines
constexpr int64_t kF8Step = 128;  // k is padded to this; 32 lines

int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

int64_t blocks(const PackShape& s) { return ceil_div(s.n, kRows); }

// Number of the block that holds output rows [n0 + 16 i, ...) of matrix (b, a), counted over the whole
// tensor.
int64_t block_index(const PackShape& s, int64_t b, int64_t a, int64_t n0, int64_t i) {
  return (b * blocks(s) + n0 / kRows + i) * s.accumulators + a;
}

} // namespace

int64_t vnni16_bytes(const PackShape& s) {
  return s.batch * blocks(s) * s.accumulators * ceil_div(s.k, kBf16Step) * (kBf16Step / 2) * kLine;
}

int64_t vnni16_f8_bytes(const PackShape& s) {
  return s.batch * blocks(s) * s.accumulators * ceil_div(s.k, kF8Step) * (kF8Step / 4) * kLine;
}

int64_t scales_bytes(const PackShape& s) {
  return s.batch * blocks(s) * s.accumulators * ceil_div(s.k, kF8Step) * int64_t(sizeof(float));
}

int64_t rowmajor_stride(int64_t k) { return ceil_div(k, 64) * 64; }

int64_t rowmajor_f8_stride(int64_t k) { return ceil_div(k, kF8Step) * kF8Step; }

int64_t rowmajor_bytes(const PackShape& s) {
  return s.batch * s.accumulators * s.n * rowmajor_stride(s.k) * int64_t(sizeof(uint16_t));
}

int64_t rowmajor_f8_bytes(const PackShape& s) {
  return s.batch * s.accumulators * s.n * rowmajor_f8_stride(s.k);
}

void pack_vnni16(const PackShape& s, int64_t b, int64_t a, int64_t n0, int64_t rows, const uint16_t* source,
                 int64_t ld, bool transposed, uint16_t* packed) {
  const int64_t steps = ceil_div(s.k, kBf16Step);
  const int64_t step_words = kRows * kBf16Step;
  for (int64_t i0 = 0; i0 < rows; i0 += kRows) {
    uint16_t* block = packed + block_index(s, b, a, n0, i0 / kRows) * steps * step_words;
    const int64_t i_end = std::min(rows - i0, kRows);
    for (int64_t step = 0; step < steps; ++step) {
      uint16_t* lines = block + step * step_words;
      const int64_t k0 = step * kBf16Step, k_end = std::min(s.k - k0, kBf16Step);
      if (i_end < kRows || k_end < kBf16Step)
        std::memset(lines, 0, size_t(step_words) * sizeof(uint16_t));
      if (transposed) {
        for (int64_t k = 0; k < k_end; ++k)
          for (int64_t i = 0; i < i_end; ++i)
            lines[k / 2 * 32 + i * 2 + k % 2] = source[(k0 + k) * ld + i0 + i];
      } else {
        for (int64_t i = 0; i < i_end; ++i)
          for (int64_t k = 0; k < k_end; ++k)
            lines[k / 2 * 32 + i * 2 + k % 2] = source[(i0 + i) * ld + k0 + k];
      }
    }
  }
}

void pack_vnni16_f8(const PackShape& s, int64_t b, int64_t a, int64_t n0, int64_t rows, const uint8_t* source,
                    int64_t ld, uint8_t* packed) {
  const int64_t steps = ceil_div(s.k, kF8Step);
  const int64_t step_bytes = kRows * kF8Step;
  for (int64_t i0 = 0; i0 < rows; i0 += kRows) {
    uint8_t* block = packed + block_index(s, b, a, n0, i0 / kRows) * steps * step_bytes;
    const int64_t i_end = std::min(rows - i0, kRows);
    for (int64_t step = 0; step < steps; ++step) {
      uint8_t* lines = block + step * step_bytes;
      const int64_t k0 = step * kF8Step, k_end = std::min(s.k - k0, kF8Step);
      if (i_end < kRows || k_end < kF8Step)
        std::memset(lines, 0, size_t(step_bytes));
      for (int64_t i = 0; i < i_end; ++i) {
        const uint8_t* row = source + (i0 + i) * ld + k0;
        uint8_t* lane = lines + i / 4 * 16 + i % 4 * 2;
        for (int64_t k = 0; k < k_end; ++k)
          lane[k / 4 * kLine + k % 4 / 2 * 8 + k % 2] = row[k];
      }
    }
  }
}

void pack_scales(const PackShape& s, int64_t b, int64_t a, int64_t n0, int64_t rows, const float* scales,
                 int64_t ld, float* packed) {
  const int64_t steps = ceil_div(s.k, kF8Step);
  for (int64_t i0 = 0; i0 < rows; i0 += kRows)
    std::copy_n(scales + i0 / kF8Step * ld, steps, packed + block_index(s, b, a, n0, i0 / kRows) * steps);
}

} // namespace r1::kernels
