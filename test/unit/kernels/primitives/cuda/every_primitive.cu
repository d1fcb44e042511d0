// Every primitive once, for NVRTC: each chip's compile shows that the device bodies are well formed and that ptxas
// takes their PTX. What they compute is the emulator's and the hardware's to show.
#include "kernels/primitives/cuda/atomic.h"
#include "kernels/primitives/cuda/barrier.h"
#include "kernels/primitives/cuda/copy_async.h"
#include "kernels/primitives/cuda/launch.h"
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/matrix.h"
#include "kernels/primitives/cuda/memory.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/primitives/cuda/warp.h"
#include "kernels/primitives/cuda/wgmma.h"

namespace r1::cuda {
namespace {

struct Portable {
  static constexpr int kThreads = 128, kSharedBytes = 8192, kMinBlocks = 1;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    wait_for_previous_launch();
    const int i = thread_index(), lane = lane_index();
    copy_async16(shared + i * 16, a.in<u8>(0) + i * 16, 16 - tile);
    copy_async4(shared + 4096 + i * 4, a.in<u8>(0) + i * 4, 4 - tile);
    copy_async_commit();
    copy_async_wait<0>();
    sync_block();

    u32 x[4], y[4], z[2], w[2];
    load_matrix_x4(x, shared + lane * 16);
    load_matrix_x4_transposed(y, shared + lane * 16);
    load_matrix_x2(z, shared + lane % 16 * 16);
    load_matrix_x2_transposed(w, shared + lane % 16 * 16);
    float d[4] = {};
    mma_m16n8k16(d, x, z[0], z[1]);
    mma_m16n8k16(d, y, w[0], w[1]);
#if R1_SM >= 89
    mma_m16n8k32_e4m3(d, x, z[0], z[1]);
#endif

    const u32x4 wide = load_streaming16(a.in<u8>(1) + i * 16), other = load16(a.in<u8>(2) + i * 16);
    u32 lo, hi;
    e4m3x4_to_bf16x2(wide.x ^ other.w, lo, hi);
    float f[8];
    unpack_bf16x2(lo, f[0], f[1]);
    unpack_bf16x2(hi, f[2], f[3]);
    f[4] = to_float(e4m3{u8(wide.y)});
    f[5] = to_float(to_e4m3(d[0]));
    f[6] = to_float(to_bf16(d[1]));
    f[7] = float_from_bits(pack_bf16x2(d[2], d[3]));
    store16(a.out<u8>(3) + i * 16, u32x4{wide.z, wide.w, other.x, other.y});

    f[0] = math::exp(f[0]) + math::exp2(f[1]) + math::log(f[2]) + math::log2(f[3]) + math::rsqrt(f[4]) +
           math::sqrt(f[5]) + math::tanh(f[6]);
    f[1] = math::fma(f[0], math::abs(f[1]), math::fast_exp2(f[2]));
    f[2] = math::min(f[3], math::infinity()) + math::max(f[4], math::nan()) + math::floor(f[5]);
    sync_warp();
    f[3] = warp_sum(f[0]) + warp_max(f[1]) + float(warp_sum(lane) + warp_max(i)) + float(warp_sum(lo));
    f[4] = shuffle(f[3], 3) + shuffle_xor(f[2], 1) + shuffle_down(f[1], 2) + shuffle_up(f[0], 2);
    f[5] += float(ballot(f[4] > 0)) + block_sum(f[3], reinterpret_cast<float*>(shared));
    f[6] += block_max(f[5], reinterpret_cast<float*>(shared)) + float(warp_max(lo));
    sync_threads(1, 64 * 2);
    atomic_add_shared(reinterpret_cast<u32*>(shared) + lane, lo);
    atomic_add_shared(reinterpret_cast<u64*>(shared) + lane, warp_sum(u64(hi)));

    float g[8];
    load_lanes(a.in<bf16>(4) + i * 8, a.dims[0], g);
    for (int j = 0; j < 8; ++j)
      f[j] += g[j] + load(a.in<float>(5) + j);
    store_lanes(a.out<float>(6) + i * 8, a.dims[1], f);
    store_vector<bf16, 2>(a.out<bf16>(7) + i * 2, load_vector<bf16, 2>(a.in<bf16>(8) + i * 2));
    a.out<int>(9)[block_index()] = grid_size() + thread_count() + warp_index();
    allow_next_launch();
  }
};

#if R1_SM >= 90
struct Copies {
  static constexpr int kThreads = 128, kSharedBytes = 8192, kMinBlocks = 1, kMaps = 2;
  R1_DEVICE static void tile(const Arguments& a, const TensorMap* maps, int tile, u8* shared) {
    Barrier* b = reinterpret_cast<Barrier*>(shared + 4096);
    if (thread_index() == 0) {
      tma_prefetch(maps);
      barrier_init(b, 2);
      barrier_fence_init();
    }
    sync_block();
    if (thread_index() == 0) {
      barrier_expect(b, 4096);
      barrier_arrive(b);
      tma_load_2d(shared, maps, b, 0, tile);
      tma_load_3d(shared + 2048, maps + 1, b, 0, tile, 1);
    }
    barrier_wait(b, 0);
    fence_async_proxy();
    sync_block();
    if (thread_index() == 0) {
      tma_store_2d(maps, shared, 0, tile);
      tma_store_commit();
      tma_store_wait<0>();
      barrier_invalidate(b);
    }
  }
};
#endif

#if R1_SM == 90 && R1_SM_A
template <int N> struct Products {
  static constexpr int kThreads = 256, kSharedBytes = 49152, kMinBlocks = 1;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    if (warp_index() >= 4) {
      set_registers_dec<40>();
      return;
    }
    set_registers_inc<232>();
    float d[N / 2];
    const u64 x = wgmma_descriptor_128b(shared), y = wgmma_descriptor_128b(shared + 16384);
    wgmma_fence_registers(d);
    wgmma_fence();
    wgmma_m64nNk16_bf16<N>(d, x, y, false);
    wgmma_m64nNk16_bf16_columns<N>(d, x, wgmma_descriptor_128b_columns(shared + 16384, 8192), true);
    wgmma_m64nNk32_e4m3<N>(d, wgmma_advance(x, 32), wgmma_advance(y, 32), true);
    wgmma_commit();
    wgmma_wait<0>();
    wgmma_fence_registers(d);
    R1_UNROLL for (int i = 0; i < N / 2; ++i) a.out<float>(0)[i * 128 + thread_index()] = d[i];
  }
};
#endif

} // namespace
} // namespace r1::cuda

using namespace r1::cuda;
R1_CUDA_KERNEL(portable, Portable)
#if R1_SM >= 90
R1_CUDA_KERNEL_MAPS(copies, Copies)
#endif
#if R1_SM == 90 && R1_SM_A
R1_CUDA_KERNEL(products_8, Products<8>)
R1_CUDA_KERNEL(products_16, Products<16>)
R1_CUDA_KERNEL(products_32, Products<32>)
R1_CUDA_KERNEL(products_64, Products<64>)
R1_CUDA_KERNEL(products_96, Products<96>)
R1_CUDA_KERNEL(products_128, Products<128>)
R1_CUDA_KERNEL(products_192, Products<192>)
R1_CUDA_KERNEL(products_256, Products<256>)
#endif
