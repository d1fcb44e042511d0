// Operands of mma.m16n8k16 straight from rows of k, without ldmatrix.
//
// A sum over k does not care in which order k is walked, as long as both operands walk it alike. The
// instruction wants lane (g, t) = (lane / 4, lane % 4) to hold elements 2t, 2t+1, 2t+8 and 2t+9 of row g of a
// step of 16 k. We hand it the eight neighbours 8t .. 8t+7 of 32 k, as two steps, on both sides. So one
// 16-byte access feeds two multiplications, be it from global or from shared memory; 16 bytes of e4m3 (16t ..
// 16t+15 of 64 k) feed four.
#pragma once
#include "kernels/primitives/cuda/convert.h"
#include "kernels/primitives/cuda/matrix.h"
#include "kernels/primitives/cuda/memory.h"

namespace r1::cuda {

// Eight neighbouring bf16 of a row, two in a register.
struct Eight {
  u32 pairs[4];
};

R1_DEVICE Eight eight(const u32x4& v) { return {{v.x, v.y, v.z, v.w}}; }

// Half 0 or 1 of 16 neighbouring e4m3, exactly.
R1_DEVICE Eight widen(const u32x4& v, int half) {
  Eight out;
  e4m3x4_to_bf16x2(half ? v.z : v.x, out.pairs[0], out.pairs[1]);
  e4m3x4_to_bf16x2(half ? v.w : v.y, out.pairs[2], out.pairs[3]);
  return out;
}

// d[16 rows][8 columns] += 16 k (4 of each lane) of rows g (`low`) and g + 8 (`high`) times column g: step 0
// or 1 of the 32 k of an eight. Lane (g, t) holds of d: (row g, columns 2t and 2t+1), (row g + 8, columns 2t and
// 2t+1).
R1_DEVICE void multiply(float (&d)[4], const Eight& low, const Eight& high, const Eight& column, int step) {
  const u32 rows[4] = {low.pairs[2 * step], high.pairs[2 * step], low.pairs[2 * step + 1],
                       high.pairs[2 * step + 1]};
  mma_m16n8k16(d, rows, column.pairs[2 * step], column.pairs[2 * step + 1]);
}

} // namespace r1::cuda
