// y = epilogue(prologue(x) * W^T) on a CPU, W packed in vnni16 or vnni16_f8.
//
// Arithmetic: 2 * rows * n * k operations on n * k * (2 or 1) bytes of weights. With one row that is 1 or 2
// operations a byte: bound by the stream of weights, so each is read once, several strips in flight. From
// some tens of rows on it is bound by the multipliers: kernels/common/microkernel.h keeps a block of weights
// in cache and sums in registers.
//
// Schedule: a tile is (row block, batch, column block). Its sums go to scratch and the epilogue runs over
// them row by row. Rows are staged in scratch only if there is a prologue or k does not fill the packing's
// step; the staged rows of a row block serve all tiles of it in one call.
#include "kernels/common/linear.h"

namespace r1::kernels::R1_ISA {
namespace {

// The prologue of one row: v = map(col), rstd over the row, bf16(finish(v, rstd)), zeros from k to padded_k.
R1_INLINE void prologue_row(void* const* buffers, const GemmParams& p, Hole map, Hole finish, int64_t row,
                            int64_t padded_k, float* line, uint16_t* out) {
  F32x16 squares = zero();
  for (int64_t col = 0; col < p.k; col += 16) {
    const int64_t count = min_of(p.k - col, 16);
    store(line + col, zero());
    map(buffers, row, col, count, line + col);
    const F32x16 v = load(line + col, count);
    store(line + col, v);
    squares = fma(v, v, squares);
  }
  const float mean = reduce_add(squares) / float(p.k);
  const float rstd = 1.0f / square_root(mean + float(p.epsilon));
  for (int64_t col = 0; col < padded_k; col += 16) {
    const int64_t count = min_of(p.k - col, 16);
    alignas(64) float values[32];
    if (count > 0) {
      store(values, load(line + col));
      store(values + 16, splat(rstd));
      finish(buffers, row, col, count, values);
      store_bf16(out + col, load(values, count));
    } else {
      store_bf16(out + col, zero());
    }
  }
}

template <bool kF8>
R1_INLINE void gemm(void* const* buffers, const int64_t* dims, int64_t begin, int64_t end, void* scratch,
                    const GemmParams& p, const Hole* holes) {
  const int64_t rows = dims[kRows];
  const int64_t k = round_up(p.k, k_step(kF8));
  const int64_t column_blocks = ceil_div(p.n, p.tile_n);
  const int64_t matrix_strips = ceil_div(p.n, 16) * p.accumulators;
  const int64_t row_block = min_of(p.tile_m, rows);
  const int64_t ldc = p.tile_n * p.accumulators;
  const bool staged = p.prologue || k != p.k;
  const uint16_t* x = static_cast<const uint16_t*>(buffers[0]);
  const char* weights = static_cast<const char*>(buffers[1]);
  const float* scales = kF8 ? static_cast<const float*>(buffers[2]) : nullptr;

  const GemmScratch at = gemm_scratch(p.tile_m, ldc, p.k, kF8, p.prologue != 0);
  char* base = static_cast<char*>(scratch);
  uint16_t* stage = reinterpret_cast<uint16_t*>(base + at.rows);
  float* sums = reinterpret_cast<float*>(base + at.sums);
  uint16_t* panel = reinterpret_cast<uint16_t*>(base + at.panel);
  float* line = reinterpret_cast<float*>(base + at.line);

  int64_t staged_group = -1;
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t group = tile / column_blocks; // (row block, batch)
    const int64_t column0 = tile % column_blocks * p.tile_n;
    const int64_t batch = group % p.batch;
    const int64_t row0 = group / p.batch * p.tile_m;
    const int64_t m = min_of(rows - row0, row_block);
    // A constant where all tiles are whole, so that code for odd numbers of strips vanishes.
    const int64_t columns = p.n % p.tile_n ? min_of(p.n - column0, p.tile_n) : p.tile_n;

    const uint16_t* a = x + row0 * p.x_stride + batch * p.x_batch_stride;
    int64_t lda = p.x_stride;
    if (staged) {
      if (group != staged_group) {
        for (int64_t r = 0; r < m; ++r) {
          if (p.prologue)
            prologue_row(buffers, p, holes[1], holes[2], row0 + r, k, line, stage + r * k);
          else
            copy_row(a + r * p.x_stride, p.k, k, stage + r * k);
        }
        staged_group = group;
      }
      a = stage;
      lda = k;
    }

    const int64_t strip0 = batch * matrix_strips + column0 / 16 * p.accumulators;
    const WeightTile w = {weights + strip0 * k * (kF8 ? 16 : 32), kF8 ? scales + strip0 * (k / 128) : nullptr,
                          ceil_div(columns, 16) * p.accumulators, k};
    multiply_tile<kF8>(a, lda, m, w, sums, ldc, panel);

    for (int64_t r = 0; r < m; ++r)
      for (int64_t col = 0; col < columns; col += 16)
        holes[0](buffers, row0 + r, batch * p.n + column0 + col, min_of(columns - col, 16),
                 sums + r * ldc + col * p.accumulators);
  }
}

} // namespace
} // namespace r1::kernels::R1_ISA

R1_SKELETON(gemm_bf16, GemmParams) {
  const r1::kernels::GemmParams p = *params;
  r1::kernels::R1_ISA::gemm<false>(buffers, dims, begin, end, scratch, p, holes);
}

R1_SKELETON(gemm_f8, GemmParams) {
  const r1::kernels::GemmParams p = *params;
  r1::kernels::R1_ISA::gemm<true>(buffers, dims, begin, end, scratch, p, holes);
}
