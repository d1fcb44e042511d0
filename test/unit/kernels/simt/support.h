// Kernels of the emulator's and the primitives' own tests: a function of (arguments, tile, shared) is enough.
#pragma once
#include "kernels/primitives/cuda/base.h"
#include "kernels/simt/launch.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#ifndef __has_feature // GCC before 14
#define __has_feature(name) 0
#endif

namespace r1::test {

// A skeleton of a function.
template <auto kTile, int kBlockThreads = 128, int kBytes = 4096> struct Tile {
  static constexpr int kThreads = kBlockThreads, kSharedBytes = kBytes, kMinBlocks = 1;
  static void tile(const cuda::Arguments& a, int tile, cuda::u8* shared) { kTile(a, tile, shared); }
};

// What R1_CUDA_KERNEL defines, without a name that is exported.
template <class Skeleton> void entry(void** params) {
  Skeleton::tile(*static_cast<const cuda::Arguments*>(params[0]), cuda::block_index(),
                 simt::current->block->shared);
}

template <class Skeleton>
std::string run(const std::vector<void*>& buffers, uint32_t grid = 1, const simt::Schedule& schedule = {}) {
  cuda::Arguments arguments{};
  for (size_t i = 0; i < buffers.size(); ++i)
    arguments.buffers[i] = buffers[i];
  void* params[] = {&arguments};
  return simt::launch(entry<Skeleton>, {grid, Skeleton::kThreads, Skeleton::kSharedBytes}, params, schedule);
}

// Built with ThreadSanitizer, which reports the races of kernels that are wrong on purpose.
#if __has_feature(thread_sanitizer)
inline constexpr bool kRaceDetector = true;
#else
inline constexpr bool kRaceDetector = false;
#endif

// The schedules that every kernel is tested with. The race detector needs few: it does not depend on luck.
inline std::vector<simt::Schedule> schedules() {
  using enum simt::Order;
  using enum simt::Async;
  if (kRaceDetector)
    return {{1, kPriority, kEager}, {2, kPriority, kLazy}};
  return {{0, kFifo, kEager},    {1, kReverse, kLazy},  {1, kShuffle, kLazy},    {1, kPriority, kLazy},
          {2, kPriority, kLazy}, {3, kPriority, kLazy}, {1, kPriority, kRandom}, {2, kPriority, kRandom}};
}

inline std::string name_of(const simt::Schedule& s) {
  return "order " + std::to_string(int(s.order)) + ", async " + std::to_string(int(s.async)) + ", seed " +
         std::to_string(s.seed);
}

} // namespace r1::test
