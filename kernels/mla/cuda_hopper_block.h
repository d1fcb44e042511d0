// A block of 64 queries against pages of the latent cache on sm_90a, what mla_decode_hopper and mla_prefill_hopper
// share: warp groups with one duty each, which meet at barriers with phases alone.
//
//   scorer    scores [64 rows][64 tokens] = queries * page^T, softmax; leaves probabilities as bf16 and what earlier
//             outputs must be multiplied with
//   values    one or two groups, each with its columns of the outputs [64][kv_lora] in registers:
//             outputs = outputs * factor + probabilities * page, the page read as [token][column]
//   copies    the copy engine fills a ring of two stages, a stage a page of 64 rows. The first thread of the values
//             has it do so: when its own products are done it waits for the other group's alone, which end with them
//
// Cycles of a page on a multiprocessor, R1's kv_lora 512 and rope 64 (a page is 72 KiB):
//   tensor cores      64 * 64 * 576 multiply-adds at 2048 a cycle: 1152; outputs 64 * 64 * 512: 1024; together 2176
//   shared memory     128 bytes a cycle. 36 products m64n64k16 read 4 KiB each, 8 products m64n256k16 10 KiB each, the
//                     copy engine writes 72 KiB: 2370
//   memory            3.35 TB/s over 132 multiprocessors at 1.75 GHz: 5080, and 2540 where two blocks of heads share a
//                     page by way of L2, which gives them some 5.5 TB/s: 3090
//   softmax           some 500, 256 of them for exponentials at 16 a cycle
// So up to 64 heads memory bounds it by a factor of two, and every schedule that keeps copies under way will do. At 128
// all are near each other, L2 first: 3090 cycles are 670 TFLOP/s. (A cluster of two blocks could have a page copied to
// both at once.) Who does the scores:
//   one group that also holds half of the outputs (scores, softmax, its outputs; the other group takes the
//   probabilities from shared memory)      1152 + 500 + 1024 = 2680 a page in a row: no product runs beside the softmax
//   each group the scores of every second page, both both outputs (FlashMLA's seesaw)    2370, but it walks pages in
//   pairs, so both stages are taken when it begins and copies wait for its end
//   a group of its own       scores of a page run beside the outputs of the page before, as soon as either has come:
//   2176 + 500 where the copies are ahead of it, else the copies' time
// The last is the simplest and needs no order between products of different pages. A fourth group for the copies would
// leave 128 registers a thread at the start, fewer than a product with 128 sums may be compiled for; with three groups
// it is 168, enough for all.
//
// Barriers: full (a chunk of a stage has come), empty (value warps are done with a stage and the probabilities), weights
// (the scorer's warps have left probabilities and factors). Probabilities have one buffer: the next ones are written
// after the value groups are done with these, while their scores are done already.
//
// Tokens of a page that no row sees may hold anything, also NaN, which a probability of 0 does not take away. The copy
// engine cannot cut a page, so the scorer overwrites those rows with zeros.
//
// Shared memory is laid out in kernels/registry/cuda_mla.h; all matrices are chunks of 64 rows x 128 bytes in swizzle
// 128B.
#pragma once
#include "kernels/mla/cuda_elements.h"
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/primitives/cuda/warp.h"
#include "kernels/primitives/cuda/wgmma.h"
#include "kernels/registry/cuda_mla.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

