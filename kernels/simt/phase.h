// Barriers with phases (mbarrier) of one block. The eight bytes in shared memory hold an image of the state, so
// that a kernel which writes over them is found out.
#pragma once
#include "kernels/simt/device.h"

namespace r1::simt {

struct PhaseBarrier {
  u8* word;     // in shared memory
  int expected; // arrivals a phase
  int pending;  // arrivals still to come
  int bytes;    // announced and not yet copied; negative while copies are ahead of the announcement
  int phase;    // parity
  u64 image() const { return u64(u32(bytes)) << 32 | u64(phase) << 31 | u64(pending) << 15 | u64(expected); }
};

class Block;

// Counts `bytes` as copied.
void phase_complete(Block& block, u8* word, int bytes);

} // namespace r1::simt
