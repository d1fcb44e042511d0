// Every primitive of kernels/primitives/cuda, each called as its header says, on inputs from outside: what the conformance program
// compares between a device and the host's model. NVRTC makes a cubin of it, a C++ compiler with -DR1_SIMT the model.
//
// Unless said otherwise a kernel runs 128 threads, buffer 0 holds words to read and buffer 1 words to write, kWords for each thread.
#include "kernels/primitives/cuda/atomic.h"
#include "kernels/primitives/cuda/copy_async.h"
#include "kernels/primitives/cuda/launch.h"
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/matrix.h"
#include "kernels/primitives/cuda/memory.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/primitives/cuda/warp.h"
#include "kernels/primitives/cuda/wgmma.h"
#include "tools/gpu/conformance/kernels.inc"

namespace {
using namespace r1::cuda;

template <int kBytes = 0, int kBlockThreads = 128> struct Block {
  static constexpr int kThreads = kBlockThreads, kSharedBytes = kBytes, kMinBlocks = 1;
};

R1_DEVICE int global_thread(int tile) { return tile * thread_count() + thread_index(); }

// in: one word; out: 8. A word is taken for a float, two bf16 and four e4m3.
struct Convert : Block<> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    const int i = global_thread(tile);
    const u32 word = a.in<u32>(0)[i], other = a.in<u32>(0)[i ^ 1];
    const float x = float_from_bits(word), y = float_from_bits(other);
    u32* out = a.out<u32>(1) + i * 8;
    out[0] = to_bf16(x).bits | u32(to_e4m3(x).bits) << 16;
    out[1] = pack_bf16x2(x, y);
    float lo, hi;
    unpack_bf16x2(word, lo, hi);
    out[2] = float_bits(lo);
    out[3] = float_bits(hi);
    out[4] = float_bits(to_float(bf16{u16(word)}));
    out[5] = float_bits(to_float(e4m3{u8(word)}));
    e4m3x4_to_bf16x2(word, out[6], out[7]);
  }
};

// in: 8 words, 32-byte aligned, then a count of lanes; out: 40 words, of which some stay as they were.
struct Memory : Block<> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    const int i = global_thread(tile);
    const u32* in = a.in<u32>(0) + i * 8;
    u32* out = a.out<u32>(1) + i * 40;
    store16(out, load_streaming16(in));
    store16(out + 4, load16(in + 4));
    store_vector<u32, 8>(out + 8, load_vector<u32, 8>(in));
    store_vector<u16, 2>(reinterpret_cast<u16*>(out + 16),
                         load_vector<u16, 2>(reinterpret_cast<const u16*>(in)));
    const int count = int(in[7] % 9), shift = int(in[6] % 2);
    float lanes[8], narrow[8];
    load_lanes<float, 8>(reinterpret_cast<const float*>(in) + shift, count < 7 ? count : 8 - shift, lanes);
    load_lanes<bf16, 8>(reinterpret_cast<const bf16*>(in) + shift, count, narrow);
    store_lanes<float, 8>(reinterpret_cast<float*>(out + 20) + shift, count, lanes);
    store_lanes<bf16, 8>(reinterpret_cast<bf16*>(out + 32) + shift, count, narrow);
  }
};

// in: two words; out: 22.
struct Warp : Block<256, 256> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int i = global_thread(tile);
    const u32 v = a.in<u32>(0)[i * 2], w = a.in<u32>(0)[i * 2 + 1];
    const float x = float(int(v)) * 0x1p-20f; // a number, of any sign
    u32* out = a.out<u32>(1) + i * 22;
    out[0] = shuffle(v, int(w % 32));
    out[1] = shuffle_xor(v, 5);
    out[2] = shuffle_xor(v, 31);
    out[3] = shuffle_down(v, 7);
    out[4] = shuffle_up(v, 11);
    out[5] = r1::cuda::ballot(w & 4);
    out[6] = u32(count_bits(w));
    out[7] = float_bits(warp_sum(x));
    out[8] = u32(warp_sum(int(v)));
    out[9] = warp_sum(w);
    out[10] = float_bits(warp_max(w % 8 ? x : math::nan()));
    out[11] = u32(warp_max(int(v)));
    out[12] = warp_max(w);
    out[13] = float_bits(block_sum(x, reinterpret_cast<float*>(shared)));
    out[14] = u32(block_sum(int(v), reinterpret_cast<int*>(shared)));
    out[15] = float_bits(block_max(x, reinterpret_cast<float*>(shared)));
    out[16] = float_bits(shuffle(x, 0));
    out[17] = u32(warp_index()) << 16 | u32(lane_index());
    out[18] = u32(thread_count()) << 16 | u32(grid_size());
    out[19] = u32(block_index()) << 16 | u32(thread_index());
    const u64 wide = warp_sum((u64(v) << 32 | w) >> 5); // of 32 lanes: below 2^64
    out[20] = u32(wide);
    out[21] = u32(wide >> 32);
  }
};

