// How weights are packed. Pure functions on bytes: the compiler packs with them, tests unpack with them.
//
// For CPU skeletons:
// vnni16 (bf16): [batch][ceil(n/16)][accumulators][kp/2][16 rows][2 k], kp = round_up(k, 32); one 64-byte
// line holds 16 output rows x 2 k.
//   It is at once the stream order of a matrix-vector product, the B operand of vdpbf16ps and of an AMX tile
//   (16 lines).
// vnni16_f8 (e4m3): [batch][ceil(n/16)][accumulators][kp/4] lines of 64 bytes, kp = round_up(k, 128); inside
// a line, 16-byte lane L holds rows
//   4L..4L+3: bytes 0-7 are (row, k0..k1) for the four rows, bytes 8-15 (row, k2..k3), so that one byte
//   unpack of (low, high) halves gives two lines of vnni16.
// scales (f32): [batch][ceil(n/16)][accumulators][kp/128], one for 16 rows x 128 k, taken from
// weight_scale_inv of the 128x128 block. Padding is zero.
//
// For CUDA skeletons, which read rows as a checkpoint has them:
// rowmajor (bf16): [batch][accumulators][n][kp], kp = round_up(k, 64), so that a row is whole 128-byte lines.
// rowmajor_f8 (e4m3): the same with kp = round_up(k, 128).
// rowscales (f32): [batch][accumulators][ceil(n/16)][kp/128], one for 16 rows x 128 k. Padding is zero.
#pragma once
#include <cstddef>
#include <cstdint>

namespace r1::kernels {

// Elements from one row of an activation to the next; `bytes` of an element.
constexpr int64_t row_stride(int64_t cols, int64_t bytes) {
  const int64_t step = bytes == 1 ? 128 : 16;
  return (cols + step - 1) / step * step;
}

struct PackShape {
  int64_t batch, n, k, accumulators;
};

int64_t vnni16_bytes(const PackShape&);
int64_t vnni16_f8_bytes(const PackShape&);
int64_t scales_bytes(const PackShape&); // of `scales` and of `rowscales`
int64_t rowmajor_stride(int64_t k);     // elements of a row, bf16
int64_t rowmajor_f8_stride(int64_t k);  // elements of a row, e4m3
int64_t rowmajor_bytes(const PackShape&);
int64_t rowmajor_f8_bytes(const PackShape&);

// Packs one matrix (batch index b, accumulator a) of `rows` x shape.k into `packed` at output rows [n0, n0 +
// rows); n0 a multiple of 16. `element(i, j)` order: source is row-major with row stride `ld` elements;
// transposed = true reads source[j * ld + i].
void pack_vnni16(const PackShape&, int64_t b, int64_t a, int64_t n0, int64_t rows, const uint16_t* source,
                 int64_t ld, bool transposed, uint16_t* packed);
void pack_vnni16_f8(const PackShape&, int64_t b, int64_t a, int64_t n0, int64_t rows, const uint8_t* source,
                    int64_t ld, uint8_t* packed);
// `scales` is weight_scale_inv, row-major [ceil(rows/128)][ld].
void pack_scales(const PackShape&, int64_t b, int64_t a, int64_t n0, int64_t rows, const float* scales,
                 int64_t ld, float* packed);

} // namespace r1::kernels
