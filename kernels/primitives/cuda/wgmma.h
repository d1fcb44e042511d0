// Products by a warp group (4 warps, threads 128 g .. 128 g + 127) straight from shared memory, beside the
// threads: wgmma, on sm_90a alone.
//
// D 64 x N floats, thread t of the group: d[4 j + 2 h + i] = row t / 32 * 16 + t % 32 / 4 + 8 h, column
// 8 j + t % 4 * 2 + i. A is [64][k], B is [N][k], both in shared memory behind descriptors. A chain:
//   wgmma_fence_registers(d); wgmma_fence(); products...; wgmma_commit(); wgmma_wait<0>(); wgmma_fence_registers(d);
// Between the products and the wait nobody touches d or the shared memory; the registers' fence keeps the
// compiler from doing so.
#pragma once
#include "kernels/primitives/cuda/base.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

// Rows of 128 bytes (64 bf16 or 128 e4m3) with swizzle 128B, as TMA writes a box whose row is 128 bytes;
// 8 rows are 1024 bytes, and so aligned. A further step along k adds its bytes to the start.
R1_DEVICE u64 wgmma_descriptor_128b(const void* shared) {
#ifdef R1_SIMT
  const u32 address = simt::shared_address(shared);
#else
  const u32 address = shared_address(shared);
#endif
  return u64((address & 0x3ffff) >> 4) | u64(1) << 16 | u64(1024 >> 4) << 32 | u64(1) << 62;
}
// B as [k][N], values of attention as the cache stores them: rows of 128 bytes hold 64 columns at one k, 8 k are
// 1024 bytes, and the next 64 columns begin `bytes` further on. A further step along k adds 2048 to the start.
R1_DEVICE u64 wgmma_descriptor_128b_columns(const void* shared, int bytes) {
  return (wgmma_descriptor_128b(shared) & ~(u64(0x3fff) << 16)) | u64(bytes >> 4) << 16;
}
R1_DEVICE u64 wgmma_advance(u64 descriptor, int bytes) { return descriptor + u64(bytes >> 4); }

#ifdef R1_SIMT

R1_DEVICE void wgmma_fence(R1_PLACE) { simt::wgmma_fence(place); }
R1_DEVICE void wgmma_commit(R1_PLACE) { simt::wgmma_commit(place); }
template <int N> R1_DEVICE void wgmma_wait(R1_PLACE) { simt::wgmma_wait(N, place); }
template <int K> R1_DEVICE void wgmma_fence_registers(float (&)[K]) {}

// d = a * b, + d where accumulate.
template <int N>
R1_DEVICE void wgmma_m64nNk16_bf16(float (&d)[N / 2], u64 a, u64 b, bool accumulate R1_AND_PLACE) {
  simt::wgmma(d, a, b, accumulate, N, false, false, place);
}
// The same with B's descriptor made by wgmma_descriptor_128b_columns.
template <int N>
R1_DEVICE void wgmma_m64nNk16_bf16_columns(float (&d)[N / 2], u64 a, u64 b, bool accumulate R1_AND_PLACE) {
  simt::wgmma(d, a, b, accumulate, N, false, true, place);
}
template <int N>
R1_DEVICE void wgmma_m64nNk32_e4m3(float (&d)[N / 2], u64 a, u64 b, bool accumulate R1_AND_PLACE) {
  simt::wgmma(d, a, b, accumulate, N, true, false, place);
}
template <int N> R1_DEVICE void set_registers_inc() { static_assert(N % 8 == 0 && N >= 24 && N <= 256); }
template <int N> R1_DEVICE void set_registers_dec() { static_assert(N % 8 == 0 && N >= 24 && N <= 256); }

#else

R1_DEVICE void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
R1_DEVICE void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int N> R1_DEVICE void wgmma_wait() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}
template <int K> R1_DEVICE void wgmma_fence_registers(float (&d)[K]) {
  R1_UNROLL for (int i = 0; i < K; ++i) asm volatile("" : "+f"(d[i])::"memory");
}
// The registers a thread may use from here on: all warps of the group together; the sum over groups must fit.
template <int N> R1_DEVICE void set_registers_inc() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}
template <int N> R1_DEVICE void set_registers_dec() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