// in: two words; out: three. Many threads add to few places.
struct Atomic : Block<16 * 12> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int i = global_thread(tile), place = thread_index() % 16;
    u64* wide = reinterpret_cast<u64*>(shared);
    u32* narrow = reinterpret_cast<u32*>(wide + 16);
    if (thread_index() < 16)
      wide[place] = 0, narrow[place] = 0;
    sync_block();
    const u32 v = a.in<u32>(0)[i * 2], w = a.in<u32>(0)[i * 2 + 1];
    atomic_add_shared(narrow + v % 5, w);
    atomic_add_shared(wide + w % 3, u64(v) << 20 | w);
    atomic_add_shared(wide + 8, u64(w));
    sync_block();
    u32* out = a.out<u32>(1) + i * 3;
    out[0] = narrow[place];
    out[1] = u32(wide[place]);
    out[2] = u32(wide[place] >> 32);
  }
};

// in: three floats; out: 20. Which function stands where, and how well it is to agree, is in compare.cpp.
struct Math : Block<> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    namespace m = r1::cuda::math;
    const int i = global_thread(tile);
    const float x = a.in<float>(0)[i * 3], y = a.in<float>(0)[i * 3 + 1], z = a.in<float>(0)[i * 3 + 2];
    const float values[20] = {m::exp(x),           m::exp2(x),
                              m::log(m::abs(y)),   m::log2(m::abs(y)),
                              m::sqrt(m::abs(y)),  m::rsqrt(m::abs(y)),
                              m::tanh(x),          m::sin(z),
                              m::cos(z),           m::fast_exp2(x),
                              m::fma(x, y, z),     m::min(x, z),
                              m::max(x, z),        m::floor(z),
                              m::abs(x),           float(m::fma(double(x), double(y), double(z))),
                              m::infinity(),       m::min(x, m::nan()),
                              m::max(m::nan(), x), x / y};
    R1_UNROLL for (int j = 0; j < 20; ++j) a.out<float>(1)[i * 20 + j] = values[j];
  }
};

// in: 16 bytes a thread; out: the same, but thread i copies i % 17 of them and zeros.
struct CopyAsync : Block<128 * 16> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int i = thread_index(), from = (i + 1) % 128;
    copy_async16(shared + i * 16, a.in<u8>(0) + global_thread(tile) * 16, i % 17);
    copy_async_commit();
    copy_async_wait<0>();
    sync_block();
    store16(a.out<u8>(1) + (tile * 128 + from) * 16, load16(shared + from * 16));
  }
};

// The same in copies of four bytes, of which copy j has (i + j) % 5.
struct CopyAsyncWords : Block<128 * 16> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int i = thread_index(), from = (i + 1) % 128;
    R1_UNROLL for (int j = 0; j < 4; ++j) {
      copy_async4(shared + i * 16 + j * 4, a.in<u8>(0) + global_thread(tile) * 16 + j * 4, (i + j) % 5);
    }
    copy_async_commit();
    copy_async_wait<0>();
    sync_block();
    store16(a.out<u8>(1) + (tile * 128 + from) * 16, load16(shared + from * 16));
  }
};

// in: 12 x 128 x 16 bytes for each block; out: one word a thread. Three stages, at most one group under way when a stage is read.
struct CopyRing : Block<3 * 2048> {
  static constexpr int kSteps = 12;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int i = thread_index();
    const u8* in = a.in<u8>(0) + tile * kSteps * 2048;
    const auto issue = [&](int step) {
      if (step < kSteps)
        copy_async16(shared + step % 3 * 2048 + i * 16, in + (step * 128 + i) * 16, 16);
      copy_async_commit();
    };
    issue(0);
    issue(1);
    u32 sum = 0;
    for (int step = 0; step < kSteps; ++step) {
      copy_async_wait<1>();
      sync_block();
      sum = sum * 3 + reinterpret_cast<const u32*>(shared + step % 3 * 2048 + (127 - i) * 16)[step % 4];
      issue(step + 2);
    }
    copy_async_wait<0>();
    a.out<u32>(1)[global_thread(tile)] = sum;
  }
};

