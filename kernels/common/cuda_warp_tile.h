// A warp's part of a tile of a linear layer (cuda_tiles.h), and how a step of it lies in shared memory.
//
// Weights are the 16-row operand of the multiplication, rows of x its 8 columns. Operands of one type, bf16 or e4m3,
// come by ldmatrix, which puts registers where the multiplication wants them. e4m3 weights beside bf16 have to pass
// through registers to be widened, and so land anywhere for free; both operands are then read as cuda_fragment.h says.
// Sums of 128 k of e4m3 are kept apart until their scale has been applied, and that of x where it has one.
#pragma once
#include "kernels/common/cuda_linear.h"

namespace r1::cuda {

// A step in shared memory: rows of x of 128 bytes, then rows of weights of 128 (of the type of x) or 64 (e4m3 beside
// bf16), then the scales of the rows of a quantised x. The pieces of 16 bytes of a row of 128 are moved about by the
// row's number, so that eight lanes that read one piece of eight rows, or four of two, touch all banks. Eight rows
// further on is a constant further on.
template <class Shape> struct StepLayout {
  static constexpr int kLength = 128 / int(sizeof(typename Shape::Input)); // k of a step
  static constexpr int kColumns = Shape::kTileN * Shape::kAccumulators;
  static constexpr int kWeights = Shape::kTileM * 128; // where they begin
  static constexpr int kWeightBytes = kLength * int(sizeof(typename Shape::Weight));
  static constexpr int kScales = kWeights + kColumns * kWeightBytes;
  static constexpr int kBytes = kScales + (Shape::kQuantised ? Shape::kTileM * 4 : 0);

  R1_DEVICE static int x(int row, int piece) { return row * 128 + (piece ^ row % 8) * 16; }
  R1_DEVICE static int weight(int row, int piece) {
    return kWeights + row * kWeightBytes + (kWeightBytes == 64 ? piece : piece ^ row % 8) * 16;
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
  // sm_90 and sm_100 have no mma.sync on e4m3: ptxas widens both operands to f16, in registers that a loop has to leave.
  static constexpr bool kWidened = Shape::kQuantised && R1_SM >= 90 && R1_SM < 120;

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
    if constexpr (Shape::kQuantised) {
      begin_line();
      add_pieces(shared, stage, parts);
      end_quantised_line(shared, stage, step);
    } else if constexpr (Shape::kF8) {
      add_f8(shared, stage, step);
    } else {
      add_pieces(shared, stage, sums);
    }
  }

  // Both operands of one type. A multiplication takes two pieces: 16 k of bf16 or 32 of e4m3.
  R1_DEVICE void add_pieces(const u8* shared, int stage, float (&to)[kBlocksN][kBlocksM][4]) {
    const int lane = lane_index();
    // Lanes 0..15: rows of the first piece, 16..31: of the next.
    const int first_rows = stage + Layout::weight(column + lane % 16, lane / 16);
    // Lanes in eights: (rows 0..7, first piece), (0..7, next), (8..15, first), (8..15, next).
    const int first_columns = stage + Layout::x(row + lane / 16 * 8 + lane % 8, lane / 8 % 2);
    // Two pieces on. Moved about as pieces are, that is a changed bit; of the sum, lest all four be kept.
    const auto add = [&](int k) {
      add_pieces(shared + (first_rows ^ k * 32), shared + (first_columns ^ k * 32), to);
    };
    if constexpr (kWidened) {
      R1_ROLLED for (int k = 0; k < 4; ++k) { add(k); }
    } else {
      R1_UNROLL for (int k = 0; k < 4; ++k) { add(k); }
    }
  }
  R1_DEVICE static void add_pieces(const u8* rows, const u8* columns, float (&to)[kBlocksN][kBlocksM][4]) {
    u32 weights[kBlocksN][4];
    R1_UNROLL for (int i = 0; i < kBlocksN; ++i) { load_matrix_x4(weights[i], rows + i * 16 * 128); }
    R1_UNROLL for (int j = 0; j < kBlocksM; j += 2) {
      u32 x[4];
      load_matrix_x4(x, columns + j * 8 * 128);
      R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
        multiply(to[i][j], weights[i], x[0], x[1]);
        multiply(to[i][j + 1], weights[i], x[2], x[3]);
      }
    }
  }

  R1_DEVICE static void multiply(float (&d)[4], const u32 (&a)[4], u32 b0, u32 b1) {
#if R1_SM >= 89
    if constexpr (Shape::kQuantised)
      mma_m16n8k32_e4m3(d, a, b0, b1);
    else
#endif
      mma_m16n8k16(d, a, b0, b1);
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
            cuda::multiply(parts[i][j], wide_low[i], wide_high[i], x, k);
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

  // The step is the line.
  R1_DEVICE void end_quantised_line(const u8* shared, int stage, int line) {
    const float* x_scales =
        reinterpret_cast<const float*>(shared + stage + Layout::kScales) + row + lane_index() % 4 * 2;
    float scale[kBlocksN];
    R1_UNROLL for (int i = 0; i < kBlocksN; ++i) { scale[i] = scales[i][line]; }
    R1_UNROLL for (int j = 0; j < kBlocksM; ++j) {
      const Pack<float, 2> x = load_vector<float, 2>(x_scales + j * 8);
      R1_UNROLL for (int i = 0; i < kBlocksN; ++i) {
        R1_UNROLL for (int v = 0; v < 4; ++v) { sums[i][j][v] += parts[i][j][v] * (x.v[v % 2] * scale[i]); }
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