// Names of the registers of d in the instruction, and what they stand for.
#define R1_REGISTERS_4 "%0, %1, %2, %3"
#define R1_REGISTERS_8 R1_REGISTERS_4 ", %4, %5, %6, %7"
#define R1_REGISTERS_16 R1_REGISTERS_8 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define R1_REGISTERS_32                                                                                      \
  R1_REGISTERS_16 ", %16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define R1_REGISTERS_48                                                                                      \
  R1_REGISTERS_32 ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define R1_REGISTERS_64                                                                                      \
  R1_REGISTERS_48 ", %48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define R1_REGISTERS_80                                                                                      \
  R1_REGISTERS_64 ", %64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define R1_REGISTERS_96                                                                                      \
  R1_REGISTERS_80 ", %80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define R1_REGISTERS_112                                                                                     \
  R1_REGISTERS_96                                                                                            \
  ", %96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111"
#define R1_REGISTERS_128                                                                                     \
  R1_REGISTERS_112                                                                                           \
  ", %112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"

#define R1_D_4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define R1_D_8(i) R1_D_4(i), R1_D_4(i + 4)
#define R1_D_16(i) R1_D_8(i), R1_D_8(i + 8)
#define R1_D_32(i) R1_D_16(i), R1_D_16(i + 16)
#define R1_D_48(i) R1_D_32(i), R1_D_16(i + 32)
#define R1_D_64(i) R1_D_32(i), R1_D_32(i + 32)
#define R1_D_96(i) R1_D_64(i), R1_D_32(i + 64)
#define R1_D_128(i) R1_D_64(i), R1_D_64(i + 64)

// One instruction. n: columns; registers: n / 2; a, b, scale: the numbers of the operands that follow d.
#define R1_WGMMA(n, registers, shape, types, rest, a, b, scale)                                              \
  asm volatile("{\n.reg .pred accumulate;\nsetp.ne.b32 accumulate, %" #scale ", 0;\n"                        \
               "wgmma.mma_async.sync.aligned.m64n" #n shape ".f32." types " {" R1_REGISTERS_##registers      \
               "}, %" #a ", %" #b ", accumulate, 1, 1" rest ";\n}"                                           \
               : R1_D_##registers(0)                                                                         \
               : "l"(descriptor_a), "l"(descriptor_b), "r"(int(add)))

#define R1_WGMMA_SHAPES(shape, types, rest)                                                                  \
  if constexpr (N == 8)                                                                                      \
    R1_WGMMA(8, 4, shape, types, rest, 4, 5, 6);                                                             \
  else if constexpr (N == 16)                                                                                \
    R1_WGMMA(16, 8, shape, types, rest, 8, 9, 10);                                                           \
  else if constexpr (N == 32)                                                                                \
    R1_WGMMA(32, 16, shape, types, rest, 16, 17, 18);                                                        \
  else if constexpr (N == 64)                                                                                \
    R1_WGMMA(64, 32, shape, types, rest, 32, 33, 34);                                                        \
  else if constexpr (N == 96)                                                                                \
    R1_WGMMA(96, 48, shape, types, rest, 48, 49, 50);                                                        \
  else if constexpr (N == 128)                                                                               \
    R1_WGMMA(128, 64, shape, types, rest, 64, 65, 66);                                                       \
  else if constexpr (N == 192)                                                                               \
    R1_WGMMA(192, 96, shape, types, rest, 96, 97, 98);                                                       \
  else                                                                                                       \
    R1_WGMMA(256, 128, shape, types, rest, 128, 129, 130)

template <int N>
inline constexpr bool kWgmmaColumns =
    N == 8 || N == 16 || N == 32 || N == 64 || N == 96 || N == 128 || N == 192 || N == 256;

template <int N>
R1_DEVICE void wgmma_m64nNk16_bf16(float (&d)[N / 2], u64 descriptor_a, u64 descriptor_b, bool add) {
  static_assert(kWgmmaColumns<N>);
  R1_WGMMA_SHAPES("k16", "bf16.bf16", ", 0, 0");
}
template <int N>
R1_DEVICE void wgmma_m64nNk16_bf16_columns(float (&d)[N / 2], u64 descriptor_a, u64 descriptor_b, bool add) {
  static_assert(kWgmmaColumns<N>);
  R1_WGMMA_SHAPES("k16", "bf16.bf16", ", 0, 1");
}
template <int N>
R1_DEVICE void wgmma_m64nNk32_e4m3(float (&d)[N / 2], u64 descriptor_a, u64 descriptor_b, bool add) {
  static_assert(kWgmmaColumns<N>);
  R1_WGMMA_SHAPES("k32", "e4m3.e4m3", "");
}

#endif

} // namespace r1::cuda

#endif
