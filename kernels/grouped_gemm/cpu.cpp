// Expert linear layers on a CPU: for each active expert, its token-expert pairs' rows times its matrix.
//
// Arithmetic: as gemm, expert by expert; the weights of active experts are read once. A tile is (active
// expert, column block) and takes all of the expert's rows, kGroupedRowBlock at a time: they are gathered
// into scratch (a single row is used where it lies), and a gathered block serves the neighbouring tiles of
// the same expert in one call.
#include "kernels/common/linear.h"

namespace r1::kernels::R1_ISA {
namespace {

template <bool kF8>
R1_INLINE void grouped_gemm(void* const* buffers, int64_t begin, int64_t end, void* scratch,
                            const GroupedGemmParams& p, const Hole* holes) {
  const int64_t k = round_up(p.k, k_step(kF8));
  const int64_t column_blocks = ceil_div(p.n, p.tile_n);
  const int64_t expert_strips = ceil_div(p.n, 16) * p.accumulators;
  const int64_t ldc = p.tile_n * p.accumulators;
  const uint16_t* x = static_cast<const uint16_t*>(buffers[0]);
  const char* weights = static_cast<const char*>(buffers[1]);
  const float* scales = kF8 ? static_cast<const float*>(buffers[2]) : nullptr;
  const int32_t* groups = static_cast<const int32_t*>(buffers[kF8 ? 3 : 2]);
  const int32_t* ids = groups + 1;
  const int32_t* offsets = ids + p.experts;
  const int32_t* pairs = offsets + p.experts + 1;

  const GemmScratch at = gemm_scratch(kGroupedRowBlock, ldc, p.k, kF8, false);
  char* base = static_cast<char*>(scratch);
  uint16_t* gathered = reinterpret_cast<uint16_t*>(base + at.rows);
  float* sums = reinterpret_cast<float*>(base + at.sums);
  uint16_t* panel = reinterpret_cast<uint16_t*>(base + at.panel);

  int64_t gathered_from = -1; // index in pairs of the first gathered row
  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t active = tile / column_blocks;
    if (active >= groups[0])
      break;
    const int64_t column0 = tile % column_blocks * p.tile_n;
    // A constant where all tiles are whole, so that code for odd numbers of strips vanishes.
    const int64_t columns = p.n % p.tile_n ? min_of(p.n - column0, p.tile_n) : p.tile_n;
    const int64_t strip0 = ids[active] * expert_strips + column0 / 16 * p.accumulators;
    const WeightTile w = {weights + strip0 * k * (kF8 ? 16 : 32), kF8 ? scales + strip0 * (k / 128) : nullptr,
                          ceil_div(columns, 16) * p.accumulators, k};

    for (int64_t first = offsets[active]; first < offsets[active + 1]; first += kGroupedRowBlock) {
      const int64_t m = min_of(offsets[active + 1] - first, kGroupedRowBlock);
      const uint16_t* a = gathered;
      if (m == 1 && k == p.k) {
        a = x + (p.gather ? pairs[first] / p.top_k : pairs[first]) * p.x_stride;
      } else if (first != gathered_from) {
        for (int64_t r = 0; r < m; ++r) {
          const int64_t row = p.gather ? pairs[first + r] / p.top_k : pairs[first + r];
          copy_row(x + row * p.x_stride, p.k, k, gathered + r * k);
        }
        gathered_from = first;
      }
      multiply_tile<kF8>(a, k, m, w, sums, ldc, panel);
      for (int64_t r = 0; r < m; ++r)
        for (int64_t col = 0; col < columns; col += 16)
          holes[0](buffers, pairs[first + r], column0 + col, min_of(columns - col, 16),
                   sums + r * ldc + col * p.accumulators);
    }
  }
}

} // namespace
} // namespace r1::kernels::R1_ISA

R1_SKELETON(grouped_gemm_bf16, GroupedGemmParams) {
  const r1::kernels::GroupedGemmParams p = *params;
  r1::kernels::R1_ISA::grouped_gemm<false>(buffers, begin, end, scratch, p, holes);
}

R1_SKELETON(grouped_gemm_f8, GroupedGemmParams) {
  const r1::kernels::GroupedGemmParams p = *params;
  r1::kernels::R1_ISA::grouped_gemm<true>(buffers, begin, end, scratch, p, holes);
}
