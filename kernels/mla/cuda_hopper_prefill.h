// Latent attention of a prompt's chunk on sm_90a: buffers, parameters and arithmetic of mla_prefill (cuda_prefill.h), in
// the schedule of cuda_hopper_block.h.
//
// A block's 64 queries are q_block tokens of 64 / q_block heads, head by head. Three kinds of pages follow each other in
// the ring without a gap:
//   W_UK of each head    the scorer leaves q_nope in place of probabilities: outputs += q_nope * W_UK are the absorbed
//                        queries, which the values put into shared memory as bf16
//   pages of the cache   as in decode; a row sees the tokens up to its own position
//   W_UV of each head    the values put their outputs, divided by the sums, in place of the queries; scores of these
//                        with rows of W_UV are the results, which the scorer stores
//
//   Of R1, one head and 64 tokens at context C: 4 pages of weights of 64 KiB from L2 beside C / 64 of 72. Pages come from L2,
//   3090 cycles each, and take 2176 cycles of the tensor cores (cuda_hopper_block.h): 670 TFLOP/s, of 1088 multiply-adds
//   a query and position.
// Tiles of the last tokens have most to do, so they come first.
//
// Tensor maps (bf16, swizzle 128B, box {64, 64, 1}):
//   0: the cache  dims {kv_lora + rope, 64, pages}   strides {token_stride, 64 * token_stride}
//   1: W_UK       dims {kRowLength, nope, heads}     strides {kRowLength, nope * kRowLength}, kv_lora rounded up to 64
//   2: W_UV       dims {kRowLength, v, heads}        the same
//
// Grid: ceil(Tokens / q_block) x ceil(heads / (64 / q_block)). q_block is a power of two up to 64.
#pragma once
#include "kernels/mla/cuda_hopper_block.h"

#if R1_SM == 90 && R1_SM_A

