// Kernels that do one thing, right or wrong, for the tests of simcuda.
#include "kernels/primitives/cuda/tma.h"

namespace {
using r1::cuda::Arguments, r1::cuda::Barrier, r1::cuda::TensorMap, r1::cuda::u8;

struct Small {
  static constexpr int kThreads = 32, kSharedBytes = 0, kMinBlocks = 1;
};

// Buffers: x i32[32 * blocks]. x = 3 * x + 1: two of them differ by their order from any other two.
struct Step : Small {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    int& x = a.out<int>(0)[tile * 32 + r1::cuda::thread_index()];
    x = 3 * x + 1;
  }
};
struct Double : Small {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    a.out<int>(0)[tile * 32 + r1::cuda::thread_index()] *= 2;
  }
};

// Buffers: where to write a byte. In block 1, thread 5.
struct Write : Small {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    if (tile == 1 && r1::cuda::thread_index() == 5)
      *a.out<volatile u8>(0) = 1;
  }
};

// Waits for threads that the block does not have.
struct Wait : Small {
  R1_DEVICE static void tile(const Arguments&, int, u8*) { r1::cuda::sync_threads(1, 64); }
};

// All of the shared memory that a block may have.
struct Shared : Small {
  static constexpr int kSharedBytes = 100 << 10;
  R1_DEVICE static void tile(const Arguments& a, int, u8* shared) {
    shared[kSharedBytes - 32 + r1::cuda::thread_index()] = 7;
    r1::cuda::sync_block();
    a.out<int>(0)[r1::cuda::thread_index()] = shared[kSharedBytes - 1 - r1::cuda::thread_index()];
  }
};

// Copies box (0, tile) of map 1, 32 i32, through shared memory. Map 0 is not used: the second one must be found behind it.
struct Mapped : Small {
  static constexpr int kSharedBytes = 256, kMaps = 2;
  R1_DEVICE static void tile(const Arguments& a, const TensorMap* maps, int tile, u8* shared) {
    auto* barrier = reinterpret_cast<Barrier*>(shared + 128);
    if (r1::cuda::thread_index() == 0) {
      r1::cuda::barrier_init(barrier, 1);
      r1::cuda::barrier_fence_init();
      r1::cuda::barrier_expect(barrier, 128);
      r1::cuda::tma_load_2d(shared, maps + 1, barrier, 0, tile);
    }
    r1::cuda::sync_block();
    r1::cuda::barrier_wait(barrier, 0);
    const int i = r1::cuda::thread_index();
    a.out<int>(0)[tile * 32 + i] = reinterpret_cast<int*>(shared)[i];
  }
};
} // namespace

R1_CUDA_KERNEL(test_step, Step)
R1_CUDA_KERNEL(test_double, Double)
R1_CUDA_KERNEL(test_write, Write)
R1_CUDA_KERNEL(test_wait, Wait)
R1_CUDA_KERNEL(test_shared, Shared)
R1_CUDA_KERNEL_MAPS(test_mapped, Mapped)
