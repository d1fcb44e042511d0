// The machine code of the fake model for a simulated GPU, first module: what fake_image.c has for a CPU.
#include "kernels/primitives/cuda/tma.h"

namespace {
using r1::cuda::Arguments, r1::cuda::Barrier, r1::cuda::TensorMap, r1::cuda::u8, r1::cuda::u32;

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

// The same, each page copied through map 0: i32[pages][64] of the cache layer.
struct ScanMapped {
  static constexpr int kThreads = 32, kSharedBytes = 384, kMinBlocks = 1, kMaps = 1;
  R1_DEVICE static void tile(const Arguments& a, const TensorMap* maps, int tile, u8* shared) {
    if (tile >= a.dims[0] || r1::cuda::thread_index() != 0)
      return;
    auto* barrier = reinterpret_cast<Barrier*>(shared + 256);
    r1::cuda::barrier_init(barrier, 1);
    r1::cuda::barrier_fence_init();
    u32 h = 17;
    const int last = a.in<int>(0)[tile];
    for (int p = 0, phase = 0; p <= last; p += kPageTokens, phase ^= 1) {
      r1::cuda::barrier_expect(barrier, 256);
      r1::cuda::tma_load_2d(shared, maps, barrier, 0,
                            a.in<int>(2)[a.in<int>(1)[tile] * kPagesPerSequence + p / kPageTokens]);
      r1::cuda::barrier_wait(barrier, phase);
      for (int i = 0; i < kPageTokens && p + i <= last; ++i)
        h = h * 31 + reinterpret_cast<const u32*>(shared)[i];
    }
    a.out<u32>(4)[tile] = h;
  }
};
} // namespace

R1_CUDA_KERNEL_MAPS(fake_scan_mapped, ScanMapped)
R1_CUDA_KERNEL(fake_append_a, Append<0>)
R1_CUDA_KERNEL(fake_append_b, Append<0x5a5a>)
R1_CUDA_KERNEL(fake_scan, Scan)
