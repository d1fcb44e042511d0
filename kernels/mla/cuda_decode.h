// Latent attention of one new token per sequence, absorbed: scores and values straight from the latents, many
// heads at once, the context divided into splits that mla_combine joins. sm_80 and up: mma.sync and cp.async.
//
//   Per token and context position, H heads, L = kv_lora, R = rope:
//     bytes      2 (L + R) of cache, 1152 for R1, read once from memory and ceil(H / rows) times from L2
//     operations 2 H (2 L + R): 278 k for R1's 128 heads, 34.8 k for the 16 of one of eight chips
//   Bound: 242 operations a byte at 128 heads, about what the chips balance at (H100 dense bf16: 295), so
//   operations bound it there, and bytes at 16 heads.
//   Shared memory, read by ldmatrix at 128 bytes a cycle, for an operation of 4096 (one mma): 384 bytes in the
//   scores and 128 in the outputs with 64 rows; 768 and 320 with 16. So at 64 rows the first product is bound
//   by shared memory where the chip does more than one mma in three cycles.
//
// Schedule: a block takes a token, a split and up to kRows heads; the heads of a token that need the same pages
// have neighbouring tile numbers, so that L2 serves all but the first. See cuda_block.h for the step.
//
// Grid: Tokens x max_splits x ceil(heads / kRows). Needs no scratch.
#pragma once
#include "kernels/mla/cuda_block.h"

namespace r1::cuda {

template <class Config, class Holes> struct MlaDecode {
  struct Tile {
    static constexpr kernels::CudaMlaTile kTile =
        kernels::cuda_mla_decode_tile(R1_SM, Config::heads, Config::kv_lora, Config::rope);
  };
  using Block = MlaBlock<Config, Tile>;
  static constexpr int kThreads = Block::kThreads, kSharedBytes = Block::kSharedBytes, kMinBlocks = 1;
  static constexpr int kHeads = int(Config::heads), kRows = Block::kRows;
  static constexpr int kHeadBlocks = (kHeads + kRows - 1) / kRows, kSplits = int(Config::max_splits);
  static constexpr int kTokens = Block::kTokens, kStages = Block::kStages, kLatent = Block::kLatent;

  // The pages of one token's split, a stage of rows at a time.
  struct Pages {
    const bf16* cache;
    const int* table;
    int first, stop; // context positions
    bool aligned;

    R1_DEVICE int position(int step) const { return first + step * kTokens; }
    R1_DEVICE int page(int step) const {
      return position(step) < stop ? table[position(step) / Block::kPageTokens] : 0;
    }
    R1_DEVICE void load(u8* shared, int step, int page) const {
      if (position(step) < stop)
        Block::template load_rows<Block::kKey>(
            Block::stage(shared, step),
            cache + ((long long)page * Block::kPageTokens + position(step) % Block::kPageTokens) *
                        Config::token_stride,
            Config::token_stride, stop - position(step), aligned);
      copy_async_commit();
    }
  };

  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int head = tile % kHeadBlocks * kRows, split = tile / kHeadBlocks % kSplits;
    const int token = tile / kHeadBlocks / kSplits;
    if (token >= a.dims[0])
      return;
    float* partial = a.out<float>(6) + ((long long)token * kSplits + split) * kHeads * (kLatent + 2);
    const int seen = a.in<int>(3)[token] + 1;
    const int length = kernels::cuda_mla_split(seen, int(Config::split_tokens), kSplits);
    Pages pages;
    pages.cache = a.in<bf16>(2);
    pages.table = a.in<int>(5) + (long long)a.in<int>(4)[token] * Config::pages_per_sequence;
    pages.first = split * length;
    pages.stop = seen - pages.first < length ? seen : pages.first + length;
    pages.aligned = Config::token_stride % 8 == 0 && is_aligned(pages.cache, 16);
    if (pages.first >= pages.stop) {
      for (int h = head + thread_index(); h < kHeads && h < head + kRows; h += kThreads)
        store_ends(partial, h, -math::infinity(), 0);
      return;
    }

    R1_UNROLL for (int i = 0; i < kStages - 1; ++i) pages.load(shared, i, pages.page(i));
    int page = pages.page(kStages - 1); // read a step before it is needed
    fill(a, token, head, shared);
    typename Block::State state;
    Block::start(state);
    for (int step = 0; pages.position(step) < pages.stop; ++step) {
      copy_async_wait<kStages - 2>();
      sync_block();
      pages.load(shared, step + kStages - 1, page);
      page = pages.page(step + kStages);
      const int last = pages.stop - pages.position(step) - 1;
      Block::attend(shared, Block::stage(shared, step), [&](int) { return last; }, ~0u, state);
    }
    copy_async_wait<0>();
    Block::join_sums(shared, state);
    store(partial, head, state, shared);
  }

  // The queries of kRows heads, latent part and rotary part; zeros where there is no head.
  R1_DEVICE static void fill(const Arguments& a, int token, int head, u8* shared) {
    const bf16* latent = a.in<bf16>(0) + token * Config::q_latent_stride;
    const bf16* rope = a.in<bf16>(1) + token * Config::q_rope_stride;
    Block::template fill_queries<0, kLatent, kLatent>(shared, [&](int row) {
      return head + row < kHeads ? latent + (long long)(head + row) * kLatent : nullptr;
    });
    Block::template fill_queries<kLatent, Config::rope, Block::kWidth>(shared, [&](int row) {
      return head + row < kHeads ? rope + (head + row) * Config::q_rope_head_stride : nullptr;
    });
  }

  R1_DEVICE static void store_ends(float* partial, int head, float maximum, float sum) {
    partial[(long long)head * (kLatent + 2) + kLatent] = maximum;
    partial[(long long)head * (kLatent + 2) + kLatent + 1] = sum;
  }

  R1_DEVICE static void store(float* partial, int head, const typename Block::State& state, u8* shared) {
    if (warp_index() % Block::kScoreWarps == 0 && lane_index() % 4 == 0)
      R1_UNROLL for (int i = 0; i < Block::kScoreRows; ++i) R1_UNROLL for (int half = 0; half < 2; ++half) {
        const int row = Block::score_row(i, half);
        if (head + row < kHeads)
          store_ends(partial, head + row, state.maximum[i][half], Block::sum_of(shared, row));
      }
    R1_UNROLL for (int i = 0; i < Block::kRowTiles; ++i) R1_UNROLL for (int half = 0; half < 2; ++half) {
      const int row = Block::out_row(i, half);
      if (head + row >= kHeads)
        continue;
      R1_UNROLL for (int t = 0; t < Block::kColumns; ++t) R1_UNROLL for (int n = 0; n < 2; ++n) {
        const int column = Block::out_column(t, n);
        const float pair[2] = {state.out[i][t][n][half * 2], state.out[i][t][n][half * 2 + 1]};
        store_lanes<float, 2>(partial + (long long)(head + row) * (kLatent + 2) + column, kLatent - column,
                              pair);
      }
    }
  }
};

} // namespace r1::cuda