namespace r1::cuda {

template <class Config, class Holes> struct MlaPrefillHopper {
  using Block = MlaHopperBlock<Config>;
  static constexpr int kThreads = Block::kThreads, kSharedBytes = Block::kSharedBytes, kMinBlocks = 1,
                       kMaps = 3;
  static constexpr int kRows = Block::kRows, kBlock = int(Config::q_block);
  static_assert(kBlock >= 1 && kRows % kBlock == 0, "q_block: a power of two, at most 64");
  static constexpr int kAllHeads = int(Config::heads), kHeads = kRows / kBlock;
  static constexpr int kHeadBlocks = (kAllHeads + kHeads - 1) / kHeads;
  static constexpr int kLatent = Block::kLatent, kPageTokens = Block::kPageTokens, kPiece = 8;
  static constexpr int kNope = int(Config::nope), kV = int(Config::v), kQuery = kNope + int(Config::rope);
  static constexpr int kNopeSteps = (kNope + 63) / 64, kVSteps = (kV + 63) / 64;
  using Shared = typename Block::Shared;

  struct Work {
    const Arguments& a;
    const TensorMap* maps;
    Shared shared;
    int token = 0, tokens = 0; // the first and how many
    int head = 0, heads = 0;
    const int* table = nullptr;
    int stop = 0; // context positions seen
    // Of the ring: [0, pages) W_UK, [pages, results) the cache, [results, steps) W_UV.
    int pages = 0, results = 0, steps = 0;

    R1_DEVICE int position(int step) const { return (step - pages) * kPageTokens; }
    R1_DEVICE void load(int step) const {
      if (step < pages) {
        load_weight<kNopeSteps>(step, maps + 1, step);
      } else if (step < results) {
        Block::load(shared, step, Block::kChunks, maps, 0, table[step - pages]);
      } else if (step < steps) {
        load_weight<kVSteps>(step, maps + 2, step - results);
      }
    }
    // Part `part` of the weights of all heads, kSteps parts a head.
    template <int kSteps> R1_DEVICE void load_weight(int step, const TensorMap* map, int part) const {
      Block::load(shared, step, Block::kLatentChunks, map, part % kSteps * 64, head + part / kSteps);
    }
    // A row's query, null where the block has none.
    R1_DEVICE const bf16* query(int row) const {
      const int t = row % kBlock, h = row / kBlock;
      return t < tokens && h < heads
                 ? a.in<bf16>(0) + (token + t) * Config::q_stride + (long long)(head + h) * kQuery
                 : nullptr;
    }
  };

  R1_DEVICE static void tile(const Arguments& a, const TensorMap* maps, int tile, u8* memory) {
    const int blocks = (a.dims[0] + kBlock - 1) / kBlock, block = blocks - 1 - tile / kHeadBlocks;
    if (block < 0)
      return;
    Work w{a, maps, {memory}};
    w.token = block * kBlock;
    w.head = tile % kHeadBlocks * kHeads;
    const int left = a.dims[0] - w.token;
    w.tokens = left < kBlock ? left : kBlock;
    w.heads = kAllHeads - w.head < kHeads ? kAllHeads - w.head : kHeads;
    w.table = a.in<int>(6) + (long long)a.in<int>(5)[w.token] * Config::pages_per_sequence;
    w.stop = a.in<int>(4)[w.token + w.tokens - 1] + 1;
    w.pages = w.heads * kNopeSteps;
    w.results = w.pages + (w.stop + kPageTokens - 1) / kPageTokens;
    w.steps = w.results + w.heads * kVSteps;

    if (Block::is_loader()) {
      Block::start(w.shared);
      R1_UNROLL for (int i = 0; i < kMaps; ++i) tma_prefetch(maps + i);
      for (int step = 0; step < Block::kStages; ++step)
        w.load(step);
    }
    fill_rotary(w);
    fence_async_proxy();
    sync_block();
    if (Block::is_scorer())
      score(w);
    else
      sum(w);
    Block::finish(w.shared);
  }

private:
  // The scorer and the values exchange queries, outputs and sums.
  R1_DEVICE static void meet() { sync_threads(2, kThreads); }

  // The queries' columns behind the latents.
  R1_DEVICE static void fill_rotary(const Work& w) {
    constexpr int kPieces = Block::kChunks * 8 - kLatent / kPiece;
    for (int i = thread_index(); i < kRows * kPieces; i += kThreads) {
      const int row = i / kPieces, c = i % kPieces * kPiece;
      const bf16* q = w.query(row);
      store16(w.shared.queries() + Block::column_at(row, kLatent + c),
              load_elements(q ? q + kNope + c : q, q ? int(Config::rope) - c : 0));
    }
  }

  // ---- the scorer
  R1_DEVICE static void score(const Work& w) {
    int step = 0;
    R1_ROLLED for (; step < w.pages; ++step) {
      Block::await_weights(w.shared, step);
      fill_nope(w, step / kNopeSteps, step % kNopeSteps * 64);
      Block::hand_over(w.shared);
    }
    meet(); // the queries are in the latent space
    int seen[2];
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      const int t = (Block::row() + half * 8) % kBlock;
      seen[half] = t < w.tokens ? w.a.template in<int>(4)[w.token + t] : 0;
    }
    typename Block::State state;
    Block::start(state);
    R1_ROLLED for (; step < w.results; ++step) {
      const int position = w.position(step), last[2] = {seen[0] - position, seen[1] - position};
      Block::score_page(w.shared, step, w.stop - position, last, state);
    }
    Block::await_weights(w.shared, step);
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      const float sum = Block::sum_of(state, half);
      if (lane_index() % 4 == 0)
        w.shared.factors()[Block::row() + half * 8] = 1 / sum;
    }
    meet(); // the values have the sums
    meet(); // and the outputs are where queries were
    R1_ROLLED for (; step < w.steps; ++step) {
      // Beyond kLatent the rotary queries remain; the weights are zero there, and a row whose rotary part is not
      // finite is NaN already.
      typename Block::Scores s;
      Block::scores(w.shared, step, Block::kLatentChunks, s);
      Block::await_weights(w.shared, step);
      Block::hand_over(w.shared);
      store(w, (step - w.results) / kVSteps, (step - w.results) % kVSteps * 64, s);
    }
  }

  // Columns [first, first + 64) of the queries of head `head` of the block, zeros in the other heads' rows.
  R1_DEVICE static void fill_nope(const Work& w, int head, int first) {
    for (int i = thread_index() % 128; i < kRows * 8; i += 128) {
      const int row = i / 8, c = first + i % 8 * kPiece;
      const bf16* q = row / kBlock == head ? w.query(row) : nullptr;
      store16(w.shared.weights() + Block::piece_at(row, i % 8),
              load_elements(q ? q + c : q, q ? kNope - c : 0));
    }
  }

  R1_DEVICE static void store(const Work& w, int head, int first, const typename Block::Scores& s) {
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      const int row = Block::row() + half * 8, t = row % kBlock;
      if (row / kBlock != head || t >= w.tokens)
        continue;
      bf16* out =
          w.a.template out<bf16>(7) + (w.token + t) * Config::out_stride + (long long)(w.head + head) * kV;
      R1_UNROLL for (int i = half * 2; i < 32; i += 4) {
        const int column = first + Block::column(i);
        const float pair[2] = {s[i], s[i + 1]};
        store_lanes<bf16, 2>(out + column, kV - column, pair);
      }
    }
  }

  // ---- the values
  R1_DEVICE static void sum(const Work& w) {
    typename Block::Sums out;
    int step = 0;
    R1_ROLLED for (; step < w.pages; ++step) {
      Block::await_scorer(w.shared, step);
      Block::accumulate(w.shared, step, step > 0, out);
      finish_step(w, step);
    }
    const float ones[2] = {1, 1};
    outputs_to_queries(w, out, ones);
    meet();
    R1_ROLLED for (; step < w.results; ++step) {
      Block::await_scorer(w.shared, step);
      if (step > w.pages)
        Block::rescale(w.shared, out);
      Block::accumulate(w.shared, step, step > w.pages, out);
      finish_step(w, step);
    }
    meet();
    const float inverse[2] = {w.shared.factors()[Block::row()], w.shared.factors()[Block::row() + 8]};
    outputs_to_queries(w, out, inverse);
    meet();
    R1_ROLLED for (; step < w.steps; ++step) {
      Block::await_scorer(w.shared, step);
      finish_step(w, step);
    }
  }

  R1_DEVICE static void finish_step(const Work& w, int step) {
    Block::release(w.shared, step);
    if (Block::is_loader())
      w.load(step + Block::kStages);
  }

  // Outputs, times `scale` of their row, as the latent columns of the queries.
  R1_DEVICE static void outputs_to_queries(const Work& w, const typename Block::Sums& out,
                                           const float (&scale)[2]) {
    u8* row = w.shared.queries() + Block::first_chunk() * Block::kChunkBytes + lane_index() % 4 * 4;
    // By pieces of a chunk's row, so that one address serves all chunks.
    R1_UNROLL for (int piece = 0; piece < 8; ++piece) {
      u8* first = row + Block::piece_at(Block::row(), piece);
      R1_UNROLL for (int i = piece * 4; i < Block::kSums; i += 32)
          R1_UNROLL for (int half = 0; half < 2; ++half) {
        u8* to = first + i / 32 * Block::kChunkBytes + half * 8 * 128;
        *reinterpret_cast<u32*>(to) =
            pack_bf16x2(out[i + half * 2] * scale[half], out[i + half * 2 + 1] * scale[half]);
      }
    }
    fence_async_proxy();
  }
};

} // namespace r1::cuda

#endif