// in: one word; out: one. Pairs of warps pass values to and fro, each pair through barriers of its own, then a barrier of all.
struct NamedBarriers : Block<1024, 256> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int i = thread_index(), pair = warp_index() / 2, partner = i ^ 32;
    u32* values = reinterpret_cast<u32*>(shared);
    u32 v = a.in<u32>(0)[global_thread(tile)];
    for (int step = 0; step < 8; ++step) {
      values[i] = v;
      sync_threads(1 + pair, 64);
      v = v * 5 + values[partner ^ (step & 31)];
      sync_threads(5 + pair, 64);
    }
    values[i] = v;
    sync_threads(15, 256);
    a.out<u32>(1)[global_thread(tile)] = v ^ values[255 - i];
  }
};

// in: 4 matrices of 8 x 8 u16 for each block of one warp, then 32 words of which row goes where; out: 12 words.
struct LoadMatrix : Block<1024, 32> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int lane = lane_index();
    const u8* in = a.in<u8>(0) + tile * 640;
    store16(shared + lane * 16, load16(in + lane * 16));
    sync_warp();
    const u8* row = shared + reinterpret_cast<const u32*>(in + 512)[lane] % 32 * 16;
    u32 x4[4], x2[2];
    u32* out = a.out<u32>(1) + global_thread(tile) * 12;
    load_matrix_x4(x4, row);
    R1_UNROLL for (int j = 0; j < 4; ++j) out[j] = x4[j];
    load_matrix_x4_transposed(x4, row);
    R1_UNROLL for (int j = 0; j < 4; ++j) out[4 + j] = x4[j];
    load_matrix_x2(x2, lane < 16 ? row : shared);
    out[8] = x2[0];
    out[9] = x2[1];
    load_matrix_x2_transposed(x2, lane < 16 ? row : shared);
    out[10] = x2[0];
    out[11] = x2[1];
  }
};

// in: 4 words of A, 2 of B, 4 floats of C; out: 4 floats. One product a warp.
template <bool kNarrow> struct Mma : Block<> {
  R1_DEVICE static void tile(const Arguments& arguments, int tile, u8*) {
    const int i = global_thread(tile);
    const u32* in = arguments.in<u32>(0) + i * 10;
    const u32 a[4] = {in[0], in[1], in[2], in[3]};
    float d[4] = {float_from_bits(in[6]), float_from_bits(in[7]), float_from_bits(in[8]),
                  float_from_bits(in[9])};
#if R1_SM >= 89
    if constexpr (kNarrow)
      mma_m16n8k32_e4m3(d, a, in[4], in[5]);
#endif
    if constexpr (!kNarrow)
      mma_m16n8k16(d, a, in[4], in[5]);
    R1_UNROLL for (int j = 0; j < 4; ++j) arguments.out<float>(1)[i * 4 + j] = d[j];
  }
};

// in: one word; out: one. Run twice, the second time on what the first wrote.
struct DependentLaunch : Block<> {
  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    wait_for_previous_launch();
    const int i = global_thread(tile);
    a.out<u32>(1)[i] = a.out<u32>(1)[i] * 3 + a.in<u32>(0)[i];
    allow_next_launch();
  }
};

// How fast a multiprocessor multiplies: buffer 0 holds the number of rounds of 16 independent products a warp.
struct MmaRate : Block<0, 256> {
  R1_DEVICE static void tile(const Arguments& arguments, int tile, u8*) {
    const int rounds = arguments.in<int>(0)[0];
    const u32 seed = u32(global_thread(tile)) & 0x3f3f;
    const u32 a[4] = {seed, seed ^ 1, seed ^ 2, seed ^ 3};
    float d[16][4] = {};
    for (int round = 0; round < rounds; ++round)
      R1_UNROLL for (int j = 0; j < 16; ++j) mma_m16n8k16(d[j], a, seed, seed ^ 5);
    float sum = 0;
    R1_UNROLL for (int j = 0; j < 16; ++j) sum += d[j][0] + d[j][1] + d[j][2] + d[j][3];
    if (sum == -1.f) // never: so that nothing is left out
      arguments.out<float>(1)[0] = sum;
  }
};

#if R1_SM >= 90

R1_DEVICE void start_barriers(Barrier* b, int n, int count) {
  if (thread_index() == 0)
    for (int i = 0; i < n; ++i)
      barrier_init(b + i, count);
  barrier_fence_init();
}

