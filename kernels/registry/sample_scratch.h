// How `sample` divides a thread's scratch: one place for the kernel and for the registry. Offsets are in bytes and multiples of 64.
#pragma once
#include <cstdint>

namespace r1::kernels {

inline constexpr int64_t kSampleBins = 2048;

struct SampleScratch {
  int64_t weights; // u64 [vocab]
  int64_t bins;    // u64 [kSampleBins]
  int64_t bytes;
};

static inline constexpr SampleScratch sample_scratch(int64_t vocab) {
  SampleScratch s{};
  s.weights = 0;
  s.bins = (vocab + 7) / 8 * 64;
  s.bytes = s.bins + kSampleBins * 8;
  return s;
}

} // namespace r1::kernels
