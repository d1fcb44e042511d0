// Latent attention of a prompt's chunk. The buffers are those of the plain form (queries and outputs of a head as
// they are, W_UK and W_UV beside them), but the block absorbs: it takes its queries into the latent space once,
// attends there as mla_decode does, and expands the outputs at the end. sm_80 and up: mma.sync and cp.async.
//
//   Multiply-adds of a head for Q queries that see C positions, L = kv_lora 512, N = nope, V = v 128, R = rope 64:
//     plain     Q C (N + R + V)      = 320 Q C, and for every block of queries C L (N + V) = 131,072 C to expand
//               keys and values: per query and position 320 + 131,072 / Q, with Q the block: 2,368 at 64, 832 at 256
//     absorbed  Q C (2 L + R) = 1,088 Q C, and once Q L (N + V): per query and position 1,088 + 131,072 / C
//   So absorbing is the cheaper one up to blocks of 170 queries, by 2.2 at 64 and 1.2 at 128 once C is thousands.
//   A plain block of 256 would save a quarter of that, but with queries, latents, expanded keys, values and
//   probabilities it needs more shared memory than any chip has, and 256 KB of weights from L2 for every page.
//   Only expanding into memory, once for all blocks, gets down to 320; that is another kernel with another buffer.
//   Bytes from L2 for a block: 1,152 C of cache and 2 L (N + V) = 262,144 of weights.
//
// Schedule: a block's queries are q_block tokens of kRows / q_block heads, head by head. One ring carries three
// kinds of rows, without a gap between them: W_UK of each head (outputs += q_nope * W_UK gives the absorbed query,
// with the queries in place of probabilities), the pages, W_UV of each head (scores of the outputs with rows of
// W_UV are the results). With q_block 1, tokens of different sequences, heads fill the tile.
// Pages behind a tile of 16 rows are left out for it. Absorbed queries and outputs are rounded to bf16, as the
// absorbed form of the model holds them.
//
// Grid: ceil(Tokens / q_block) x ceil(heads / kHeads), kHeads = kRows / q_block. q_block is a power of two up to
// cuda_mla_largest_q_block. W_UK and W_UV are `rowmajor`, batch = heads.
#pragma once
#include "kernels/mla/cuda_block.h"

