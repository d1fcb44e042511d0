// Copies of boxes of a tensor between global and shared memory by the copy engine (sm_90 and up), which a single
// thread issues. A tensor map, made by the driver, holds the tensor's address, sizes and strides, the box and
// the swizzle; coordinates are elements, the innermost first. What lies outside the tensor reads as 0 and is
// not written; a load always counts for the whole box at its barrier. Shared addresses are multiples of 128.
//
// Swizzle 128B exchanges 16-byte pieces within 1024 bytes: address bits 4..6 are combined with bits 7..9 by
// exclusive or. A box's row is then at most 128 bytes.
#pragma once
#include "kernels/primitives/cuda/barrier.h"

#if R1_SM >= 90

namespace r1::cuda {

struct alignas(64) TensorMap {
  u64 opaque[16];
};
// Parameter 1 of a kernel with tensor maps.
template <int kMaps> struct TensorMaps {
  TensorMap map[kMaps];
};

#ifdef R1_SIMT

R1_DEVICE void tma_prefetch(const TensorMap*) {}
R1_DEVICE void tma_load_2d(void* shared, const TensorMap* map, Barrier* b, int c0, int c1 R1_AND_PLACE) {
  const int at[] = {c0, c1};
  simt::tma_load(shared, map, b, at, 2, place);
}
R1_DEVICE void tma_load_3d(void* shared, const TensorMap* map, Barrier* b, int c0, int c1,
                           int c2 R1_AND_PLACE) {
  const int at[] = {c0, c1, c2};
  simt::tma_load(shared, map, b, at, 3, place);
}
R1_DEVICE void tma_store_2d(const TensorMap* map, const void* shared, int c0, int c1 R1_AND_PLACE) {
  const int at[] = {c0, c1};
  simt::tma_store(map, shared, at, 2, place);
}
R1_DEVICE void tma_store_commit() { simt::tma_store_commit(); }
template <int N> R1_DEVICE void tma_store_wait() { simt::tma_store_wait(N); }

#else

R1_DEVICE void tma_prefetch(const TensorMap* map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}
R1_DEVICE void tma_load_2d(void* shared, const TensorMap* map, Barrier* b, int c0, int c1) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cta.global.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%3, %4}], [%2];" ::"r"(shared_address(shared)),
               "l"(map), "r"(shared_address(b)), "r"(c0), "r"(c1)
               : "memory");
}
R1_DEVICE void tma_load_3d(void* shared, const TensorMap* map, Barrier* b, int c0, int c1, int c2) {
  asm volatile("cp.async.bulk.tensor.3d.shared::cta.global.mbarrier::complete_tx::bytes "
               "[%0], [%1, {%3, %4, %5}], [%2];" ::"r"(shared_address(shared)),
               "l"(map), "r"(shared_address(b)), "r"(c0), "r"(c1), "r"(c2)
               : "memory");
}
// fence_async_proxy and a barrier stand between the writes of `shared` and this.
R1_DEVICE void tma_store_2d(const TensorMap* map, const void* shared, int c0, int c1) {
  asm volatile("cp.async.bulk.tensor.2d.global.shared::cta.bulk_group [%0, {%2, %3}], [%1];" ::"l"(map),
               "r"(shared_address(shared)), "r"(c0), "r"(c1)
               : "memory");
}
R1_DEVICE void tma_store_commit() { asm volatile("cp.async.bulk.commit_group;" ::: "memory"); }
// Until the stores of all but the thread's N latest groups have read their shared memory.
template <int N> R1_DEVICE void tma_store_wait() {
  asm volatile("cp.async.bulk.wait_group.read %0;" ::"n"(N) : "memory");
}

#endif

} // namespace r1::cuda

// As R1_CUDA_KERNEL, for a Skeleton with kMaps and tile(arguments, maps, tile, shared).
#ifdef R1_SIMT
#define R1_CUDA_KERNEL_MAPS(name, ...)                                                                       \
  R1_CHECK_KERNEL(__VA_ARGS__)                                                                               \
  extern "C" {                                                                                               \
  R1_SIMT_EXPORT void name(void** params) {                                                                  \
    __VA_ARGS__::tile(*static_cast<const ::r1::cuda::Arguments*>(params[0]),                                 \
                      static_cast<const ::r1::cuda::TensorMap*>(params[1]), ::r1::cuda::block_index(),       \
                      ::r1::simt::current->block->shared);                                                   \
  }                                                                                                          \
  static_assert(__VA_ARGS__::kMinBlocks >= 1);                                                               \
  R1_SIMT_EXPORT extern const ::r1::simt::KernelInfo name##_info;                                            \
  const ::r1::simt::KernelInfo name##_info = {                                                               \
      __VA_ARGS__::kThreads,                                                                                 \
      __VA_ARGS__::kSharedBytes,                                                                             \
      2,                                                                                                     \
      {sizeof(::r1::cuda::Arguments), sizeof(::r1::cuda::TensorMaps<__VA_ARGS__::kMaps>)}};                  \
  }
#else
#define R1_CUDA_KERNEL_MAPS(name, ...)                                                                       \
  R1_CUDA_INFO(name, 2, __VA_ARGS__)                                                                         \
  R1_CHECK_KERNEL(__VA_ARGS__)                                                                               \
  extern "C" __global__ void __launch_bounds__(__VA_ARGS__::kThreads, __VA_ARGS__::kMinBlocks)               \
      name(const __grid_constant__ ::r1::cuda::Arguments arguments,                                          \
           const __grid_constant__ ::r1::cuda::TensorMaps<__VA_ARGS__::kMaps> maps) {                        \
    extern __shared__ __align__(1024)::r1::cuda::u8 r1_shared[];                                             \
    ::r1::cuda::allow_next_launch();                                                                         \
    ::r1::cuda::wait_for_previous_launch();                                                                  \
    __VA_ARGS__::tile(arguments, maps.map, ::r1::cuda::block_index(), r1_shared);                            \
  }
#endif

#endif
