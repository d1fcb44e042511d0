// Copies from global to shared memory that run beside the thread (sm_80 and up). A thread's copies are grouped
// by copy_async_commit; copy_async_wait<N> returns when at most its N latest groups are still under way. The
// copies of other threads become visible only through a barrier after their own wait.
#pragma once
#include "kernels/primitives/cuda/base.h"

namespace r1::cuda {

#ifdef R1_SIMT

// 16 bytes, of which the first `bytes` (0..16) are read and the rest is 0. Both addresses 16-byte aligned.
R1_DEVICE void copy_async16(void* shared, const void* global, int bytes R1_AND_PLACE) {
  simt::copy_async(shared, global, bytes, 16, place);
}
// 4 bytes, likewise.
R1_DEVICE void copy_async4(void* shared, const void* global, int bytes R1_AND_PLACE) {
  simt::copy_async(shared, global, bytes, 4, place);
}
R1_DEVICE void copy_async_commit() { simt::copy_async_commit(); }
template <int N> R1_DEVICE void copy_async_wait() { simt::copy_async_wait(N); }

#else

R1_DEVICE void copy_async16(void* shared, const void* global, int bytes) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
               "l"(global), "r"(bytes)
               : "memory");
}
R1_DEVICE void copy_async4(void* shared, const void* global, int bytes) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)), "l"(global),
               "r"(bytes)
               : "memory");
}
R1_DEVICE void copy_async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
template <int N> R1_DEVICE void copy_async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

#endif

} // namespace r1::cuda
