// Tile sizes, as plain data: what a schedule is chosen from, apart from how a kernel is built.
#pragma once
#include "compiler/target/Target.h"
#include <algorithm>
#include <cstdint>

namespace r1::select {

/// Kernels compute whole strips of 16 columns, so every tile is a multiple of that.
inline int64_t roundUp16(int64_t columns) { return (columns + 15) / 16 * 16; }

struct GemmTiles {
  int64_t m, n;
};

/// Rows of a gemm's tile of sm_90a's warp groups.
inline constexpr int64_t kHopperRows = 128;

/// Tiles of a gemm with at most `rows` rows and `n` columns of each of `accumulators` weights.
/// Few rows: the weight is a stream, and blocks of 32 rows of it give every thread some hundred kilobytes in one piece. Many rows: a
/// block of the weight is widened or packed once and meets up to 256 rows while it is in the second-level cache.
/// On a GPU, up to 16 rows stream the weight through all multiprocessors, 16 columns a block; more meet it in tiles for tensor cores.
inline GemmTiles gemmTiles(Machine machine, int64_t rows, int64_t n, int64_t accumulators) {
  if (machine == Machine::Cuda)
    return rows <= kStreamRows ? GemmTiles{kStreamRows, 16}
                               : GemmTiles{rows <= 64 ? 64 : 128,
                                           accumulators == 2 ? 64 : std::min<int64_t>(128, roundUp16(n))};
  if (rows <= 32)
    return {rows, 32};
  return {rows < 256 ? rows : 256, accumulators == 2 ? 32 : 64};
}

/// The same for a quantised x, which is never streamed. sm_90 and sm_100 have no mma.sync on e4m3: operands are widened in registers, of
/// which 64 rows leave enough. (sm_90a has warp groups for more, with 128 rows.)
inline GemmTiles quantizedTiles(int chip, int64_t rows, int64_t n, int64_t accumulators) {
  return {rows <= 64 || chip > 90 ? 64 : 128, std::min<int64_t>(accumulators == 2 ? 64 : 128, roundUp16(n))};
}

/// Tiles of the product of each head with its part of a small matrix. A CPU tile is the head's whole matrix: its rows of x are shared.
inline GemmTiles headTiles(Machine machine, int64_t rows, int64_t n) {
  GemmTiles tiles = gemmTiles(machine, rows, n, 1);
  if (machine == Machine::Cpu)
    tiles.n = roundUp16(n);
  return tiles;
}

/// Tiles of an expert's layer, of `rows` rows on average when all tokens are there. A CPU tile takes all of an expert's rows.
inline GemmTiles expertTiles(Machine machine, int64_t rows, int64_t n) {
  if (machine == Machine::Cpu)
    return {0, std::min<int64_t>(rows <= 32 ? 64 : 128, roundUp16(n))};
  if (rows <= kStreamRows)
    return {kStreamRows, 16};
  return {rows <= 64 ? 64 : 128, std::min<int64_t>(64, roundUp16(n))};
}

/// The same for sm_90a's warp groups, of more rows than stream. Rows scatter about their average, so with 64 rows half a tile of each expert is
/// waste, at 0.7 of the rate: (rows + 32) / 0.7 against the 128 of one tile of 128 (kernels/grouped_gemm/cuda_hopper.h).
/// Columns: one tile's for all accumulators, as many as wgmma takes, two groups side by side at 64 rows, and registers hold.
inline GemmTiles hopperExpertTiles(int64_t rows, int64_t n, int64_t accumulators, bool f8) {
  int64_t m = rows < 64 ? 64 : 128, widest = 0;
  for (int64_t columns : {16, 32, 64, 96, 128, 192, 256}) {
    if (columns % (16 * accumulators) != 0 || columns > (f8 ? 128 : 256) || (m == 64 && columns == 96))
      continue;
    widest = columns / accumulators;
    if (widest >= n)
      break;
  }
  return {m, widest};
}

/// Tokens that share one reading of the router's weight.
inline int64_t routerTokens(Machine machine, int64_t tokens) {
  return machine == Machine::Cuda && tokens >= 64 ? 4 : 1;
}

/// How decode attention divides a context: in splits of at least `tokens`, of which a token has at most `most`.
struct Splits {
  int64_t tokens, most;
};

/// CPU: at most 16 of one length, so that partial results stay small.
/// GPU: longer contexts have longer splits (kernels/registry/cuda_mla.h), so both numbers are about what a split costs beside its
/// tokens, for H heads in blocks of `headBlocks`:
///   - some 4 us to start, to fetch queries and to store, when a page of 64 takes 0.8 us alone and 2.9 us where all 132 blocks of an
///     H100 share its memory;
///   - 2 H bytes of queries for each element of the cache, 8 H of partial results written and read again for each latent: of R1
///     5.3 H KB, most of it in the second-level cache, beside 1.15 KB a token.
/// Few sequences need splits to fill the chip: of 256 tokens, one sequence of 4k is 16 blocks and done in 8 us, 16 of them 256; 64 splits keep
/// one of 128k at the memory's speed. Many sequences fill it by themselves and pay for every split: 512 tokens, and 16 a head, keep
/// that below a third of the traffic; 16 splits still spread contexts that differ.
inline Splits contextSplits(Machine machine, int64_t maxTokens, int64_t maxContext, int64_t heads,
                            int64_t headBlocks) {
  if (machine == Machine::Cpu) {
    int64_t tokens = std::max<int64_t>(256, (maxContext + 1023) / 1024 * 64);
    return {tokens, (maxContext + tokens - 1) / tokens};
  }
  bool few = maxTokens <= kStreamRows;
  int64_t tokens = few ? 256 : std::max<int64_t>(512, (heads * 16 + 63) / 64 * 64);
  int64_t most = few ? std::max<int64_t>(16, 64 / headBlocks) : 16;
  return {tokens, std::min(most, (maxContext + tokens - 1) / tokens)};
}

/// Queries that share one expansion of keys and values in prefill attention on a CPU.
inline int64_t queryBlock(int64_t maxTokens) { return std::min<int64_t>(maxTokens, 256); }

} // namespace r1::select
