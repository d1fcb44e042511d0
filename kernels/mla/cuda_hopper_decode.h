// Latent attention of one new token per sequence on sm_90a: warp groups and the copy engine. Parameters, buffers and
// partial results of mla_decode (cuda_decode.h, whose arithmetic holds here too); the schedule, with its cycles, is in
// cuda_hopper_block.h.
//
// A block takes a token, a split and up to 64 heads; rows without a head are zeros and are not stored. Heads of a token
// that need the same pages have neighbouring tile numbers, so that L2 serves all but the first.
//   Besides its pages a split costs 2 (L + R) H bytes of queries and 4 (L + 2) H of partial results, written here and
//   read by mla_combine, all from and to L2: at 64 heads as much as 290 tokens of the cache, at 16 heads 73.
//
// Tensor map 0, of the cache (bf16, swizzle 128B): dims {kv_lora + rope, 64, pages}, strides {token_stride, 64 *
// token_stride}, box {64, 64, 1}. So token_stride is a multiple of 8.
//
// Grid: Tokens x max_splits x ceil(heads / 64).
#pragma once
#include "kernels/mla/cuda_hopper_block.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class Config, class Holes> struct MlaDecodeHopper {
  using Block = MlaHopperBlock<Config>;
  static constexpr int kThreads = Block::kThreads, kSharedBytes = Block::kSharedBytes, kMinBlocks = 1,
                       kMaps = 1;
  static constexpr int kRows = Block::kRows, kHeads = int(Config::heads), kLatent = Block::kLatent;
  static constexpr int kHeadBlocks = (kHeads + kRows - 1) / kRows, kSplits = int(Config::max_splits);

  // What a block works on: positions [first, stop) of a sequence, and heads from `head` on.
  struct Work {
    const int* table;
    int first, stop, head;

    R1_DEVICE int position(int step) const { return first + step * Block::kPageTokens; }
    R1_DEVICE int steps() const { return (stop - first + Block::kPageTokens - 1) / Block::kPageTokens; }
    R1_DEVICE int page(int step) const { return table[position(step) / Block::kPageTokens]; }
  };

  R1_DEVICE static void tile(const Arguments& a, const TensorMap* maps, int tile, u8* memory) {
    const int head = tile % kHeadBlocks * kRows, split = tile / kHeadBlocks % kSplits;
    const int token = tile / kHeadBlocks / kSplits;
    if (token >= a.dims[0])
      return;
    float* partial = a.out<float>(6) + ((long long)token * kSplits + split) * kHeads * (kLatent + 2);
    const int seen = a.in<int>(3)[token] + 1;
    const int length = kernels::cuda_mla_split(seen, int(Config::split_tokens), kSplits);
    Work work;
    work.table = a.in<int>(5) + (long long)a.in<int>(4)[token] * Config::pages_per_sequence;
    work.first = split * length;
    work.stop = seen - work.first < length ? seen : work.first + length;
    work.head = head;
    if (work.first >= seen) {
      for (int h = head + thread_index(); h < kHeads && h < head + kRows; h += kThreads)
        store_ends(partial, h, -math::infinity(), 0);
      return;
    }
    const typename Block::Shared shared{memory};
    if (Block::is_loader()) {
      Block::start(shared);
      tma_prefetch(maps);
      for (int step = 0; step < Block::kStages && step < work.steps(); ++step)
        Block::load(shared, step, Block::kChunks, maps, 0, work.page(step));
    }
    fill(a, token, head, memory);
    fence_async_proxy();
    sync_block();
    if (Block::is_scorer())
      score(work, shared, partial);
    else
      sum(work, maps, shared, partial);
    Block::finish(shared);
  }

