// The contract between a CPU image and the runtime, and between a skeleton and the functions generated for
// its holes.
//
// A kernel is called by many threads at once, each with a range of tiles [begin, end); tiles do not depend on
// one another, so the split over threads never changes a result. `buffers` are the launch's arguments in
// order, `dims` the dynamic sizes (Dim below), `scratch` is private to the thread, 64-byte aligned and at
// least as large as the kernel asked for.
#pragma once
#include <cstdint>

namespace r1::kernels {

inline constexpr uint32_t kCpuAbiVersion = 1;
inline constexpr int kLanes = 16;      // a hole works on 16 float lanes on every CPU
inline constexpr int kPageTokens = 64; // tokens in a page of the latent cache

// A step's dynamic sizes; the same order as `Dim` in runtime/artifact/artifact.fbs, and in `dims`, but that a launch over rows of
// logits finds their number in place of the tokens': a skeleton works on dims[kRows] rows and need not know of what.
enum Dim : int { kTokens = 0, kLogitRows = 1, kContext = 2, kDimCount = 3 };
inline constexpr int kRows = 0;

using CpuKernel = void (*)(void* const* buffers, const int64_t* dims, int64_t begin, int64_t end,
                           void* scratch);

// A hole processes `count` (1..16) neighbouring columns of one row. `values` holds the family's leading
// values, [leading][16] floats; what the hole yields it stores itself, into the launch's result buffers.
using Hole = void (*)(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values);

// The only symbol an image exports. Returns the kernels in index order; nullptr if it does not speak `abi`.
using CpuQuery = const CpuKernel* (*)(uint32_t abi, uint32_t* count);
inline constexpr char kCpuQuerySymbol[] = "r1_cpu_kernels";

} // namespace r1::kernels