// Config: MlaParams.
template <class Config> struct MlaHopperBlock {
  static constexpr kernels::CudaMlaHopperTile kTile =
      kernels::cuda_mla_hopper_tile(Config::kv_lora, Config::rope);
  static_assert(kTile.chunks > 0, "kv_lora is no width of products, or too wide for shared memory");
  static constexpr int kRows = kernels::kCudaMlaHopperRows, kPageTokens = 64, kStages = 2;
  static constexpr int kChunks = kTile.chunks, kChunkBytes = 64 * 128, kStageBytes = kChunks * kChunkBytes;
  static constexpr int kLatent = int(Config::kv_lora), kKey = kLatent + int(Config::rope);
  static constexpr int kLatentChunks = (kLatent + 63) / 64;
  static constexpr int kValueGroups = kTile.value_groups, kColumns = kTile.columns, kSums = kColumns / 2;
  static constexpr int kThreads = kTile.threads, kSharedBytes = kTile.shared_bytes;

  using Scores = float[32]; // rows g and g + 8, as wgmma.h says
  using Sums = float[kSums];

  // What a row of scores has come to. `maximum` is of scores before they are scaled.
  struct State {
    float maximum[2], sum[2]; // of rows g and g + 8; the sum of the thread's own tokens
  };

  struct Shared {
    u8* base;

    R1_DEVICE u8* queries() const { return base; }
    R1_DEVICE u8* stage(int step) const { return base + (1 + step % kStages) * kStageBytes; }
    R1_DEVICE u8* weights() const { return base + (1 + kStages) * kStageBytes; }
    R1_DEVICE float* factors() const { return reinterpret_cast<float*>(weights() + kChunkBytes); }
    R1_DEVICE Barrier* full(int step, int chunk) const {
      return reinterpret_cast<Barrier*>(factors() + kRows) + step % kStages * kChunks + chunk;
    }
    R1_DEVICE Barrier* empty(int step) const { return full(0, 0) + kStages * kChunks + step % kStages; }
    R1_DEVICE Barrier* weights_there() const { return full(0, 0) + kStages * kChunks + kStages; }
  };
  R1_DEVICE static int parity(int step) { return step / kStages % 2; }
  static constexpr int kBarriers = kStages * kChunks + kStages + 1;

  // Where 16 bytes of a chunk's row lie: what the swizzle does.
  R1_DEVICE static int piece_at(int row, int piece) { return row * 128 + (piece ^ (row & 7)) * 16; }
  // The same in a row of chunks, where `column` is a multiple of 8 elements.
  R1_DEVICE static int column_at(int row, int column) {
    return column / 64 * kChunkBytes + piece_at(row, column % 64 / 8);
  }

  // ---- who a thread is
  R1_DEVICE static int group() { return warp_index() / 4; } // values first, then the scorer
  R1_DEVICE static bool is_scorer() { return group() == kValueGroups; }
  R1_DEVICE static bool is_loader() { return thread_index() == 0; }
  // The first of a thread's rows; the other is 8 below.
  R1_DEVICE static int row() { return warp_index() % 4 * 16 + lane_index() / 4; }
  // Of sums i and, one more, i + 1, in the group's columns; i % 4 is 0 for the first row, 2 for the other.
  R1_DEVICE static int column(int i) { return i / 4 * 8 + lane_index() % 4 * 2; }

  // By the loader, who may use the barriers at once; the others when the block has met.
  R1_DEVICE static void start(const Shared& shared) {
    for (int i = 0; i < kStages * kChunks; ++i)
      barrier_init(shared.full(0, 0) + i, 1);
    for (int i = 0; i < kStages; ++i)
      barrier_init(shared.empty(i), kValueGroups * 4);
    barrier_init(shared.weights_there(), 4);
    barrier_fence_init();
  }
  R1_DEVICE static void finish(const Shared& shared) {
    sync_block();
    if (is_loader())
      for (int i = 0; i < kBarriers; ++i)
        barrier_invalidate(shared.full(0, 0) + i);
  }

  // ---- loader. Chunks [0, count) of the stage from a map whose box is a chunk; the others count as come.
  R1_DEVICE static void load(const Shared& shared, int step, int count, const TensorMap* map, int row,
                             int page) {
    barrier_wait(shared.empty(step), parity(step) ^ 1);
    R1_ROLLED for (int chunk = 0; chunk < kChunks; ++chunk) {
      Barrier* full = shared.full(step, chunk);
      if (chunk < count) {
        barrier_expect(full, kChunkBytes);
        tma_load_3d(shared.stage(step) + chunk * kChunkBytes, map, full, chunk * 64, row, page);
      } else {
        barrier_arrive(full);
      }
    }
  }

  // ---- scorer
  // Scores of all rows with the stage's rows over the first `chunks` chunks, each taken up as it comes.
  R1_DEVICE static void scores(const Shared& shared, int step, int chunks, Scores& s) {
    R1_ROLLED for (int chunk = 0; chunk < chunks; ++chunk) {
      barrier_wait(shared.full(step, chunk), parity(step));
      wgmma_fence_registers(s);
      wgmma_fence();
      const u64 q = wgmma_descriptor_128b(shared.queries() + chunk * kChunkBytes);
      const u64 page = wgmma_descriptor_128b(shared.stage(step) + chunk * kChunkBytes);
      R1_UNROLL for (int k = 0; k < 4; ++k)
          wgmma_m64nNk16_bf16<64>(s, wgmma_advance(q, k * 32), wgmma_advance(page, k * 32), chunk + k > 0);
      wgmma_commit();
      wgmma_fence_registers(s);
    }
    wgmma_wait<0>();
    wgmma_fence_registers(s);
  }

  // Rows of the stage from `count` on are zeros afterwards, as far as they are values. After scores() of the step.
  R1_DEVICE static void clear_rows(const Shared& shared, int step, int count) {
    const int piece = thread_index() % 8;
    for (int row = count + thread_index() % 128 / 8; row < kPageTokens; row += 16)
      R1_UNROLL for (int chunk = 0; chunk < kLatentChunks; ++chunk)
          store16(shared.stage(step) + chunk * kChunkBytes + row * 128 + piece * 16, u32x4{0, 0, 0, 0});
  }

  // Before weights and factors of a step are written.
  R1_DEVICE static void await_weights(const Shared& shared, int step) {
    if (step > 0)
      barrier_wait(shared.empty(step - 1), parity(step - 1));
  }
  // After them.
  R1_DEVICE static void hand_over(const Shared& shared) {
    fence_async_proxy();
    sync_warp();
    if (lane_index() == 0)
      barrier_arrive(shared.weights_there());
  }

  R1_DEVICE static void start(State& state) {
    state.maximum[0] = state.maximum[1] = -math::infinity();
    state.sum[0] = state.sum[1] = 0;
  }

  // Scores to probabilities, online. A row sees the page's tokens 0 .. last[half]; each has seen one since the start.
  // NaN scores do not raise the maximum, but their exponentials are NaN and stay so in the sum and the output.
  R1_DEVICE static void softmax(const Shared& shared, int step, const int (&last)[2], Scores& s,
                                State& state) {
    constexpr float kLog2E = 1.44269504f, kScale = float(Config::scale) * kLog2E;
    static_assert(Config::scale > 0, "the largest score is the largest before it is scaled");
    float factor[2];
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      if (last[half] < kPageTokens - 1)
        R1_UNROLL for (int i = half * 2; i < 32; i += 4) R1_UNROLL for (int e = 0; e < 2; ++e) s[i + e] =
            column(i) + e <= last[half] ? s[i + e] : -math::infinity();
      float most = state.maximum[half];
      R1_UNROLL for (int i = half * 2; i < 32; i += 4) most = math::max(most, math::max(s[i], s[i + 1]));
      most = math::max(most, shuffle_xor(most, 1));
      most = math::max(most, shuffle_xor(most, 2));
      const float base = most * kScale;
      factor[half] = math::fast_exp2(state.maximum[half] * kScale - base);
      float sum = state.sum[half] * factor[half];
      R1_UNROLL for (int i = half * 2; i < 32; i += 4) R1_UNROLL for (int e = 0; e < 2; ++e) {
        s[i + e] = math::fast_exp2(math::fma(s[i + e], kScale, -base));
        sum += s[i + e];
      }
      state.maximum[half] = most;
      state.sum[half] = sum;
    }
    await_weights(shared, step);
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      R1_UNROLL for (int i = half * 2; i < 32; i += 4) {
        u8* to = shared.weights() + piece_at(row() + half * 8, i / 4) + lane_index() % 4 * 4;
        *reinterpret_cast<u32*>(to) = pack_bf16x2(s[i], s[i + 1]);
      }
      if (lane_index() % 4 == 0)
        shared.factors()[row() + half * 8] = factor[half];
    }
  }

  // One page: probabilities and factors of its `tokens` tokens, those of a row up to last[half]; then the values may.
  R1_DEVICE static void score_page(const Shared& shared, int step, int tokens, const int (&last)[2],
                                   State& state) {
    Scores s;
    scores(shared, step, kChunks, s);
    softmax(shared, step, last, s, state);
    if (tokens < kPageTokens) {
      sync_threads(1, 128); // all of the scorer's products are done
      clear_rows(shared, step, tokens);
    }
    hand_over(shared);
  }

  // The row's sum from its four threads.
  R1_DEVICE static float sum_of(const State& state, int half) {
    float sum = state.sum[half];
    sum += shuffle_xor(sum, 1);
    sum += shuffle_xor(sum, 2);
    return sum;
  }

  // ---- values
  R1_DEVICE static int first_chunk() { return group() * kColumns / 64; } // of the group's columns
  R1_DEVICE static void await_scorer(const Shared& shared, int step) {
    barrier_wait(shared.weights_there(), step & 1);
  }
  R1_DEVICE static void release(const Shared& shared, int step) {
    sync_warp(); // all lanes have their factors
    if (lane_index() == 0)
      barrier_arrive(shared.empty(step));
  }

  R1_DEVICE static void rescale(const Shared& shared, Sums& out) {
    const float low = shared.factors()[row()], high = shared.factors()[row() + 8];
    if (ballot(low != 1 || high != 1)) // seldom after the first pages
      R1_UNROLL for (int i = 0; i < kSums; ++i) out[i] *= i / 2 % 2 ? high : low;
  }

  // out = weights * stage, + out where add. The scorer's barrier has been awaited.
  R1_DEVICE static void accumulate(const Shared& shared, int step, bool add, Sums& out) {
    const int first = first_chunk();
    R1_UNROLL for (int i = 0; i < (kColumns + 63) / 64; ++i)
        barrier_wait(shared.full(step, first + i), parity(step));
    sync_warp(); // the loader is back
    const u64 w = wgmma_descriptor_128b(shared.weights());
    const u64 page = wgmma_descriptor_128b_columns(shared.stage(step) + first * kChunkBytes, kChunkBytes);
    wgmma_fence_registers(out);
    wgmma_fence();
    R1_UNROLL for (int k = 0; k < 4; ++k) wgmma_m64nNk16_bf16_columns<kColumns>(
        out, wgmma_advance(w, k * 32), wgmma_advance(page, k * 2048), add || k > 0);
    wgmma_commit();
    wgmma_wait<0>();
    wgmma_fence_registers(out);
  }
};

} // namespace r1::cuda

#endif
