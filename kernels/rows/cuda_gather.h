// The rows of hidden states whose logits are wanted.
//   bytes per row: cols * (element + what the hole stores); no arithmetic. Bound by latency: one block a row, all of it under
//   way at once.
#pragma once
#include "kernels/common/cuda_elements.h"

namespace r1::cuda {

template <class Config, class Holes> struct Gather {
  using X = Element<Config::x_type>;
  static constexpr int kThreads = 256;
  static constexpr int kSharedBytes = 0;
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int row, u8*) {
    if (row >= a.dims[0])
      return;
    const long long from = a.in<int>(1)[row];
    StoredRow<int(Config::cols), kThreads, Holes, X>::finish(a, row, a.in<X>(0) + from * Config::x_stride);
  }
};

} // namespace r1::cuda
