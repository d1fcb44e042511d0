// A ring of slots in shared memory between producers and the two consumer warp groups, on sm_90 and up.
//
// A slot has two barriers. A phase of "full" ends when all that fill a slot have arrived and the bytes that they
// announced have come; of "empty", when every consumer warp is done with it. Step after step goes to the next slot.
#pragma once
#include "kernels/common/cuda_hopper_groups.h"

#if R1_SM >= 90

namespace r1::cuda {

template <int kSlots, int kSlotBytes> struct SlotRing {
  static constexpr int kBarriers = 2 * kSlots;
  u8* slots;
  Barrier *full, *empty;

  R1_DEVICE SlotRing(u8* memory, Barrier* barriers)
      : slots(memory), full(barriers), empty(barriers + kSlots) {}

  // By one thread. `arrivals`: of those that fill a slot.
  R1_DEVICE void init(int arrivals) const {
    for (int i = 0; i < kSlots; ++i) {
      barrier_init(full + i, arrivals);
      barrier_init(empty + i, kConsumers / 32);
    }
  }
  R1_DEVICE void invalidate() const {
    for (int i = 0; i < kBarriers; ++i)
      barrier_invalidate(full + i);
  }

  R1_DEVICE u8* slot(int step) const { return slots + step % kSlots * kSlotBytes; }
  R1_DEVICE Barrier* full_of(int step) const { return full + step % kSlots; }
  R1_DEVICE static int parity(int step) { return step / kSlots % 2; }
  R1_DEVICE void wait_full(int step) const { barrier_wait(full_of(step), parity(step)); }
  R1_DEVICE void wait_empty(int step) const { barrier_wait(empty + step % kSlots, parity(step) ^ 1); }
  // By a consumer's warp.
  R1_DEVICE void release(int step) const {
    if (lane_index() == 0)
      barrier_arrive(empty + step % kSlots);
  }
};

} // namespace r1::cuda

#endif
