// Positions and slots of the tokens whose logits are wanted.
//   bytes per row: 12; no arithmetic. Bound by latency: a thread a row, two loads one behind the other.
#pragma once
#include "kernels/primitives/cuda/base.h"

namespace r1::cuda {

template <class Config, class Holes> struct GatherWords {
  static constexpr int kThreads = int(Config::tile);
  static constexpr int kSharedBytes = 0;
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    const int row = tile * kThreads + thread_index();
    if (row < a.dims[0])
      a.out<int>(2)[row] = a.in<int>(0)[a.in<int>(1)[row]];
  }
};

} // namespace r1::cuda
