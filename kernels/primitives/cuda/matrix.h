// Warp-wide matrix instructions: fragments from shared memory (ldmatrix) and products (mma.sync).
//
// Fragments, with g = lane / 4 and t = lane % 4, each register two bf16 at neighbouring columns (low half first):
//   A 16 x 16: a[0] = (g, 2t), a[1] = (g + 8, 2t), a[2] = (g, 2t + 8), a[3] = (g + 8, 2t + 8)
//   B 16 x 8 as [n][k]: b0 = (n = g, k = 2t), b1 = (g, 2t + 8)
//   D 16 x 8 floats: d[0], d[1] = (g, 2t), (g, 2t + 1); d[2], d[3] = (g + 8, ...)
// e4m3: the same with four elements a register, k = 4t and 4t + 16.
#pragma once
#include "kernels/primitives/cuda/base.h"

namespace r1::cuda {

#ifdef R1_SIMT

// Four 8 x 8 matrices of 16-bit elements: lane i gives the address of row i % 8 of matrix i / 8 (16 bytes,
// aligned); r[j] gets the elements (g, 2t) and (g, 2t + 1) of matrix j. Transposed: (2t, g) and (2t + 1, g).
R1_DEVICE void load_matrix_x4(u32 (&r)[4], const void* shared_row R1_AND_PLACE) {
  simt::load_matrix(r, 4, false, shared_row, place);
}
// Lanes 0..15 give addresses.
R1_DEVICE void load_matrix_x2(u32 (&r)[2], const void* shared_row R1_AND_PLACE) {
  simt::load_matrix(r, 2, false, shared_row, place);
}
R1_DEVICE void load_matrix_x4_transposed(u32 (&r)[4], const void* shared_row R1_AND_PLACE) {
  simt::load_matrix(r, 4, true, shared_row, place);
}
R1_DEVICE void load_matrix_x2_transposed(u32 (&r)[2], const void* shared_row R1_AND_PLACE) {
  simt::load_matrix(r, 2, true, shared_row, place);
}

// d += a * b, bf16 products, float sums.
R1_DEVICE void mma_m16n8k16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1 R1_AND_PLACE) {
  simt::mma_bf16(d, a, b0, b1, place);
}
#if R1_SM >= 89
R1_DEVICE void mma_m16n8k32_e4m3(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1 R1_AND_PLACE) {
  simt::mma_e4m3(d, a, b0, b1, place);
}
#endif

#else

R1_DEVICE void load_matrix_x4(u32 (&r)[4], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(shared_row))
               : "memory");
}
R1_DEVICE void load_matrix_x2(u32 (&r)[2], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(shared_row))
               : "memory");
}
R1_DEVICE void load_matrix_x4_transposed(u32 (&r)[4], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(shared_address(shared_row))
               : "memory");
}
R1_DEVICE void load_matrix_x2_transposed(u32 (&r)[2], const void* shared_row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
               : "=r"(r[0]), "=r"(r[1])
               : "r"(shared_address(shared_row))
               : "memory");
}

R1_DEVICE void mma_m16n8k16(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#if R1_SM >= 89
R1_DEVICE void mma_m16n8k32_e4m3(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 "
               "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
#endif

#endif

} // namespace r1::cuda