namespace r1::cuda {

template <class Config, class Holes> struct MlaPrefill {
  struct Tile {
    static constexpr kernels::CudaMlaTile kTile =
        kernels::cuda_mla_prefill_tile(R1_SM, Config::q_block, Config::heads, Config::kv_lora, Config::rope);
  };
  using Block = MlaBlock<Config, Tile>;
  static constexpr int kThreads = Block::kThreads, kSharedBytes = Block::kSharedBytes, kMinBlocks = 1;
  static constexpr int kRows = Block::kRows, kBlock = int(Config::q_block);
  static_assert(kBlock >= 1 && kRows % kBlock == 0,
                "q_block: a power of two, at most cuda_mla_largest_q_block");
  static constexpr int kAllHeads = int(Config::heads), kHeads = kRows / kBlock;
  static constexpr int kHeadBlocks = (kAllHeads + kHeads - 1) / kHeads;
  static constexpr int kTokens = Block::kTokens, kStages = Block::kStages, kLatent = Block::kLatent;
  static constexpr int kNope = int(Config::nope), kV = int(Config::v), kQuery = kNope + int(Config::rope);
  static constexpr int kWeightWidth = (kLatent + 63) / 64 * 64; // of a row of W_UK and W_UV
  static constexpr int kNopeSteps = (kNope + kTokens - 1) / kTokens, kVSteps = (kV + kTokens - 1) / kTokens;

  // What a block works on. Buffers are asked for where they are used: they cost a register only there.
  struct Work {
    const Arguments& a;
    int token = 0, tokens = 0; // the first and how many
    int head = 0, heads = 0;
    const int* table = nullptr;
    int stop = 0; // context positions seen
    bool aligned = false;
    int query_steps = 0, page_steps = 0,
        steps = 0; // of the ring: [0, query_steps) W_UK, then pages, then W_UV

    R1_DEVICE int position(int step) const { return (step - query_steps) * kTokens; }
    R1_DEVICE int page(int step) const {
      return step >= query_steps && step < query_steps + page_steps
                 ? table[position(step) / Block::kPageTokens]
                 : 0;
    }
    R1_DEVICE void load(u8* shared, int step, int page) const {
      if (step < query_steps)
        load_weight<kNope, kNopeSteps>(shared, step, a.in<bf16>(1), step);
      else if (step < query_steps + page_steps)
        Block::template load_rows<Block::kKey>(
            Block::stage(shared, step),
            a.in<bf16>(3) + ((long long)page * Block::kPageTokens + position(step) % Block::kPageTokens) *
                                Config::token_stride,
            Config::token_stride, stop - position(step), aligned);
      else if (step < steps)
        load_weight<kV, kVSteps>(shared, step, a.in<bf16>(2), step - query_steps - page_steps);
      copy_async_commit();
    }
    // Part `part` of the weights of all heads, kSteps parts a head of kN rows.
    template <int kN, int kSteps>
    R1_DEVICE void load_weight(u8* shared, int step, const bf16* w, int part) const {
      const int row = part % kSteps * kTokens;
      Block::template load_rows<kWeightWidth>(
          Block::stage(shared, step), w + ((long long)(head + part / kSteps) * kN + row) * kWeightWidth,
          kWeightWidth, kN - row, true);
    }
    // A row's query, null where the block has none; with only_head, null for other heads' rows too.
    R1_DEVICE const bf16* query(int row, int only_head) const {
      const int t = row % kBlock, h = row / kBlock;
      return t < tokens && h < heads && (only_head < 0 || h == only_head)
                 ? a.in<bf16>(0) + (token + t) * Config::q_stride + (long long)(head + h) * kQuery
                 : nullptr;
    }
    // Tiles of 16 rows that hold rows of head `h`.
    R1_DEVICE static u32 tiles_of(int h) {
      u32 mask = 0;
      R1_UNROLL for (int i = 0; i < Block::kRowTiles; ++i) mask |=
          u32(i * 16 < (h + 1) * kBlock && h * kBlock < i * 16 + 16) << i;
      return mask;
    }
  };

  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    Work w{a};
    w.token = tile / kHeadBlocks * kBlock;
    w.head = tile % kHeadBlocks * kHeads;
    const int left = a.dims[0] - w.token;
    if (left <= 0)
      return;
    w.tokens = left < kBlock ? left : kBlock;
    w.heads = kAllHeads - w.head < kHeads ? kAllHeads - w.head : kHeads;
    const int* positions = a.in<int>(4) + w.token;
    w.table = a.in<int>(6) + (long long)a.in<int>(5)[w.token] * Config::pages_per_sequence;
    w.stop = positions[w.tokens - 1] + 1;
    w.aligned = Config::token_stride % 8 == 0 && is_aligned(a.in<bf16>(3), 16);
    w.query_steps = w.heads * kNopeSteps;
    w.page_steps = (w.stop + kTokens - 1) / kTokens;
    w.steps = w.query_steps + w.page_steps + w.heads * kVSteps;

    R1_UNROLL for (int i = 0; i < kStages - 1; ++i) w.load(shared, i, w.page(i));
    int page = w.page(kStages - 1); // read a step before it is needed
    const auto advance = [&](int step) {
      copy_async_wait<kStages - 2>();
      sync_block();
      w.load(shared, step + kStages - 1, page);
      page = w.page(step + kStages);
    };
    fill_positions(w, positions, Block::positions(shared));
    typename Block::State state;
    Block::start(state);
    absorb(w, advance, shared, state);
    attend(w, advance, shared, state);
    expand(w, advance, shared, state);
    copy_async_wait<0>();
  }

