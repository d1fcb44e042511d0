// A linear layer for many rows of x: prefill.
//
// Arithmetic: 2 * rows * n * k operations; a tile of 128 x 128 reads (128 + 128) * k elements for 128 * 128 * k
// products, so from some hundred rows on tensor cores are the bound. Schedule: a block owns tile_m rows and
// tile_n columns (gate and up side by side where there are two accumulators). Steps of 64 k, of a quantised x 128 k, go through a ring
// in shared memory, filled by 16-byte asynchronous copies kStages - 1 steps ahead, with one barrier a step:
// it says both that this step's bytes are there for all, and that all are done with the slot to be filled
// next. Up to eight warps divide the tile (cuda_warp_tile.h). Results go through shared memory once more, so
// that a thread meets the epilogue with eight neighbouring columns.
#pragma once
#include "kernels/common/cuda_finish.h"
#include "kernels/common/cuda_warp_tile.h"
#include "kernels/primitives/cuda/copy_async.h"

namespace r1::cuda {

template <class Shape> struct LinearTiles {
  using Warp = WarpTile<Shape>;
  using Layout = StepLayout<Shape>;
  static constexpr int kTileM = Shape::kTileM, kColumns = Layout::kColumns;
  static_assert(kTileM == 64 || kTileM == 128, "rows of a tile");
  static_assert(kColumns <= 128, "the sums of a tile are held in registers");
  static constexpr int kThreads = Warp::kWarps * 32;
  static constexpr int kRowGroup = 16;

  static constexpr int kSteps = Shape::kRowLength / Layout::kLength;
  static constexpr int kSharedLimit = 99 * 1024; // of sm_86 and sm_120; twice a block on sm_90 and sm_100
  static constexpr int kStages = smaller(4, kSharedLimit / Layout::kBytes);
  static_assert(kStages >= 3, "a ring of three stages");
  // Floats from a row of results to the next: with 4 more, the lanes of a store touch all banks.
  static constexpr int kResultStride = kColumns + 4;
  static constexpr int kSharedBytes = larger(kStages * Layout::kBytes, kTileM * kResultStride * 4);

  // Two blocks where both their shared memory and their registers fit: 128 for each thread, which e4m3's two sets
  // of sums exceed, and a short loop too, as it is scheduled as a whole.
  static constexpr int kSharedOfChip = R1_SM >= 90 && R1_SM < 120   ? 227
                                       : R1_SM == 80 || R1_SM == 87 ? 163
                                                                    : 99;
  static constexpr int kMinBlocks =
      !Shape::kF8 && kSteps > 8 && 2 * kSharedBytes < (kSharedOfChip - 2) * 1024 ? 2 : 1;

  // What a thread copies each step: a piece of every so many rows.
  struct Copier {
    static constexpr int kRows = kThreads / 8, kTimes = kTileM / kRows;
    static constexpr int kPieces = Layout::kWeightBytes / 16;
    static constexpr int kWeightRows = kThreads / kPieces, kWeightTimes = divide_up(kColumns, kWeightRows);
    static_assert(kThreads >= kTileM, "a scale of x a thread");
    const typename Shape::Input* x[kTimes];
    const float* x_scales; // of row thread_index()
    const typename Shape::Weight* weights[kWeightTimes];
    int row, rows, weight_row, first_column, target, weight_target;
    bool aligned;

    template <class Problem>
    R1_DEVICE Copier(const Problem& problem, const LinearWeights<Shape>& matrix, int block_column)
        : row(thread_index() / 8), rows(problem.count()), weight_row(thread_index() / kPieces),
          first_column(block_column), aligned(problem.aligned()) {
      const int piece = thread_index() % 8, weight_piece = thread_index() % kPieces;
      target = Layout::x(row, piece);
      weight_target = Layout::weight(weight_row, weight_piece);
      R1_UNROLL for (int i = 0; i < kTimes; ++i) {
        x[i] = problem.source(row + i * kRows) + piece * (16 / int(sizeof(typename Shape::Input)));
      }
      if constexpr (Shape::kQuantised)
        x_scales = problem.scales(smaller(thread_index(), kTileM - 1));
      R1_UNROLL for (int i = 0; i < kWeightTimes; ++i) {
        weights[i] =
            matrix.row(accumulator(i), column(i)) + weight_piece * (16 / int(sizeof(typename Shape::Weight)));
      }
    }

    R1_DEVICE int accumulator(int i) const { return (weight_row + i * kWeightRows) / Shape::kTileN; }
    R1_DEVICE int column(int i) const {
      return first_column + (weight_row + i * kWeightRows) % Shape::kTileN;
    }

    R1_DEVICE void copy(u8* stage, int step) const {
      const int at = step * Layout::kLength;
      if constexpr (Shape::kQuantised)
        copy_quantised(stage, step);
      else
        copy_bf16(stage, at);
      R1_UNROLL for (int i = 0; i < kWeightTimes; ++i) {
        if (kColumns % kWeightRows == 0 || weight_row + i * kWeightRows < kColumns)
          copy_async16(stage + weight_target + i * kWeightRows * Layout::kWeightBytes, weights[i] + at,
                       LinearWeights<Shape>::copied_bytes(column(i)));
      }
      copy_async_commit();
    }

    R1_DEVICE void copy_bf16(u8* stage, int at) const {
      const int count = elements_of_eight<Shape::kK>(at + thread_index() % 8 * 8);
      if (aligned)
        R1_UNROLL for (int i = 0; i < kTimes; ++i) {
          copy_async16(stage + target + i * kRows * 128, x[i] + at, row + i * kRows < rows ? count * 2 : 0);
        }
      else
        R1_UNROLL for (int i = 0; i < kTimes; ++i) {
          store16(stage + target + i * kRows * 128, load_some(x[i] + at, row + i * kRows < rows ? count : 0));
        }
    }

    // Rows are whole lines, zero past k.
    R1_DEVICE void copy_quantised(u8* stage, int step) const {
      R1_UNROLL for (int i = 0; i < kTimes; ++i) {
        copy_async16(stage + target + i * kRows * 128, x[i] + step * 128, row + i * kRows < rows ? 16 : 0);
      }
      if (thread_index() < kTileM)
        copy_async4(stage + Layout::kScales + thread_index() * 4, x_scales + step,
                    thread_index() < rows ? 4 : 0);
    }
  };

  // Problem: as in cuda_stream.h. Of a quantised x, `scales(int i)` too: the floats of row i.
  template <class Problem>
  R1_DEVICE static void tile(const Problem& problem, const LinearWeights<Shape>& weights, int first_column,
                             u8* shared) {
    Warp warp(weights, first_column);
    const Copier copier(problem, weights, first_column);
    walk(warp, copier, shared);
    copy_async_wait<0>();
    sync_block(); // the ring becomes the place of results
    warp.hand_over(reinterpret_cast<float*>(shared), kResultStride);
    sync_block();
    finish_tile<Shape, kThreads, kResultStride>(problem, first_column, thread_index(),
                                                reinterpret_cast<const float*>(shared));
  }

  R1_DEVICE static void walk(Warp& warp, const Copier& copier, u8* shared) {
    R1_UNROLL for (int step = 0; step < kStages - 1; ++step) {
      fill(copier, shared, step * Layout::kBytes, step);
    }
    int read = 0, written = (kStages - 1) * Layout::kBytes; // where in the ring
    R1_ROLLED for (int step = 0; step < kSteps; ++step) {
      copy_async_wait<kStages - 2>();
      sync_block();
      fill(copier, shared, written, step + kStages - 1);
      warp.add(shared, read, step);
      written = read;
      read = read == (kStages - 1) * Layout::kBytes ? 0 : read + Layout::kBytes;
    }
  }

  // One group of copies a step, an empty one past the end, so that waiting counts steps.
  R1_DEVICE static void fill(const Copier& copier, u8* shared, int stage, int step) {
    if (step < kSteps)
      copier.copy(shared + stage, step);
    else
      copy_async_commit();
  }
};

} // namespace r1::cuda
