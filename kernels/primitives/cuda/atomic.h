// Integers in shared memory that several threads of a block change. Sums of integers do not depend on the order; a barrier stands
// between them and whoever reads or clears the memory. 32 bits are one instruction, 64 bits a loop on most chips.
#pragma once
#include "kernels/primitives/cuda/base.h"

namespace r1::cuda {

#ifdef R1_SIMT
template <class T> R1_DEVICE void atomic_add_shared(T* p, T v) { __atomic_fetch_add(p, v, __ATOMIC_RELAXED); }
#else
R1_DEVICE void atomic_add_shared(u32* p, u32 v) {
  asm volatile("red.shared.add.u32 [%0], %1;" ::"r"(shared_address(p)), "r"(v) : "memory");
}
R1_DEVICE void atomic_add_shared(u64* p, u64 v) {
  asm volatile("red.shared.add.u64 [%0], %1;" ::"r"(shared_address(p)), "l"(v) : "memory");
}
#endif

} // namespace r1::cuda