// in: 9 x 32 words a block; out: one word for each of the first 96 threads. Warp 3 produces through two stages, the others consume.
struct Phases : Block<1024> {
  static constexpr int kStages = 2, kSteps = 9;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    u32* data = reinterpret_cast<u32*>(shared);
    Barrier* full = reinterpret_cast<Barrier*>(shared + kStages * 128);
    Barrier* empty = full + kStages;
    start_barriers(full, kStages, 32);
    start_barriers(empty, kStages, 3);
    sync_block();
    const int lane = lane_index();
    if (warp_index() == 3) {
      for (int step = 0; step < kSteps; ++step) {
        const int s = step % kStages;
        barrier_wait(empty + s, (step / kStages & 1) ^ 1);
        data[s * 32 + lane] = a.in<u32>(0)[(tile * kSteps + step) * 32 + lane];
        if (lane % 2)
          barrier_arrive(full + s);
        else
          barrier_expect(full + s, 0);
      }
    } else {
      u32 sum = 0;
      for (int step = 0; step < kSteps; ++step) {
        const int s = step % kStages;
        barrier_wait(full + s, step / kStages & 1);
        sum = sum * 3 + data[s * 32 + (31 - lane)];
        sync_warp();
        if (lane == 0)
          barrier_arrive(empty + s);
      }
      a.out<u32>(1)[tile * 96 + thread_index()] = sum;
    }
    sync_block();
    if (thread_index() < 2 * kStages)
      barrier_invalidate(full + thread_index());
  }
};

// Map 0; in: rank, bytes of the box, coordinates (3), for each block; out: 16 KiB a block, of which the box is written.
struct TmaLoad : Block<16384 + 16> {
  static constexpr int kMaps = 1;
  R1_DEVICE static void tile(const Arguments& a, const TensorMap* maps, int tile, u8* shared) {
    Barrier* b = reinterpret_cast<Barrier*>(shared + 16384);
    const int* in = a.in<int>(0) + tile * 5;
    const int bytes = in[1];
    start_barriers(b, 1, 1);
    sync_block();
    if (thread_index() == 0) {
      tma_prefetch(maps);
      barrier_expect(b, bytes);
      if (in[0] == 2)
        tma_load_2d(shared, maps, b, in[2], in[3]);
      else
        tma_load_3d(shared, maps, b, in[2], in[3], in[4]);
    }
    barrier_wait(b, 0);
    for (int i = thread_index(); i < bytes / 16; i += thread_count())
      store16(a.out<u8>(1) + tile * 16384 + i * 16, load16(shared + i * 16));
  }
};

// Map 0 over buffer 1; in: bytes of the box and coordinates (2), then the box, 8 KiB for each block.
struct TmaStore : Block<8192> {
  static constexpr int kMaps = 1;
  R1_DEVICE static void tile(const Arguments& a, const TensorMap* maps, int tile, u8* shared) {
    const int* in = a.in<int>(0) + tile * 2064;
    for (int i = thread_index(); i < in[0] / 16; i += thread_count())
      store16(shared + i * 16, load16(in + 16 + i * 4));
    fence_async_proxy();
    sync_block();
    if (thread_index() == 0) {
      tma_store_2d(maps, shared, in[1], in[2]);
      tma_store_commit();
      tma_store_wait<0>();
    }
  }
};

#endif

#if R1_SM == 90 && R1_SM_A

template <int kBytes, int N> R1_DEVICE void multiply(float (&d)[N / 2], u64 a, u64 b, bool add) {
  if constexpr (kBytes == 2)
    wgmma_m64nNk16_bf16<N>(d, a, b, add);
  else
    wgmma_m64nNk32_e4m3<N>(d, a, b, add);
}

