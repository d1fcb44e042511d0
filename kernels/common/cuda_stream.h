// A linear layer for up to 16 rows of x: decode.
//
// Arithmetic: n * k weights are read once, each serves at most 16 rows, so the bound is memory: n * k *
// sizeof(weight) bytes, and what counts is bytes in flight, not multiplications. Schedule: a block owns
// tile_n columns of y (rows of W) and all k. Weights are the 16-row operand of the multiplication, rows of x
// its 8 columns. A warp takes one or two strips of 16 weight rows, and of k every kSlices-th line of 128 bytes.
//
// Weights come by asynchronous copies, kStages lines ahead: 64 KiB a block under way, and two or three blocks
// fit. Each thread copies just the 16 bytes that its own fragments want and reads back what it copied itself,
// so the ring needs no barrier: it is a register file that loads can reach early. Rows of x come from L2, and
// are read by one warp each. Warps that share a strip add up in shared memory, in float, in the order of their
// slices: the same bits in every run.
#pragma once
#include "kernels/common/cuda_linear.h"
#include "kernels/primitives/cuda/copy_async.h"

namespace r1::cuda {

template <class Shape> struct LinearStream {
  static_assert(Shape::kTileM <= 16, "two token tiles of 8");
  static_assert(!Shape::kQuantised, "few rows are bound by the weights' bytes");
  static constexpr int kTokenTiles = divide_up(Shape::kTileM, 8);
  static constexpr int kStripColumns = Shape::kTileN / 16;
  static constexpr int kStrips = kStripColumns * Shape::kAccumulators;
  static constexpr int kStripsPerWarp = kStrips % 2 == 0 ? 2 : 1;
  static constexpr int kGroups = kStrips / kStripsPerWarp;
  static_assert(kGroups <= 8, "tile_n * accumulators: at most 256, or 112 for an odd number of strips");
  static constexpr int kSlices = larger(1, smaller(8 / kGroups, Shape::kLines));
  static constexpr int kThreads = 32 * kGroups * kSlices;
  static constexpr int kMinBlocks = Shape::kF8 && kTokenTiles == 2 ? 1 : 2; // what registers allow
  static constexpr int kRowGroup = 1;
  static constexpr int kHalves = Shape::kF8 ? 2 : 1; // eights of k in 16 bytes of weights

  // The ring: [stage][16 bytes of a line's fragments][thread].
  static constexpr int kPieces = kStripsPerWarp * 4; // rows g and g + 8 of a strip, two pieces of a line each
  static constexpr int kStageBytes = kPieces * kThreads * 16;
  static constexpr int kStages = smaller(4, 64 * 1024 / kStageBytes);
  // Sums: [slice][strip][row of x][16 columns]; 4 floats more a row keep writers off each other's banks.
  static constexpr int kTokenStride = 20;
  static constexpr int kStripFloats = 8 * kTokenTiles * kTokenStride;
  static constexpr int kSharedBytes = kStages * kStageBytes + kSlices * kStrips * kStripFloats * 4;

  // Rows of x against a line: a thread's eights in the order of its weights.
  static constexpr int kEights = 2 * kHalves;
  struct Tokens {
    Eight eights[kEights][kTokenTiles];
  };
  static constexpr bool kAhead = kTokenTiles == 1; // registers allow to load x a line ahead

  // A thread's part of a warp's work.
  struct Warp {
    const typename Shape::Weight* weights[kStripsPerWarp][2];
    int bytes[kStripsPerWarp][2]; // that there are of each 16
    const float* scales[kStripsPerWarp];
    const bf16* tokens[kTokenTiles];
    bool present[kTokenTiles];
    float sums[kStripsPerWarp][kTokenTiles][4];
    u8* ring;
    int group, slice;

    template <class Problem>
    R1_DEVICE Warp(const Problem& problem, const LinearWeights<Shape>& matrix, int first_column, u8* shared)
        : ring(shared + thread_index() * 16), group(warp_index() % kGroups), slice(warp_index() / kGroups) {
      const int g = lane_index() / 4, t = lane_index() % 4;
      R1_UNROLL for (int s = 0; s < kStripsPerWarp; ++s) {
        const int strip = group * kStripsPerWarp + s, accumulator = strip / kStripColumns;
        const int column = first_column + strip % kStripColumns * 16;
        R1_UNROLL for (int half = 0; half < 2; ++half) {
          weights[s][half] = matrix.row(accumulator, column + half * 8 + g) + t * (Shape::kLine / 8);
          bytes[s][half] = matrix.copied_bytes(column + half * 8 + g);
        }
        scales[s] = Shape::kF8 ? matrix.scale(accumulator, column) : nullptr;
        R1_UNROLL for (int i = 0; i < kTokenTiles * 4; ++i) { sums[s][i / 4][i % 4] = 0; }
      }
      R1_UNROLL for (int i = 0; i < kTokenTiles; ++i) {
        present[i] = i * 8 + g < problem.count();
        tokens[i] = problem.source(i * 8 + g);
      }
    }

    // The warp's round-th line; one group of copies a round, an empty one past the end.
    R1_DEVICE void copy(int round) const {
      const int line = slice + round * kSlices;
      if (line < Shape::kLines)
        R1_UNROLL for (int i = 0; i < kPieces; ++i) {
          copy_async16(ring + (round % kStages * kPieces + i) * kThreads * 16,
                       weights[i / 4][i / 2 % 2] + line * Shape::kLine + i % 2 * (Shape::kLine / 2),
                       bytes[i / 4][i / 2 % 2]);
        }
      copy_async_commit();
    }

    template <bool kAligned> R1_DEVICE void walk() {
      R1_UNROLL for (int round = 0; round < kStages - 1; ++round) { copy(round); }
      Tokens now, next;
      if constexpr (kAhead)
        load_tokens<kAligned>(now, slice);
      R1_ROLLED for (int round = 0; slice + round * kSlices < Shape::kLines; ++round) {
        const int line = slice + round * kSlices;
        copy(round + kStages - 1); // into the slot of the round before, which this thread has read
        load_tokens<kAligned>(kAhead ? next : now, line + (kAhead ? kSlices : 0));
        copy_async_wait<kStages - 1>();
        add(ring + round % kStages * kStageBytes, now, line);
        if constexpr (kAhead)
          now = next;
      }
      copy_async_wait<0>();
    }

    // Past the last line as past k: zeros.
    template <bool kAligned> R1_DEVICE void load_tokens(Tokens& x, int line) const {
      const int at = line * Shape::kLine + lane_index() % 4 * (Shape::kLine / 8);
      R1_UNROLL for (int e = 0; e < kEights; ++e) {
        const int k = at + e / kHalves * (Shape::kLine / 2) + e % kHalves * 8;
        R1_UNROLL for (int i = 0; i < kTokenTiles; ++i) {
          x.eights[e][i] = eight(load_token<kAligned>(tokens[i], present[i], k));
        }
      }
    }

    R1_DEVICE void add(const u8* stage, const Tokens& x, int line) {
      R1_UNROLL for (int s = 0; s < kStripsPerWarp; ++s) {
        float parts[2][kTokenTiles][4] = {}; // of this line, whose scale is to come: a chain for each piece
        R1_UNROLL for (int e = 0; e < kEights; ++e) {
          const int piece = e / kHalves;
          const u32x4 low = load16(stage + (s * 4 + piece) * kThreads * 16);
          const u32x4 high = load16(stage + (s * 4 + 2 + piece) * kThreads * 16);
          R1_UNROLL for (int i = 0; i < 2 * kTokenTiles; ++i) {
            const int step = i / kTokenTiles, token = i % kTokenTiles;
            if constexpr (Shape::kF8)
              multiply(parts[piece][token], widen(low, e % 2), widen(high, e % 2), x.eights[e][token], step);
            else
              multiply(sums[s][token], eight(low), eight(high), x.eights[e][token], step);
          }
        }
        if constexpr (Shape::kF8) {
          const float scale = scales[s][line];
          R1_UNROLL for (int i = 0; i < kTokenTiles * 4; ++i) {
            sums[s][i / 4][i % 4] += scale * (parts[0][i / 4][i % 4] + parts[1][i / 4][i % 4]);
          }
        }
      }
    }

    R1_DEVICE void hand_over(float* results) const {
      const int g = lane_index() / 4, t = lane_index() % 4;
      R1_UNROLL for (int s = 0; s < kStripsPerWarp; ++s) {
        R1_UNROLL for (int i = 0; i < kTokenTiles; ++i) {
          float* tile = results + (slice * kStrips + group * kStripsPerWarp + s) * kStripFloats +
                        (i * 8 + 2 * t) * kTokenStride + g;
          tile[0] = sums[s][i][0];
          tile[kTokenStride] = sums[s][i][1];
          tile[8] = sums[s][i][2];
          tile[kTokenStride + 8] = sums[s][i][3];
        }
      }
    }
  };

  template <bool kAligned> R1_DEVICE static u32x4 load_token(const bf16* row, bool present, int at) {
    const int count = present ? elements_of_eight<Shape::kK>(at) : 0;
    if (kAligned && count == 8)
      return load16(row + at);
    if (kAligned && Shape::kK % 8 == 0)
      return {0, 0, 0, 0};
    return load_some(row + at, count);
  }

  // Problem: `int count()` rows, at most tile_m; `const bf16* source(int i)`, row i of x, for i up to tile_m - 1,
  // though only rows that are there are read; `bool aligned()`; `store<V>(i, column, count, values)`, the
  // epilogue.
  template <class Problem>
  R1_DEVICE static void tile(const Problem& problem, const LinearWeights<Shape>& weights, int first_column,
                             u8* shared) {
    float* results = reinterpret_cast<float*>(shared + kStages * kStageBytes);
    Warp warp(problem, weights, first_column, shared);
    if (problem.aligned())
      warp.template walk<true>();
    else
      warp.template walk<false>();
    warp.hand_over(results);
    sync_block();
    finish(problem, first_column, results);
  }

  // Four columns of a row a thread.
  template <class Problem>
  R1_DEVICE static void finish(const Problem& problem, int first_column, const float* results) {
    constexpr int kQuads = Shape::kTileN / 4;
    for (int i = thread_index(); i < problem.count() * kQuads; i += kThreads) {
      const int row = i / kQuads, column = i % kQuads * 4;
      const int left = Shape::kN - first_column - column;
      if (left <= 0)
        continue;
      float values[Shape::kAccumulators][4] = {};
      R1_UNROLL for (int a = 0; a < Shape::kAccumulators; ++a) {
        R1_UNROLL for (int slice = 0; slice < kSlices; ++slice) {
          const auto part = load_vector<float, 4>(
              results + (slice * kStrips + a * kStripColumns + column / 16) * kStripFloats +
              row * kTokenStride + column % 16);
          R1_UNROLL for (int j = 0; j < 4; ++j) { values[a][j] += part.v[j]; }
        }
      }
      problem.template store<4>(row, first_column + column, smaller(left, 4), values);
    }
  }
};

} // namespace r1::cuda
