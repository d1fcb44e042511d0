// Skeletons small enough to see through, compiled to bitcode for each ISA level: what the code generator's
// tests fill.
#include "kernels/common/skeleton.h"

namespace r1::kernels {
struct MapParams {
  int64_t cols, rows_dim;
};
struct DotParams {
  int64_t n, k, accumulators;
  double scale;
};
} // namespace r1::kernels

using namespace r1::kernels;

static int64_t min16(int64_t left) { return left < kLanes ? left : kLanes; }

// One row a tile; buffers: those of the holes. map(0 values) writes back, finish(1 value) stores.
R1_SKELETON(test_map, MapParams) {
  const MapParams p = *params;
  for (int64_t row = begin; row < end && row < dims[p.rows_dim]; ++row)
    for (int64_t col = 0; col < p.cols; col += kLanes) {
      float values[kLanes] = {};
      if (holes[0])
        holes[0](buffers, row, col, min16(p.cols - col), values);
      holes[1](buffers, row, col, min16(p.cols - col), values);
    }
}

// y = epilogue(scale * x W^T), W f32 [accumulators][k][n], one row a tile; buffers: x, W, those of the hole.
R1_SKELETON(test_dot, DotParams) {
  const DotParams p = *params;
  const float* x = static_cast<const float*>(buffers[0]);
  const float* w = static_cast<const float*>(buffers[1]);
  for (int64_t row = begin; row < end; ++row)
    for (int64_t col = 0; col < p.n; col += kLanes) {
      float sums[2 * kLanes] = {};
      for (int64_t a = 0; a < p.accumulators; ++a)
        for (int64_t k = 0; k < p.k; ++k)
          for (int64_t i = 0; i < min16(p.n - col); ++i)
            sums[a * kLanes + i] += x[row * p.k + k] * w[(a * p.k + k) * p.n + col + i];
      for (float& sum : sums)
        sum *= static_cast<float>(p.scale);
      holes[0](buffers, row, col, min16(p.n - col), sums);
    }
}

// Fills and copies of a size LLVM expands with a call, and of a size it only learns at run time.
R1_SKELETON(test_memory, MapParams) {
  float* out = static_cast<float*>(buffers[0]);
  float* temporary = static_cast<float*>(scratch);
  __builtin_memset(temporary, 0, 4096 * sizeof(float));
  for (int64_t i = begin; i < end; ++i)
    temporary[i] = static_cast<float>(i);
  __builtin_memcpy(out, temporary, 4096 * sizeof(float));
  __builtin_memmove(out + 1, out, static_cast<unsigned long>(dims[0]) * sizeof(float));
  __builtin_memset(out + 4096, 0, static_cast<unsigned long>(dims[0]) * sizeof(float));
}
