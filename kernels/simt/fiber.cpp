#include "kernels/simt/fiber.h"

#include <cstdint>
#include <cstring>

#include <sys/mman.h>

#ifndef __x86_64__
#error "the emulator switches fibers in x86-64 assembly; add the switch of this processor"
#endif

// Saves what a function must preserve. The lanes of a warp mostly stand still at the same place, so that this
// return, and those of the callers, go where the processor predicts.
asm(R"(
.text
.globl r1_simt_switch
.hidden r1_simt_switch
.type r1_simt_switch,@function
r1_simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size r1_simt_switch,.-r1_simt_switch
)");

namespace r1::simt {
namespace {

constexpr size_t kGuardBytes = 4096;
constexpr size_t kStaggerBytes = 8192; // of a stack, given up to staggering

} // namespace

#ifdef R1_SIMT_ASAN
thread_local Context* left_context = nullptr;
#endif

unsigned char* make_stack() {
  void* memory = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return nullptr;
  mprotect(memory, kGuardBytes, PROT_NONE);
  return static_cast<unsigned char*>(memory) + kGuardBytes;
}

void free_stack(unsigned char* stack) { munmap(stack - kGuardBytes, kGuardBytes + kStackBytes); }

void prepare(Context& context, unsigned char* stack, int index, void (*entry)()) {
  sanitizer::unpoison(stack, kStackBytes); // what ran here before may never have returned
  unsigned char* top = stack + kStackBytes - size_t(index) * 832 % kStaggerBytes;
  auto* words = reinterpret_cast<uint64_t*>(top - reinterpret_cast<uintptr_t>(top) % 16) - 8;
  std::memset(words, 0, 8 * sizeof *words); // preserved registers; the entry; no caller above it
  words[6] = reinterpret_cast<uint64_t>(entry);
  context.stack_pointer = words;
  context.stack_bottom = stack;
  context.stack_size = kStackBytes;
  context.fake_stack = nullptr;
}

} // namespace r1::simt