// Maps: A [128][512 bytes], B [N][512 bytes], boxes of 128 bytes a row with swizzle 128; buffer 0: C [128][N] floats.
// Two groups of 64 rows and a producer warp, which hands its registers on; two stages of 128 bytes of k.
// With kColumns B is bf16 [256][N], boxes of 64 k x 64 columns.
template <int N, int kBytes, bool kColumns = false> struct Wgmma {
  static constexpr int kThreads = 3 * 128, kMinBlocks = 1, kMaps = 2;
  static constexpr int kStages = 2, kSteps = 4, kStep = 128 / kBytes, kBoxes = (N + 63) / 64;
  static constexpr int kStageBytes = (128 + (kColumns ? kBoxes * 64 : N)) * 128;
  static constexpr int kSharedBytes = kStages * kStageBytes + 2 * kStages * 8;

  R1_DEVICE static void tile(const Arguments& a, const TensorMap* maps, int, u8* shared) {
    Barrier* full = reinterpret_cast<Barrier*>(shared + kStages * kStageBytes);
    Barrier* empty = full + kStages;
    start_barriers(full, kStages, 1);
    start_barriers(empty, kStages, 8);
    sync_block();
    const int group = warp_index() / 4;
    if (group == 2) {
      set_registers_dec<40>();
      if (thread_index() == 256)
        R1_ROLLED for (int step = 0; step < kSteps; ++step) {
          const int s = step % kStages;
          barrier_wait(empty + s, (step / kStages & 1) ^ 1);
          barrier_expect(full + s, kStageBytes);
          tma_load_2d(shared + s * kStageBytes, maps, full + s, step * kStep, 0);
          if constexpr (!kColumns)
            tma_load_2d(shared + s * kStageBytes + 128 * 128, maps + 1, full + s, step * kStep, 0);
          else
            for (int box = 0; box < kBoxes; ++box)
              tma_load_2d(shared + s * kStageBytes + (128 + box * 64) * 128, maps + 1, full + s, box * 64,
                          step * kStep);
        }
    } else {
      set_registers_inc<232>();
      float d[N / 2];
      R1_ROLLED for (int step = 0; step < kSteps; ++step) {
        const int s = step % kStages;
        barrier_wait(full + s, step / kStages & 1);
        const u64 x = wgmma_descriptor_128b(shared + s * kStageBytes + group * 64 * 128);
        const u8* b = shared + s * kStageBytes + 128 * 128;
        const u64 y = kColumns ? wgmma_descriptor_128b_columns(b, 64 * 128) : wgmma_descriptor_128b(b);
        wgmma_fence_registers(d);
        wgmma_fence();
        R1_UNROLL for (int k = 0; k < 128; k += 32) {
          if constexpr (kColumns)
            wgmma_m64nNk16_bf16_columns<N>(d, wgmma_advance(x, k), wgmma_advance(y, k * 64), step + k > 0);
          else
            multiply<kBytes, N>(d, wgmma_advance(x, k), wgmma_advance(y, k), step + k > 0);
        }
        wgmma_commit();
        wgmma_wait<0>();
        wgmma_fence_registers(d);
        if (lane_index() == 0)
          barrier_arrive(empty + s);
      }
      const int row = group * 64 + warp_index() % 4 * 16 + lane_index() / 4, column = lane_index() % 4 * 2;
      R1_UNROLL for (int i = 0; i < N / 2; ++i)
          a.out<float>(0)[(row + i / 2 % 2 * 8) * N + i / 4 * 8 + column + i % 2] = d[i];
    }
  }
};

// How fast a multiprocessor multiplies from shared memory: two groups of 64 x 256, buffer 0 holds the number of rounds of 4 products.
template <int kBytes> struct WgmmaRate : Block<(128 + 256) * 128, 256> {
  static constexpr int N = 256;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    for (int i = thread_index(); i < (128 + N) * 128 / 4; i += 256)
      reinterpret_cast<u32*>(shared)[i] = u32(i * 2654435761u) & 0x3f3f3f3f;
    fence_async_proxy();
    sync_block();
    const u64 x = wgmma_descriptor_128b(shared + warp_index() / 4 * 64 * 128),
              y = wgmma_descriptor_128b(shared + 128 * 128);
    const int rounds = a.in<int>(0)[0];
    float d[N / 2];
    R1_ROLLED for (int round = 0; round < rounds; ++round) {
      wgmma_fence_registers(d);
      wgmma_fence();
      R1_UNROLL for (int k = 0; k < 128; k += 32)
          multiply<kBytes, N>(d, wgmma_advance(x, k), wgmma_advance(y, k), round + k > 0);
      wgmma_commit();
      wgmma_wait<0>();
      wgmma_fence_registers(d);
    }
    float sum = 0;
    R1_UNROLL for (int i = 0; i < N / 2; ++i) sum += d[i];
    if (sum == -1.f) // never: so that nothing is left out
      a.out<float>(1)[global_thread(tile)] = sum;
  }
};

#endif

} // namespace

R1_KERNELS_80(R1_CUDA_KERNEL)
#if R1_SM >= 89
R1_KERNELS_89(R1_CUDA_KERNEL)
#endif
#if R1_SM >= 90
R1_KERNELS_90(R1_CUDA_KERNEL)
R1_KERNELS_90_MAPS(R1_CUDA_KERNEL_MAPS)
#endif
#if R1_SM == 90 && R1_SM_A
R1_KERNELS_90A(R1_CUDA_KERNEL)
R1_KERNELS_90A_MAPS(R1_CUDA_KERNEL_MAPS)
#endif
