// A warp's part of a tile of a linear layer (cuda_tiles.h), and how a step of it lies in shared memory.
//
// Weights are the 16-row operand of the multiplication, rows of x its 8 columns. bf16 operands come by
// ldmatrix, which puts registers where the multiplication wants them. e4m3 weights have to pass through
// registers to be widened, and so land anywhere for free; both operands are then read as cuda_fragment.h says.
// Sums of 128 k of e4m3 are kept apart until their scale has been applied.
#pragma once
#include "kernels/common/cuda_linear.h"

namespace r1::cuda {

inline constexpr int kStepLength = 64; // k of a step

// A step in shared memory: rows of x of 128 bytes, then rows of weights of 128 (bf16) or 64 (e4m3). The pieces
// of 16 bytes of a row of 128 are moved about by the row's number, so that eight lanes that read one piece of
// eight rows, or four of two, touch all banks. Eight rows further on is a constant further on.
template <class Shape> struct StepLayout {
  static constexpr int kColumns = Shape::kTileN * Shape::kAccumulators;
  static constexpr int kWeights = Shape::kTileM * 128; // where they begin
  static constexpr int kWeightBytes = kStepLength * int(sizeof(typename Shape::Weight));
  static constexpr int kBytes = kWeights + kColumns * kWeightBytes;

  R1_DEVICE static int x(int row, int piece) { return row * 128 + (piece ^ row % 8) * 16; }
  R1_DEVICE static int weight(int row, int piece) {
    return kWeights + row * kWeightBytes + (Shape::kF8 ? piece : piece ^ row % 8) * 16;
  }
};

template <class Shape> struct WarpTile {
  using Layout = StepLayout<Shape>;
  // Warps across columns first, the rest down rows; at least 16 of each.
  static constexpr int kAcross = Layout::kColumns % 64 == 0 ? 4 : Layout::kColumns % 32 == 0 ? 2 : 1;
  static constexpr int kDown = smaller(8 / kAcross, Shape::kTileM / 16);
  static constexpr int kWarps = kAcross * kDown;
  static constexpr int kWarpM = Shape::kTileM / kDown, kWarpN = Layout::kColumns / kAcross;
  static constexpr int kBlocksM = kWarpM / 8, kBlocksN = kWarpN / 16;

  float sums[kBlocksN][kBlocksM][4];
  float parts[Shape::kF8 ? kBlocksN : 1][Shape::kF8 ? kBlocksM : 1][4]; // of the present 128 k
  const float* scales[kBlocksN];
  int row, column; // the first of the warp's

  R1_DEVICE WarpTile(const LinearWeights<Shape>& matrix, int block_column)
      : row(warp_index() % kDown * kWarpM), column(warp_index() / kDown * kWarpN) {
    R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
      const int at = column + i * 16;
      scales[i] = Shape::kF8 ? matrix.scale(at / Shape::kTileN, block_column + at % Shape::kTileN) : nullptr;
      R1_UNROLL for (int v = 0; v < kBlocksM * 4; ++v) { sums[i][v / 4][v % 4] = 0; }
    }
  }

  // The step whose bytes begin `stage` bytes into `shared`.
  R1_DEVICE void add(const u8* shared, int stage, int step) {
    if constexpr (Shape::kF8)
      add_f8(shared, stage, step);
    else
      add_bf16(shared, stage);
  }

  R1_DEVICE void add_bf16(const u8* shared, int stage) {
    const int lane = lane_index();
    // Lanes 0..15: rows of the first eight k, 16..31: of the next.
    const int first_rows = stage + Layout::weight(column + lane % 16, lane / 16);
    // Lanes in eights: (rows 0..7, k 0..7), (0..7, 8..15), (8..15, 0..7), (8..15, 8..15).
    const int first_columns = stage + Layout::x(row + lane / 16 * 8 + lane % 8, lane / 8 % 2);
    R1_UNROLL for (int k = 0; k < kStepLength / 16; ++k) {
      // Two pieces on. Moved about as pieces are, that is a changed bit; of the sum, lest all four be kept.
      const u8* rows = shared + (first_rows ^ k * 32);
      const u8* columns = shared + (first_columns ^ k * 32);
      u32 weights[kBlocksN][4];
      R1_UNROLL for (int i = 0; i < kBlocksN; ++i) { load_matrix_x4(weights[i], rows + i * 16 * 128); }
      R1_UNROLL for (int j = 0; j < kBlocksM; j += 2) {
        u32 x[4];
        load_matrix_x4(x, columns + j * 8 * 128);
        R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
          mma_m16n8k16(sums[i][j], weights[i], x[0], x[1]);
          mma_m16n8k16(sums[i][j + 1], weights[i], x[2], x[3]);
        }
      }
    }
  }

  R1_DEVICE void add_f8(const u8* shared, int stage, int step) {
    const int g = lane_index() / 4, t = lane_index() % 4;
    if (step % 2 == 0)
      begin_line();
    const u8* rows = shared + stage + Layout::weight(column + g, t);
    const int first_columns = stage + Layout::x(row + g, 2 * t);
    u32x4 low[kBlocksN], high[kBlocksN];
    R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
      low[i] = load16(rows + i * 16 * 64);
      high[i] = load16(rows + (i * 16 + 8) * 64);
    }
    R1_UNROLL for (int half = 0; half < 2; ++half) {
      const u8* columns = shared + (first_columns ^ half * 16);
      Eight wide_low[kBlocksN], wide_high[kBlocksN];
      R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
        wide_low[i] = widen(low[i], half);
        wide_high[i] = widen(high[i], half);
      }
      R1_UNROLL for (int j = 0; j < kBlocksM; ++j) {
        const Eight x = eight(load16(columns + j * 8 * 128));
        R1_UNROLL for (int k = 0; k < 2; ++k) {
          R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
            multiply(parts[i][j], wide_low[i], wide_high[i], x, k);
          }
        }
      }
    }
    if (step % 2 == 1)
      end_line(step / 2);
  }

  R1_DEVICE void begin_line() {
    R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
      R1_UNROLL for (int v = 0; v < kBlocksM * 4; ++v) { parts[i][v / 4][v % 4] = 0; }
    }
  }
  R1_DEVICE void end_line(int line) {
    R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
      const float scale = scales[i][line];
      R1_UNROLL for (int v = 0; v < kBlocksM * 4; ++v) {
        sums[i][v / 4][v % 4] += scale * parts[i][v / 4][v % 4];
      }
    }
  }

  // To `results`, a row of the tile every `stride` floats.
  R1_DEVICE void hand_over(float* results, int stride) const {
    const int g = lane_index() / 4, t = lane_index() % 4;
    float* first = results + (row + 2 * t) * stride + column + g;
    R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
      R1_UNROLL for (int j = 0; j < kBlocksM; ++j) {
        R1_UNROLL for (int v = 0; v < 4; ++v) {
          first[(j * 8 + v % 2) * stride + i * 16 + v / 2 * 8] = sums[i][j][v];
        }
      }
    }
  }
};

} // namespace r1::cuda
