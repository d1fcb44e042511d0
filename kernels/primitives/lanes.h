// Sixteen lanes as a compiler vector, for code that computes with operators and comparisons (softmax,
// sigmoid, rotations, the router's integer orders) where vec.h's named operations would hide the formula.
// Accesses and bf16 are vec.h's.
//
// A comparison gives -1 or 0 in each lane and chooses with `?:`.
#pragma once
#include "kernels/primitives/vec.h"

#include <cstdint>

namespace r1::kernels::R1_ISA {

using f32x16 = float __attribute__((vector_size(64)));
using i32x16 = int32_t __attribute__((vector_size(64)));
using f64x8 = double __attribute__((vector_size(64)));
using i64x8 = int64_t __attribute__((vector_size(64)));

R1_INLINE f32x16 unpack(F32x16 a) { return __builtin_bit_cast(f32x16, a); }
R1_INLINE F32x16 pack(f32x16 a) { return __builtin_bit_cast(F32x16, a); }

R1_INLINE i32x16 bits_of(f32x16 a) { return __builtin_bit_cast(i32x16, a); }
R1_INLINE i64x8 bits_of(f64x8 a) { return __builtin_bit_cast(i64x8, a); }
R1_INLINE f32x16 floats_of(i32x16 a) { return __builtin_bit_cast(f32x16, a); }
R1_INLINE f64x8 floats_of(i64x8 a) { return __builtin_bit_cast(f64x8, a); }

R1_INLINE f32x16 all(float x) { return x - f32x16{}; }
R1_INLINE i32x16 all(int32_t x) { return x - i32x16{}; }
R1_INLINE i32x16 lane_index() { return i32x16{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}; }
// a in the first `count` lanes, b in the others.
R1_INLINE f32x16 first_lanes(f32x16 a, int64_t count, f32x16 b) {
  return lane_index() < all(int32_t(count)) ? a : b;
}

R1_INLINE f32x16 get(const float* p) { return unpack(load(p)); }
R1_INLINE f32x16 get(const float* p, int64_t count) { return unpack(load(p, count)); }
R1_INLINE f32x16 get_bf16(const uint16_t* p) { return unpack(load_bf16(p)); }
R1_INLINE f32x16 get_bf16(const uint16_t* p, int64_t count) { return unpack(load_bf16(p, count)); }
R1_INLINE void put(float* p, f32x16 a) { store(p, pack(a)); }
R1_INLINE void put(float* p, f32x16 a, int64_t count) { store(p, pack(a), count); }
R1_INLINE void put_bf16(uint16_t* p, f32x16 a) { store_bf16(p, pack(a)); }
R1_INLINE void put_bf16(uint16_t* p, f32x16 a, int64_t count) { store_bf16(p, pack(a), count); }
R1_INLINE i32x16 get(const int32_t* p) {
  i32x16 a;
  __builtin_memcpy(&a, p, sizeof a);
  return a;
}
R1_INLINE void put(int32_t* p, i32x16 a) { __builtin_memcpy(p, &a, sizeof a); }

R1_INLINE float reduce_add(f32x16 a) { return reduce_add(pack(a)); }
R1_INLINE float reduce_max(f32x16 a) { return reduce_max(pack(a)); }

// Lane i: bf16(even[i]) in the low half, bf16(odd[i]) in the high half.
R1_INLINE i32x16 bf16_pair(f32x16 even, f32x16 odd) {
  using u16x16 = uint16_t __attribute__((vector_size(32)));
  const u16x16 low = __builtin_bit_cast(u16x16, to_bf16(pack(even)));
  const u16x16 high = __builtin_bit_cast(u16x16, to_bf16(pack(odd)));
  return __builtin_convertvector(low, i32x16) | (__builtin_convertvector(high, i32x16) << 16);
}

// rows[i][j] <-> rows[j][i]. Four rounds; round d exchanges bit d of the row number with bit d of the lane
// number.
R1_INLINE void transpose16(i32x16 (&rows)[16]) {
  R1_UNROLL for (int i = 0; i < 16; i += 2) {
    const i32x16 a = rows[i], b = rows[i + 1];
    rows[i] = __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30);
    rows[i + 1] = __builtin_shufflevector(a, b, 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31);
  }
  R1_UNROLL for (int k = 0; k < 8; ++k) {
    const int i = k / 2 * 4 + k % 2;
    const i32x16 a = rows[i], b = rows[i + 2];
    rows[i] = __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29);
    rows[i + 2] = __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);
  }
  R1_UNROLL for (int k = 0; k < 8; ++k) {
    const int i = k / 4 * 8 + k % 4;
    const i32x16 a = rows[i], b = rows[i + 4];
    rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27);
    rows[i + 4] = __builtin_shufflevector(a, b, 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31);
  }
  R1_UNROLL for (int i = 0; i < 8; ++i) {
    const i32x16 a = rows[i], b = rows[i + 8];
    rows[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    rows[i + 8] = __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31);
  }
}

} // namespace r1::kernels::R1_ISA
