// A block of queries against rows of the latent cache, on tensor cores: what mla_decode and mla_prefill share.
//
// A row of the cache (latent, rotary key) is a key as a whole and a value in its latent part, for every head.
// So a block holds `kRows` queries of `kWidth` elements in shared memory, lets rows of the cache pass through a
// ring of stages filled by cp.async, and uses every stage twice:
//   scores    [rows][tokens]  = queries * stage^T                     (fragments as they lie)
//   outputs   [rows][kv_lora] = outputs * factor + weights * stage    (fragments transposed by ldmatrix)
// Warps divide the scores into tiles of rows and tokens, the outputs into columns; so probabilities cross from
// one to the other division through shared memory, and a row's maximum is joined there from `kScoreWarps` warps.
// That makes three barriers a step: stage arrived, maxima written, probabilities written.
//
// Shared memory is laid out in kernels/registry/cuda_mla.h. Rows of queries and stages are multiples of 128
// bytes; their 16-byte pieces are permuted inside each 128 bytes by the row, so that the eight rows of a matrix
// fragment lie in different banks. Rows of probabilities are padded by 16 bytes to the same end.
#pragma once
#include "kernels/mla/cuda_elements.h"
#include "kernels/primitives/cuda/copy_async.h"
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/matrix.h"
#include "kernels/primitives/cuda/warp.h"
#include "kernels/registry/cuda_mla.h"

