// The contract with a CPU image, restated: the runtime includes nothing of kernels/. kernels/registry/cpu_abi.h is the
// original, and test/unit/runtime/device/cpu/abi_test.cpp asserts that both agree.
#pragma once
#include <cstdint>

namespace r1::cpu {

inline constexpr uint32_t kAbiVersion = 1;
inline constexpr int kDimCount = 3; // the launch's rows, LogitRows, Context
inline constexpr char kQuerySymbol[] = "r1_cpu_kernels";

using Kernel = void (*)(void* const* buffers, const int64_t* dims, int64_t begin, int64_t end, void* scratch);
using Query = const Kernel* (*)(uint32_t abi, uint32_t* count);

} // namespace r1::cpu
