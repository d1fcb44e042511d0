// Stacks and switches: a context is a stack on which a kernel thread, or the OS thread that runs its block,
// stands still.
#pragma once
#include "kernels/simt/sanitizer.h"

#include <cstddef>

// In assembly: saves the registers that a function must preserve, and the stack pointer.
extern "C" void r1_simt_switch(void** save, void* to);

namespace r1::simt {

struct Context {
  void* stack_pointer = nullptr;      // where it stands still
  const void* stack_bottom = nullptr; // of a fiber; of the OS thread once it has been left
  size_t stack_size = 0;
  void* fake_stack = nullptr; // AddressSanitizer's
  void* race_fiber = nullptr; // ThreadSanitizer's
};

#if defined(R1_SIMT_ASAN)
inline constexpr size_t kStackBytes = 512 << 10; // red zones make frames large
#elif defined(R1_SIMT_TSAN)
inline constexpr size_t kStackBytes = 64 << 10; // made anew for every block
#else
inline constexpr size_t kStackBytes = 128 << 10;
#endif

// Committed as it is touched, with an inaccessible page below. nullptr if there is no memory.
unsigned char* make_stack();
void free_stack(unsigned char* stack);

// Makes `context` start with `entry`, which must not return, on `stack`. `index` staggers the tops of stacks,
// which would otherwise all fall on the same cache lines.
void prepare(Context& context, unsigned char* stack, int index, void (*entry)());

#ifdef R1_SIMT_ASAN
extern thread_local Context* left_context; // by the switch under way
#endif

// The first thing a fiber does, and whoever is returned to.
inline void entered_context([[maybe_unused]] void* fake_stack) {
#ifdef R1_SIMT_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, &left_context->stack_bottom, &left_context->stack_size);
#endif
}

// Leaves `from` for `to`. `last`: from is never returned to.
inline void switch_context(Context& from, Context& to, [[maybe_unused]] bool last) {
#ifdef R1_SIMT_ASAN
  left_context = &from;
  __sanitizer_start_switch_fiber(last ? nullptr : &from.fake_stack, to.stack_bottom, to.stack_size);
#endif
  sanitizer::switch_to(to.race_fiber);
  r1_simt_switch(&from.stack_pointer, to.stack_pointer);
  entered_context(from.fake_stack);
}

} // namespace r1::simt
