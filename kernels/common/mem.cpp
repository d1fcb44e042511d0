// The memory functions a code generator may call even from freestanding code. They ride along in the bitcode,
// hidden, so that an image has no undefined symbol. String instructions, so that no optimiser can turn a body
// into a call to itself.
#include <stddef.h>

#define R1_MEM extern "C" __attribute__((visibility("hidden"), used))

R1_MEM void* memset(void* to, int value, size_t bytes) {
  void* at = to;
  asm volatile("rep stosb" : "+D"(at), "+c"(bytes) : "a"(value) : "memory");
  return to;
}

R1_MEM void* memcpy(void* __restrict to, const void* __restrict from, size_t bytes) {
  void* at = to;
  asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(bytes) : : "memory");
  return to;
}

R1_MEM void* memmove(void* to, const void* from, size_t bytes) {
  if (reinterpret_cast<size_t>(to) - reinterpret_cast<size_t>(from) >= bytes)
    return memcpy(to, from, bytes);
  char* at = static_cast<char*>(to) + bytes - 1;
  const char* source = static_cast<const char*>(from) + bytes - 1;
  asm volatile("std\n\trep movsb\n\tcld" : "+D"(at), "+S"(source), "+c"(bytes) : : "memory");
  return to;
}
