// The machine code of the fake model for a simulated GPU, first module: what fake_image.c has for a CPU.
#include "kernels/primitives/cuda/base.h"

namespace {
using r1::cuda::Arguments, r1::cuda::u8, r1::cuda::u32;

constexpr int kPageTokens = 64, kPagesPerSequence = 4; // as in fake_model.h

R1_DEVICE int place(const int* table, int slot, int position) {
  return table[slot * kPagesPerSequence + position / kPageTokens] * kPageTokens + position % kPageTokens;
}

// Buffers: ids, positions, slots, page table, cache layer. A token a tile.
template <int Flip> struct Append {
  static constexpr int kThreads = 32, kSharedBytes = 0, kMinBlocks = 1;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    if (tile >= a.dims[0] || r1::cuda::thread_index() != 0)
      return;
    a.out<int>(4)[place(a.in<int>(3), a.in<int>(2)[tile], a.in<int>(1)[tile])] = a.in<int>(0)[tile] ^ Flip;
  }
};

// Buffers: positions, slots, page table, cache layer, state u32[T]: a hash of every token up to this one.
struct Scan {
  static constexpr int kThreads = 32, kSharedBytes = 0, kMinBlocks = 1;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    if (tile >= a.dims[0] || r1::cuda::thread_index() != 0)
      return;
    u32 h = 17;
    for (int p = 0; p <= a.in<int>(0)[tile]; ++p)
      h = h * 31 + u32(a.in<int>(3)[place(a.in<int>(2), a.in<int>(1)[tile], p)]);
    a.out<u32>(4)[tile] = h;
  }
};
} // namespace

R1_CUDA_KERNEL(fake_append_a, Append<0>)
R1_CUDA_KERNEL(fake_append_b, Append<0x5a5a>)
R1_CUDA_KERNEL(fake_scan, Scan)
