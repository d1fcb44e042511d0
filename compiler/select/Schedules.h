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

/// Rows of a tile of sm_90a's warp groups.
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

/// Tiles of the product of each head with its part of a small matrix. A CPU tile is the head's whole matrix: its rows of x are shared.
inline GemmTiles headTiles(Machine machine, int64_t rows, int64_t n) {
  GemmTiles tiles = gemmTiles(machine, rows, n, 1);
  if (machine == Machine::Cpu)
    tiles.n = roundUp16(n);
  return tiles;
}

/// Columns of an expert's weight that one tile computes.
inline int64_t expertTile(Machine machine, int64_t rows, int64_t n) {
  int64_t tile = rows <= 32 ? 64 : 128;
  if (machine == Machine::Cuda)
    tile = rows <= kStreamRows ? 16 : 64;
  return n < tile ? roundUp16(n) : tile;
}

/// Rows of an expert that go together on a GPU, for an average of `rows` when all tokens are there.
inline int64_t expertRows(int64_t rows) { return rows <= kStreamRows ? kStreamRows : rows <= 64 ? 64 : 128; }

/// Tokens that share one reading of the router's weight.
inline int64_t routerTokens(Machine machine, int64_t tokens) {
  return machine == Machine::Cuda && tokens >= 64 ? 4 : 1;
}

/// Tokens of context that one tile of decode attention covers; at most 16 splits, so that partial results stay small.
inline int64_t splitTokens(int64_t maxContext) {
  int64_t split = (maxContext + 15) / 16;
  split = (split + 63) / 64 * 64;
  return split < 256 ? 256 : split;
}

/// Queries that share one expansion of keys and values in prefill attention on a CPU.
inline int64_t queryBlock(int64_t maxTokens) { return std::min<int64_t>(maxTokens, 256); }

} // namespace r1::select
