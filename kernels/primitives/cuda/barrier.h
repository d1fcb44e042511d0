// Barriers in shared memory with phases (mbarrier, sm_90 and up): a phase ends when `count` arrivals have come
// and as many bytes as were announced have been copied. Parity 0, 1, 0, ... names the phases; waiting for the
// parity of a phase that is not the current one returns at once, so waiters for an "empty" buffer start with 1.
//
// One thread initialises, calls barrier_fence_init, and the block meets before anyone else uses the barrier.
// barrier_invalidate frees the memory for anything else, also for another barrier_init.
#pragma once
#include "kernels/primitives/cuda/base.h"

#if R1_SM >= 90

namespace r1::cuda {

struct Barrier {
  u64 state;
};

#ifdef R1_SIMT

R1_DEVICE void barrier_init(Barrier* b, int count R1_AND_PLACE) { simt::phase_init(b, count, place); }
R1_DEVICE void barrier_invalidate(Barrier* b R1_AND_PLACE) { simt::phase_invalidate(b, place); }
R1_DEVICE void barrier_fence_init() {}
R1_DEVICE void barrier_arrive(Barrier* b R1_AND_PLACE) { simt::phase_arrive(b, 0, place); }
R1_DEVICE void barrier_expect(Barrier* b, int bytes R1_AND_PLACE) { simt::phase_arrive(b, bytes, place); }
R1_DEVICE void barrier_wait(Barrier* b, int parity R1_AND_PLACE) { simt::phase_wait(b, parity, place); }
R1_DEVICE void fence_async_proxy() {}

#else

R1_DEVICE void barrier_init(Barrier* b, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(count) : "memory");
}
R1_DEVICE void barrier_invalidate(Barrier* b) {
  asm volatile("mbarrier.inval.shared::cta.b64 [%0];" ::"r"(shared_address(b)) : "memory");
}
// Makes the initialisation known to the copy engine.
R1_DEVICE void barrier_fence_init() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }
R1_DEVICE void barrier_arrive(Barrier* b) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(b)) : "memory");
}
// Announces `bytes` to come in this phase, and arrives.
R1_DEVICE void barrier_expect(Barrier* b, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(b)), "r"(bytes)
               : "memory");
}
R1_DEVICE void barrier_wait(Barrier* b, int parity) {
  asm volatile("{\n"
               ".reg .pred done;\n"
               "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
               "@!done bra again;\n"
               "}" ::"r"(shared_address(b)),
               "r"(parity)
               : "memory");
}
// Between a thread's own accesses of shared memory and those of the copy engine or wgmma to the same bytes.
R1_DEVICE void fence_async_proxy() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

#endif

} // namespace r1::cuda

#endif
