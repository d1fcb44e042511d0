// Stacks and switches: a context is a stack on which a kernel thread, or the OS thread that runs its block,
// stands still.
#pragma once
#include "kernels/simt/sanitizer.h"

#include <cstddef>

namespace r1::simt {

struct Context {
  void* stack_pointer = nullptr;      // where it stands still
  const void* stack_bottom = nullptr; // of a fiber; of the OS thread once it has been left
  size_t stack_size = 0;
  void* fake_stack = nullptr; // AddressSanitizer's
  void* race_fiber = nullptr; // ThreadSanitizer's
};

#ifdef R1_SIMT_ASAN
inline constexpr size_t kStackBytes = 512 << 10; // red zones make frames large
#else
inline constexpr size_t kStackBytes = 128 << 10;
#endif

// Committed as it is touched, with an inaccessible page below. nullptr if there is no memory.
unsigned char* make_stack();
void free_stack(unsigned char* stack);

// Makes `context` start with `entry`, which must not return, on `stack`. `index` staggers the tops of stacks,
// which would otherwise all fall on the same cache lines.
void prepare(Context& context, unsigned char* stack, int index, void (*entry)());

// Leaves `from` for `to`. `last`: from is never returned to.
void switch_context(Context& from, Context& to, bool last);

// The first thing a fiber does.
void entered_fiber();

} // namespace r1::simt
