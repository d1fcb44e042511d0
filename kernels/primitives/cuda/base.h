// What every CUDA skeleton starts from: types, who a thread is, barriers, arguments, and the macro that makes a
// kernel of a skeleton.
//
// Each primitive has two bodies behind one inline function: inline PTX or a builtin of NVRTC on the device,
// and, with R1_SIMT defined, a call of the emulator (kernels/simt). Only files of this folder know either.
// R1_SM is the chip (80, 86, 87, 89, 90, 100, 103, 110, 120, 121) on both sides, R1_SM_A is 1 where the
// target has the "a" suffix, whose instructions exist on that chip alone.
#pragma once

#ifndef R1_SM
#define R1_SM 80
#endif
#ifndef R1_SM_A
#define R1_SM_A 0
#endif

#if defined(R1_SIMT)
#include "kernels/simt/device.h"
#define R1_DEVICE inline __attribute__((always_inline))
#define R1_UNROLL
#define R1_ROLLED
// The place in the kernel's source that a report names: a last parameter that callers leave out.
#define R1_PLACE ::r1::simt::Place place = ::r1::simt::Place::here()
#define R1_AND_PLACE , R1_PLACE
#define R1_PASS_PLACE , place
#elif defined(__CUDACC_RTC__)
#define R1_DEVICE __device__ __forceinline__
#define R1_UNROLL _Pragma("unroll")
#define R1_ROLLED                                                                                            \
  _Pragma("unroll 1") // where copies of a body would cost more instruction cache than they save
#define R1_PLACE
#define R1_AND_PLACE
#define R1_PASS_PLACE
#else
#error "CUDA skeletons are compiled by NVRTC, or for the host with -DR1_SIMT"
#endif

namespace r1::cuda {

using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

struct bf16 {
  u16 bits;
};
struct e4m3 {
  u8 bits;
};
struct alignas(16) u32x4 {
  u32 x, y, z, w;
};

inline constexpr int kWarpSize = 32;

// Parameter 0 of every kernel. `dims` (device memory) holds the rows of the launch (tokens, or rows of logits), rows of logits,
// context; `buffers` are in
// the order of kernels/registry/params.h.
struct Arguments {
  const int* dims;
  void* buffers[24];

  template <class T> R1_DEVICE const T* in(int i) const { return out<T>(i); }
  template <class T> R1_DEVICE T* out(int i) const {
    void* p = buffers[i];
#ifndef R1_SIMT
    __builtin_assume(__isGlobal(p)); // else every access would be a slower generic one
#endif
    return static_cast<T*>(p);
  }
};

#ifdef R1_SIMT

R1_DEVICE int thread_index() { return simt::current->thread; }
R1_DEVICE int thread_count() { return simt::current->block->threads; }
R1_DEVICE int block_index() { return simt::current->block->index; }
R1_DEVICE int grid_size() { return simt::current->block->grid; }
// All threads of the block.
R1_DEVICE void sync_block(R1_PLACE) { simt::sync_block(place); }
R1_DEVICE void sync_warp(R1_PLACE) { simt::sync_warp(place); }
// Barrier `id` (1..15) between `count` threads, whole warps.
R1_DEVICE void sync_threads(int id, int count R1_AND_PLACE) { simt::sync_threads(id, count, place); }

#else

R1_DEVICE int thread_index() { return int(threadIdx.x); }
R1_DEVICE int thread_count() { return int(blockDim.x); }
R1_DEVICE int block_index() { return int(blockIdx.x); }
R1_DEVICE int grid_size() { return int(gridDim.x); }
R1_DEVICE void sync_block() { __syncthreads(); }
R1_DEVICE void sync_warp() { __syncwarp(); }
R1_DEVICE void sync_threads(int id, int count) {
  asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(count) : "memory");
}
// The address that instructions on shared memory take.
R1_DEVICE u32 shared_address(const void* p) { return u32(__cvta_generic_to_shared(p)); }

#endif

R1_DEVICE int warp_index() { return thread_index() / kWarpSize; }
R1_DEVICE int lane_index() { return thread_index() % kWarpSize; }

} // namespace r1::cuda

#define R1_CHECK_KERNEL(...)                                                                                 \
  static_assert(__VA_ARGS__::kThreads % 32 == 0 && __VA_ARGS__::kThreads <= 1024);                           \
  static_assert(__VA_ARGS__::kSharedBytes <= 227 * 1024 && __VA_ARGS__::kMinBlocks > 0);

// R1_CUDA_KERNEL(name, Skeleton): one tile a block. Skeleton gives kThreads, kSharedBytes, kMinBlocks and
// tile(arguments, tile, shared). At global scope, without a semicolon. R1_CUDA_KERNEL_MAPS is in tma.h.
#ifdef R1_SIMT
#define R1_CUDA_KERNEL(name, ...)                                                                            \
  R1_CHECK_KERNEL(__VA_ARGS__)                                                                               \
  extern "C" {                                                                                               \
  R1_SIMT_EXPORT void name(void** params) {                                                                  \
    __VA_ARGS__::tile(*static_cast<const ::r1::cuda::Arguments*>(params[0]), ::r1::cuda::block_index(),      \
                      ::r1::simt::current->block->shared);                                                   \
  }                                                                                                          \
  static_assert(__VA_ARGS__::kMinBlocks >= 1);                                                               \
  R1_SIMT_EXPORT extern const ::r1::simt::KernelInfo name##_info;                                            \
  const ::r1::simt::KernelInfo name##_info = {                                                               \
      __VA_ARGS__::kThreads, __VA_ARGS__::kSharedBytes, 1, {sizeof(::r1::cuda::Arguments), 0}};              \
  }
#else
// What a cubin does not say of itself, for the compiler to read from it: the first three words of simt::KernelInfo.
#define R1_CUDA_INFO(name, params, ...)                                                                      \
  extern "C" __device__ const unsigned name##_info[3] = {__VA_ARGS__::kThreads, __VA_ARGS__::kSharedBytes,   \
                                                         params};
#define R1_CUDA_KERNEL(name, ...)                                                                            \
  R1_CUDA_INFO(name, 1, __VA_ARGS__)                                                                         \
  R1_CHECK_KERNEL(__VA_ARGS__)                                                                               \
  extern "C" __global__ void __launch_bounds__(__VA_ARGS__::kThreads, __VA_ARGS__::kMinBlocks)               \
      name(const __grid_constant__ ::r1::cuda::Arguments arguments) {                                        \
    extern __shared__ __align__(1024)::r1::cuda::u8 r1_shared[];                                             \
    ::r1::cuda::allow_next_launch();                                                                         \
    ::r1::cuda::wait_for_previous_launch();                                                                  \
    __VA_ARGS__::tile(arguments, ::r1::cuda::block_index(), r1_shared);                                      \
  }
#endif

#include "kernels/primitives/cuda/launch.h" // which kernels begin with