private:
  // The queries of 64 heads, latent part and rotary part; zeros where there is no head. The block waits for nothing
  // else at its start, so several pieces are under way at once where they are aligned.
  R1_DEVICE static void fill(const Arguments& a, int token, int head, u8* to) {
    const bf16* latent = a.in<bf16>(0) + token * Config::q_latent_stride;
    const bf16* rope = a.in<bf16>(1) + token * Config::q_rope_stride;
    if (Config::rope % 8 == 0 && Config::q_rope_head_stride % 8 == 0 && is_aligned(latent, 16) &&
        is_aligned(rope, 16))
      fill_pieces<6>(latent, rope, head, to);
    else
      fill_pieces<1>(latent, rope, head, to);
  }
  template <int kAtOnce>
  R1_DEVICE static void fill_pieces(const bf16* latent, const bf16* rope, int head, u8* to) {
    constexpr int kPieces = Block::kChunks * 8, kAll = kRows * kPieces;
    for (int first = thread_index(); first < kAll; first += kThreads * kAtOnce) {
      u32x4 piece[kAtOnce];
      R1_UNROLL for (int j = 0; j < kAtOnce; ++j) {
        const int i = first + j * kThreads, c = i % kPieces * 8, h = head + i / kPieces;
        const bf16* from = c < kLatent ? latent + (long long)h * kLatent + c
                                       : rope + h * Config::q_rope_head_stride + c - kLatent;
        const int count = i >= kAll || h >= kHeads ? 0 : c < kLatent ? 8 : Block::kKey - c;
        if (kAtOnce > 1) // whole pieces
          piece[j] = count > 0 ? load16(from) : u32x4{0, 0, 0, 0};
        else
          piece[j] = load_elements(from, count);
      }
      R1_UNROLL for (int j = 0; j < kAtOnce; ++j) {
        const int i = first + j * kThreads;
        if (i < kAll)
          store16(to + Block::column_at(i / kPieces, i % kPieces * 8), piece[j]);
      }
    }
  }

  R1_DEVICE static void score(const Work& work, const typename Block::Shared& shared, float* partial) {
    typename Block::State state;
    Block::start(state);
    const int steps = work.steps();
    R1_ROLLED for (int step = 0; step < steps; ++step) {
      const int tokens = work.stop - work.position(step), last[2] = {tokens - 1, tokens - 1};
      Block::score_page(shared, step, tokens, last, state);
    }
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      const float sum = Block::sum_of(state, half);
      const int h = work.head + Block::row() + half * 8;
      if (lane_index() % 4 == 0 && h < kHeads)
        store_ends(partial, h, state.maximum[half] * float(Config::scale), sum);
    }
  }

  R1_DEVICE static void sum(const Work& work, const TensorMap* maps, const typename Block::Shared& shared,
                            float* partial) {
    typename Block::Sums out;
    const int steps = work.steps();
    R1_ROLLED for (int step = 0; step < steps; ++step) {
      const int later = step + Block::kStages;
      const bool loads = Block::is_loader() && later < steps;
      const int page = loads ? work.page(later) : 0; // read before it is needed
      Block::await_scorer(shared, step);
      if (step > 0)
        Block::rescale(shared, out);
      Block::accumulate(shared, step, step > 0, out);
      Block::release(shared, step);
      if (loads)
        Block::load(shared, later, Block::kChunks, maps, 0, page);
    }
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      const int h = work.head + Block::row() + half * 8;
      if (h < kHeads)
        R1_UNROLL for (int i = half * 2; i < Block::kSums; i += 4) {
          const int column = Block::group() * Block::kColumns + Block::column(i);
          const float pair[2] = {out[i], out[i + 1]};
          store_lanes<float, 2>(partial + (long long)h * (kLatent + 2) + column, 2, pair);
        }
    }
  }

  R1_DEVICE static void store_ends(float* partial, int head, float maximum, float sum) {
    partial[(long long)head * (kLatent + 2) + kLatent] = maximum;
    partial[(long long)head * (kLatent + 2) + kLatent + 1] = sum;
  }
};

} // namespace r1::cuda

#endif