  // The last position that a row sees, 0 where the block has none; and that any row of a tile sees, or -1.
  R1_DEVICE static void fill_positions(const Work& w, const int* positions, int* seen) {
    for (int row = thread_index(); row < kRows; row += kThreads) {
      const int t = row % kBlock;
      seen[row] = t < w.tokens ? positions[t] : 0;
    }
    for (int i = thread_index(); i < Block::kRowTiles; i += kThreads) {
      const int first = i * 16 % kBlock, end = first + (kBlock < 16 ? kBlock : 16); // tokens of the tile
      const bool any = first < w.tokens && i * 16 / kBlock < w.heads;
      seen[kRows + i] = any ? positions[(end < w.tokens ? end : w.tokens) - 1] : -1;
    }
  }

  // The queries of the block in the latent space, and their rotary part beside it.
  template <class Advance>
  R1_DEVICE static void absorb(const Work& w, Advance& advance, u8* shared, typename Block::State& state) {
    Block::template fill_queries<kLatent, Config::rope, Block::kWidth>(shared, [&](int row) {
      const bf16* q = w.query(row, -1);
      return q ? q + kNope : nullptr;
    });
    for (int step = 0; step < w.query_steps; ++step) {
      advance(step);
      const int head = step / kNopeSteps, first = step % kNopeSteps * kTokens;
      for (int i = thread_index(); i < kRows * (kTokens / 8); i += kThreads) {
        const int row = i / (kTokens / 8), c = i % (kTokens / 8) * 8;
        const bf16* q = w.query(row, head);
        store16(Block::weights(shared) + row * Block::kWeightStride + c,
                load_elements(q ? q + first + c : q, q ? kNope - first - c : 0));
      }
      sync_block();
      Block::accumulate(shared, Block::stage(shared, step), Work::tiles_of(head), state);
    }
    float ones[Block::kRowTiles][2];
    R1_UNROLL for (int i = 0; i < Block::kRowTiles; ++i) ones[i][0] = ones[i][1] = 1;
    Block::outputs_to_queries(state, ones, shared);
    Block::clear(state);
  }

  template <class Advance>
  R1_DEVICE static void attend(const Work& w, Advance& advance, u8* shared, typename Block::State& state) {
    const int* seen = Block::positions(shared);
    for (int step = w.query_steps; step < w.query_steps + w.page_steps; ++step) {
      advance(step);
      const int position = w.position(step);
      u32 active = 0;
      R1_UNROLL for (int i = 0; i < Block::kRowTiles; ++i) active |= u32(seen[kRows + i] >= position) << i;
      Block::attend(
          shared, Block::stage(shared, step), [&](int row) { return seen[row] - position; }, active, state);
    }
  }

  template <class Advance>
  R1_DEVICE static void expand(const Work& w, Advance& advance, u8* shared, typename Block::State& state) {
    Block::join_sums(shared, state);
    float inverse[Block::kRowTiles][2];
    R1_UNROLL for (int i = 0; i < Block::kRowTiles; ++i) R1_UNROLL for (int half = 0; half < 2; ++half)
        inverse[i][half] = 1 / Block::sum_of(shared, Block::out_row(i, half));
    Block::outputs_to_queries(state, inverse, shared);
    // Beyond kLatent the rotary queries remain; the weights are zero there, and a row whose rotary part is not
    // finite is NaN already.
    for (int step = w.query_steps + w.page_steps; step < w.steps; ++step) {
      advance(step);
      const int part = step - w.query_steps - w.page_steps, head = part / kVSteps;
      typename Block::Scores s;
      Block::scores(shared, Block::stage(shared, step), kWeightWidth, Work::tiles_of(head), s);
      R1_UNROLL for (int i = 0; i < Block::kScoreRows; ++i) R1_UNROLL for (int half = 0; half < 2; ++half) {
        const int row = Block::score_row(i, half), t = row % kBlock;
        if (row / kBlock != head || t >= w.tokens)
          continue;
        R1_UNROLL for (int j = 0; j < Block::kScoreTokens; ++j) {
          const int column = part % kVSteps * kTokens + Block::score_token(j);
          const float pair[2] = {s[i][j][half * 2], s[i][j][half * 2 + 1]};
          store_lanes<bf16, 2>(w.a.template out<bf16>(7) + (w.token + t) * Config::out_stride +
                                   (long long)(w.head + head) * kV + column,
                               kV - column, pair);
        }
      }
    }
  }
};

} // namespace r1::cuda