namespace r1::cuda {

// Config: MlaParams. Tile: a type with a constant kTile.
template <class Config, class Tile> struct MlaBlock {
  static constexpr int kRows = Tile::kTile.rows, kTokens = Tile::kTile.tokens, kStages = Tile::kTile.stages;
  static constexpr int kWarps = Tile::kTile.warps, kScoreWarps = Tile::kTile.score_warps;
  static constexpr int kWidth = Tile::kTile.width, kThreads = kWarps * kWarpSize;
  static constexpr int kSharedBytes = Tile::kTile.shared_bytes;
  static_assert(kRows > 0, "the latents of this model are too wide for the chip's shared memory");

  static constexpr int kLatent = int(Config::kv_lora), kKey = kLatent + int(Config::rope);
  static constexpr int kPageTokens = 64;
  static constexpr int kRowTiles = kRows / 16;
  // A warp's part of the scores, in tiles of 16 rows and 8 tokens.
  static constexpr int kScoreTokens = kTokens / 8 / kScoreWarps;
  static constexpr int kScoreRows = kRowTiles * (kTokens / 8) / kWarps / kScoreTokens;
  // Products that add to one sum wait for each other: with few sums a warp keeps two of each.
  static constexpr int kChains = kScoreRows * kScoreTokens < 4 ? 2 : 1;
  // A warp's part of the outputs, in tiles of 16 columns.
  static constexpr int kColumnTiles = (kLatent + 15) / 16;
  static constexpr int kColumns = (kColumnTiles + kWarps - 1) / kWarps;
  static constexpr int kWeightStride = kTokens + 8;

  using Scores = float[kScoreRows][kScoreTokens][4];
  struct State {
    float out[kRowTiles][kColumns][2][4]; // fragments of 16 rows x 8 columns, two to a tile
    float maximum[kScoreRows][2];         // of the rows g and g + 8 of a score tile
    float sum[kScoreRows][2];             // of the thread's own tokens
  };

  // ---- shared memory
  R1_DEVICE static bf16* queries(u8* shared) { return reinterpret_cast<bf16*>(shared); }
  R1_DEVICE static bf16* stage(u8* shared, int step) {
    return queries(shared) + (kRows + step % kStages * kTokens) * kWidth;
  }
  R1_DEVICE static bf16* weights(u8* shared) {
    return queries(shared) + (kRows + kStages * kTokens) * kWidth;
  }
  R1_DEVICE static float* exchange(u8* shared) {
    return reinterpret_cast<float*>(weights(shared) + kRows * kWeightStride);
  }
  R1_DEVICE static float* factors(u8* shared) { return exchange(shared) + kScoreWarps * kRows; }
  R1_DEVICE static int* positions(u8* shared) { return reinterpret_cast<int*>(factors(shared) + kRows); }
  // Where piece `piece` (8 elements) of a row lies, and where an element does.
  R1_DEVICE static int piece_at(int row, int piece) { return row * kWidth + (piece ^ (row & 7)) * 8; }
  R1_DEVICE static int element_at(int row, int column) { return piece_at(row, column / 8) + column % 8; }

  // ---- who a thread is
  R1_DEVICE static int score_row(int i, int half) { // of score tile i
    return (warp_index() / kScoreWarps * kScoreRows + i) * 16 + half * 8 + lane_index() / 4;
  }
  R1_DEVICE static int score_token(int j) { // the first of two
    return (warp_index() % kScoreWarps * kScoreTokens + j) * 8 + lane_index() % 4 * 2;
  }
  R1_DEVICE static int out_row(int i, int half) { return i * 16 + half * 8 + lane_index() / 4; }
  R1_DEVICE static int out_column(int tile, int n) { // the first of two
    return (warp_index() * kColumns + tile) * 16 + n * 8 + lane_index() % 4 * 2;
  }
  R1_DEVICE static bool has_column_tile(int tile) {
    return kColumnTiles % kWarps == 0 || warp_index() * kColumns + tile < kColumnTiles;
  }

  // ---- filling shared memory
  // Rows [0, kTokens) of a stage from rows of `stride` elements; zero from row `count` and from column kCount
  // on, up to a multiple of 64. aligned: rows begin at multiples of 16 bytes, the copies run on and belong to the
  // thread's current group; else they are finished when this returns. Eight threads copy 128 bytes of a row.
  template <int kCount>
  R1_DEVICE static void load_rows(bf16* to, const bf16* from, long long stride, int count, bool aligned) {
    const int lane = thread_index() % 8;
    for (int row = thread_index() / 8; row < kTokens; row += kThreads / 8) {
      const bf16* source = from + (row < count ? row : 0) * stride;
      R1_UNROLL for (int c = 0; c < kCount; c += 64) {
        const int left = row < count ? kCount - c - lane * 8 : 0;
        const int elements = left < 0 ? 0 : left < 8 ? left : 8;
        bf16* target = to + piece_at(row, c / 8 + lane);
        if (aligned)
          copy_async16(target, elements > 0 ? source + c + lane * 8 : source, elements * 2);
        else
          store16(target, load_elements(source + c + lane * 8, elements));
      }
    }
  }

  // Columns [kFirst, kEnd) of the queries: kCount elements of each row, then zeros. row_of(row) is where a row's
  // elements are, or null for zeros.
  template <int kFirst, int kCount, int kEnd, class RowOf>
  R1_DEVICE static void fill_queries(u8* shared, RowOf row_of) {
    constexpr int kWide = kFirst % 8 == 0 && kEnd % 8 == 0 ? 8 : 1, kPieces = (kEnd - kFirst) / kWide;
    if constexpr (kPieces > 0)
      for (int i = thread_index(); i < kRows * kPieces; i += kThreads) {
        const int row = i / kPieces, c = i % kPieces * kWide;
        const bf16* from = row_of(row);
        bf16* to = queries(shared) + element_at(row, kFirst + c);
        if constexpr (kWide == 8)
          store16(to, load_elements(from ? from + c : from, from ? kCount - c : 0));
        else
          *to = from && c < kCount ? from[c] : bf16{0};
      }
  }

  // Outputs, times `scale` of their row, as columns [0, kLatent) of the queries.
  R1_DEVICE static void outputs_to_queries(const State& state, const float (&scale)[kRowTiles][2],
                                           u8* shared) {
    bf16* to = queries(shared);
    R1_UNROLL for (int i = 0; i < kRowTiles; ++i) R1_UNROLL for (int t = 0; t < kColumns; ++t)
        R1_UNROLL for (int n = 0; n < 2; ++n) R1_UNROLL for (int half = 0; half < 2; ++half) {
      const int row = out_row(i, half), column = out_column(t, n);
      const float a = state.out[i][t][n][half * 2] * scale[i][half];
      const float b = state.out[i][t][n][half * 2 + 1] * scale[i][half];
      if (kLatent % 2 == 0) {
        if (column < kLatent)
          *reinterpret_cast<u32*>(to + element_at(row, column)) = pack_bf16x2(a, b);
      } else {
        if (column < kLatent)
          to[element_at(row, column)] = to_bf16(a);
        if (column + 1 < kLatent)
          to[element_at(row, column + 1)] = to_bf16(b);
      }
    }
  }

  // ---- products. Bit i of `active`: the tile of rows 16 i .. 16 i + 15 takes part.
  // The warp's scores over the first `width` columns, a multiple of 64.
  R1_DEVICE static void scores(u8* shared, const bf16* keys, int width, u32 active, Scores& s) {
    const int lane = lane_index(), swizzle = lane & 7;
    const int first_row = warp_index() / kScoreWarps * kScoreRows;
    const bf16* a_row = queries(shared) + (first_row * 16 + lane % 16) * kWidth;
    const bf16* b_row = keys + (warp_index() % kScoreWarps * kScoreTokens * 8 + lane % 8) * kWidth;
    float sums[kChains][kScoreRows][kScoreTokens][4] = {};
    R1_ROLLED for (int c = 0; c < width; c += 64) R1_UNROLL for (int half = 0; half < 2; ++half) {
      u32 b[kScoreTokens][4];
      R1_UNROLL for (int j = 0; j < kScoreTokens; ++j)
          load_matrix_x4(b[j], b_row + j * 8 * kWidth + c + ((half * 4 + lane / 8) ^ swizzle) * 8);
      R1_UNROLL for (int k = 0; k < 2; ++k) R1_UNROLL for (int i = 0; i < kScoreRows; ++i) {
        if (!(active >> (first_row + i) & 1))
          continue;
        u32 a[4];
        load_matrix_x4(a, a_row + i * 16 * kWidth + c + ((half * 4 + k * 2 + lane / 16) ^ swizzle) * 8);
        R1_UNROLL for (int j = 0; j < kScoreTokens; ++j)
            mma_m16n8k16(sums[k % kChains][i][j], a, b[j][2 * k], b[j][2 * k + 1]);
      }
    }
    R1_UNROLL for (int i = 0; i < kScoreRows; ++i) R1_UNROLL for (int j = 0; j < kScoreTokens; ++j)
        R1_UNROLL for (int e = 0; e < 4; ++e) s[i][j][e] =
            kChains == 1 ? sums[0][i][j][e] : sums[0][i][j][e] + sums[kChains - 1][i][j][e];
  }

  // outputs += weights * the stage's latents.
  R1_DEVICE static void accumulate(u8* shared, const bf16* values, u32 active, State& state) {
    const int lane = lane_index();
    const bf16* a_row = weights(shared) + lane % 16 * kWeightStride + lane / 16 * 8;
    R1_ROLLED for (int k = 0; k < kTokens; k += 16) {
      u32 a[kRowTiles][4];
      R1_UNROLL for (int i = 0; i < kRowTiles; ++i) if (active >> i & 1)
          load_matrix_x4(a[i], a_row + i * 16 * kWeightStride + k);
      R1_UNROLL for (int t = 0; t < kColumns; ++t) {
        if (!has_column_tile(t))
          continue;
        u32 b[4]; // (tokens 0-7, 8-15) of columns 0-7, then of columns 8-15
        const int piece = (warp_index() * kColumns + t) * 2 + lane / 16;
        load_matrix_x4_transposed(b, values + piece_at(k + lane % 16, piece));
        R1_UNROLL for (int i = 0; i < kRowTiles; ++i) if (active >> i & 1) {
          mma_m16n8k16(state.out[i][t][0], a[i], b[0], b[1]);
          mma_m16n8k16(state.out[i][t][1], a[i], b[2], b[3]);
        }
      }
    }
  }

  // ---- softmax
  R1_DEVICE static void start(State& state) {
    R1_UNROLL for (int i = 0; i < kScoreRows; ++i) R1_UNROLL for (int half = 0; half < 2; ++half) {
      state.maximum[i][half] = -math::infinity();
      state.sum[i][half] = 0;
    }
    clear(state);
  }
  R1_DEVICE static void clear(State& state) {
    R1_UNROLL for (int i = 0; i < kRowTiles; ++i) R1_UNROLL for (int t = 0; t < kColumns; ++t)
        R1_UNROLL for (int n = 0; n < 2; ++n) R1_UNROLL for (int e = 0; e < 4; ++e) state.out[i][t][n][e] = 0;
  }

  // One stage: scores, online softmax, outputs. A row sees the stage's tokens 0 .. last(row). Two barriers; another one is due before weights or the stage are written again.
  // NaN scores do not raise the maximum, but their exponentials are NaN and stay so in the sum and the output.
  template <class Last>
  R1_DEVICE static void attend(u8* shared, const bf16* page, Last last, u32 active, State& state) {
    constexpr float kLog2E = 1.44269504f, kScale = float(Config::scale);
    const int score_warp = warp_index() % kScoreWarps, first_row = warp_index() / kScoreWarps * kScoreRows;
    Scores s;
    scores(shared, page, kWidth, active, s);
    R1_UNROLL for (int i = 0; i < kScoreRows; ++i) R1_UNROLL for (int half = 0; half < 2; ++half) {
      const int end = last(score_row(i, half));
      float most = -math::infinity();
      R1_UNROLL for (int j = 0; j < kScoreTokens; ++j) R1_UNROLL for (int e = 0; e < 2; ++e) {
        float& score = s[i][j][half * 2 + e];
        score = score_token(j) + e <= end ? score * kScale : -math::infinity();
        most = math::max(most, score);
      }
      most = math::max(most, shuffle_xor(most, 1));
      most = math::max(most, shuffle_xor(most, 2));
      if (lane_index() % 4 == 0)
        exchange(shared)[score_warp * kRows + score_row(i, half)] = most;
    }
    sync_block();
    R1_UNROLL for (int i = 0; i < kScoreRows; ++i) {
      if (!(active >> (first_row + i) & 1))
        continue;
      R1_UNROLL for (int half = 0; half < 2; ++half) {
        const int row = score_row(i, half);
        const float before = state.maximum[i][half];
        float most = before;
        R1_UNROLL for (int w = 0; w < kScoreWarps; ++w) most =
            math::max(most, exchange(shared)[w * kRows + row]);
        const float factor = math::fast_exp2((before - most) * kLog2E);
        float sum = state.sum[i][half] * factor;
        R1_UNROLL for (int j = 0; j < kScoreTokens; ++j) {
          const float even = math::fast_exp2((s[i][j][half * 2] - most) * kLog2E);
          const float odd = math::fast_exp2((s[i][j][half * 2 + 1] - most) * kLog2E);
          sum += even + odd;
          *reinterpret_cast<u32*>(weights(shared) + row * kWeightStride + score_token(j)) =
              pack_bf16x2(even, odd);
        }
        state.maximum[i][half] = most;
        state.sum[i][half] = sum;
        if (score_warp == 0 && lane_index() % 4 == 0)
          factors(shared)[row] = factor;
      }
    }
    sync_block();
    R1_UNROLL for (int i = 0; i < kRowTiles; ++i) {
      if (!(active >> i & 1))
        continue;
      const float low = factors(shared)[out_row(i, 0)], high = factors(shared)[out_row(i, 1)];
      if (ballot(low != 1 || high != 1)) // seldom after the first pages
        R1_UNROLL for (int t = 0; t < kColumns; ++t) R1_UNROLL for (int n = 0; n < 2; ++n)
            R1_UNROLL for (int e = 0; e < 4; ++e) state.out[i][t][n][e] *= e < 2 ? low : high;
    }
    accumulate(shared, page, active, state);
  }

  // Leaves every row's sum, in parts, in `exchange` for sum_of. One barrier.
  R1_DEVICE static void join_sums(u8* shared, const State& state) {
    R1_UNROLL for (int i = 0; i < kScoreRows; ++i) R1_UNROLL for (int half = 0; half < 2; ++half) {
      float sum = state.sum[i][half];
      sum += shuffle_xor(sum, 1);
      sum += shuffle_xor(sum, 2);
      if (lane_index() % 4 == 0)
        exchange(shared)[warp_index() % kScoreWarps * kRows + score_row(i, half)] = sum;
    }
    sync_block();
  }
  R1_DEVICE static float sum_of(u8* shared, int row) {
    float sum = 0;
    R1_UNROLL for (int w = 0; w < kScoreWarps; ++w) sum += exchange(shared)[w * kRows + row];
    return sum;
  }
};

} // namespace r1::cuda
