// Telling AddressSanitizer and ThreadSanitizer about fibers; nothing at all in other builds.
//
// AddressSanitizer instruments the emulator too and must know which stack is in use. ThreadSanitizer is a
// detector of races between kernel threads: kernels are instrumented, the emulator is not
// (R1_SIMT_TSAN says so), each kernel thread is a fiber of the sanitizer, and only what orders threads on a GPU
// orders them here (release and acquire on the object that they meet at).
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define R1_SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define R1_SIMT_ASAN 1
#endif
#endif

#ifdef R1_SIMT_ASAN
extern "C" {
void __sanitizer_start_switch_fiber(void** fake_stack, const void* bottom, size_t size);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** bottom_old, size_t* size_old);
void __asan_poison_memory_region(const volatile void*, size_t);
void __asan_unpoison_memory_region(const volatile void*, size_t);
}
#endif

#ifdef R1_SIMT_TSAN
extern "C" {
void* __tsan_get_current_fiber();
void* __tsan_create_fiber(unsigned flags);
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_set_fiber_name(void* fiber, const char* name);
void __tsan_acquire(void*);
void __tsan_release(void*);
void __tsan_read_range(void*, unsigned long size);
void __tsan_write_range(void*, unsigned long size);
void AnnotateIgnoreReadsBegin(const char*, int);
void AnnotateIgnoreReadsEnd(const char*, int);
void AnnotateIgnoreWritesBegin(const char*, int);
void AnnotateIgnoreWritesEnd(const char*, int);
}
#endif

namespace r1::simt::sanitizer {

#ifdef R1_SIMT_TSAN
inline constexpr bool kRaces = true;
inline void acquire(const void* object) { __tsan_acquire(const_cast<void*>(object)); }
inline void release(const void* object) { __tsan_release(const_cast<void*>(object)); }
inline void read_range(const void* p, size_t n) { __tsan_read_range(const_cast<void*>(p), n); }
inline void write_range(void* p, size_t n) { __tsan_write_range(p, n); }
inline void* current_fiber() { return __tsan_get_current_fiber(); }
inline void* create_fiber(const char* name) {
  void* fiber = __tsan_create_fiber(0);
  __tsan_set_fiber_name(fiber, name);
  return fiber;
}
inline void destroy_fiber(void* fiber) { __tsan_destroy_fiber(fiber); }
inline void switch_to(void* fiber) { __tsan_switch_to_fiber(fiber, 1); } // 1: this orders nothing

// Around the emulator's own work on a kernel thread: its calls of memcpy, malloc and free are intercepted all
// the same, and would be taken for the kernel's.
class Ignore {
public:
  Ignore() {
    ++depth;
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
  }
  ~Ignore() { end(); }
  // For a thread that is abandoned inside. No thread waits inside, so one count does.
  static void end_all() {
    while (depth > 0)
      end();
  }

private:
  static void end() {
    --depth;
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
  }
  static inline thread_local int depth = 0;
};
#else
inline constexpr bool kRaces = false;
inline void acquire(const void*) {}
inline void release(const void*) {}
inline void read_range(const void*, size_t) {}
inline void write_range(void*, size_t) {}
inline void* current_fiber() { return nullptr; }
inline void* create_fiber(const char*) { return nullptr; }
inline void destroy_fiber(void*) {}
inline void switch_to(void*) {}
struct Ignore {
  Ignore() {}
  ~Ignore() {}
  static void end_all() {}
};
#endif

#ifdef R1_SIMT_ASAN
inline void poison(const void* p, size_t n) { __asan_poison_memory_region(p, n); }
inline void unpoison(const void* p, size_t n) { __asan_unpoison_memory_region(p, n); }
#else
inline void poison(const void*, size_t) {}
inline void unpoison(const void*, size_t) {}
#endif

} // namespace r1::simt::sanitizer
