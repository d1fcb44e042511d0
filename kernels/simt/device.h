// What the host bodies of kernels/primitives/cuda call: who the running kernel thread is, and every operation
// in which it meets other threads or asynchronous hardware. Included by each kernel, hence without a header of
// the standard library. All but `current` is for fibers of a launch only.
#pragma once
#include "kernels/simt/entry.h"

namespace r1::simt {

using u8 = unsigned char;
using u32 = unsigned int;
using u64 = unsigned long long;

// Where in a kernel's source an operation stands. As a default argument it is the caller's line.
struct Place {
  const char* file = nullptr;
  int line = 0;
  static constexpr Place here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line};
  }
};

// What kernels read of the block that an OS thread runs at present, and of the running kernel thread.
struct BlockView {
  u8* shared;
  int index, threads, grid;
};
struct ThreadView {
  int thread;
  const BlockView* block;
};
// One word of thread-local storage, small enough for a library that is opened later.
extern __thread const ThreadView* current __attribute__((tls_model("initial-exec")));

// Ends the launch with this message, thread and place. Never returns; the block's other threads are abandoned.
[[noreturn]] void fail(Place place, const char* format, ...) __attribute__((format(printf, 2, 3)));

void sync_block(Place place);
void sync_threads(int id, int count, Place place);
void sync_warp(Place place);

u32 shuffle(u32 value, int lane, Place place);
u32 ballot(bool predicate, Place place);
float warp_sum(float value, Place place);
float warp_max(float value, Place place);
u32 warp_sum(u32 value, Place place);
u32 warp_max(u32 value, Place place);

void load_matrix(u32* out, int matrices, bool transposed, const void* row, Place place);
void mma_bf16(float* d, const u32* a, u32 b0, u32 b1, Place place);
void mma_e4m3(float* d, const u32* a, u32 b0, u32 b1, Place place);

// `size` bytes of shared memory (4 or 16), of which the first `bytes` are read.
void copy_async(void* shared, const void* global, int bytes, int size, Place place);
void copy_async_commit();
void copy_async_wait(int groups);

// The number by which instructions and descriptors name a byte of shared memory.
u32 shared_address(const void* p, Place place = Place::here());

void phase_init(void* barrier, int count, Place place);
void phase_invalidate(void* barrier, Place place);
void phase_arrive(void* barrier, int bytes, Place place);
void phase_wait(void* barrier, int parity, Place place);

void tma_load(void* shared, const void* map, void* barrier, const int* at, int rank, Place place);
void tma_store(const void* map, const void* shared, const int* at, int rank, Place place);
void tma_store_commit();
void tma_store_wait(int groups);

void wgmma_fence(Place place);
void wgmma_commit(Place place);
void wgmma_wait(int groups, Place place);
void wgmma(float* d, u64 a, u64 b, bool accumulate, int n, bool e4m3, bool columns, Place place);

} // namespace r1::simt
