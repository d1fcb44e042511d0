// The contract with a CUDA image, restated: the runtime includes nothing of kernels/. kernels/primitives/cuda/base.h is
// the original, and test/unit/runtime/device/cuda/abi_test.cpp asserts that both agree.
//
// A kernel has one parameter, KernelArguments ("Arguments" there), or two: its launch's tensor maps, as one array, follow.
#pragma once
#include <cstdint>

namespace r1::cuda {

inline constexpr int kDimCount = 3; // the launch's rows, LogitRows, Context
inline constexpr int kMaxBuffers = 24;

struct KernelArguments {
  const int32_t* dims; // in device memory
  void* buffers[kMaxBuffers];
};

// What the fill kernel finds in buffers[1]: how to fill buffers[0].
struct FillRequest {
  int64_t elements;
  int64_t type; // artifact::DataType
  int64_t seed;
  int64_t scale; // bits of a float: uniform(-s, s); 0: ones; negative: the constant -s
};
inline constexpr int64_t kFillElements = 1024; // of a block, but there are never more blocks than
inline constexpr int64_t kFillBlocks = 4096;

} // namespace r1::cuda
