// Overlap of a launch with the one before it in the stream (sm_90 and up, where the launch asks for it): a
// kernel may start while its predecessor still runs, and must wait before it touches what that one writes.
// Nothing elsewhere.
#pragma once
#include "kernels/primitives/cuda/base.h"

namespace r1::cuda {

#if defined(R1_SIMT) || R1_SM < 90
R1_DEVICE void wait_for_previous_launch() {}
R1_DEVICE void allow_next_launch() {}
#else
R1_DEVICE void wait_for_previous_launch() { asm volatile("griddepcontrol.wait;" ::: "memory"); }
R1_DEVICE void allow_next_launch() { asm volatile("griddepcontrol.launch_dependents;" ::: "memory"); }
#endif

} // namespace r1::cuda
