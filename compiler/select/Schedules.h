// Tile sizes, as plain data: what a schedule is chosen from, apart from how a kernel is built.
#pragma once
#include <cstdint>

namespace r1::select {

/// Kernels compute whole strips of 16 columns, so every tile is a multiple of that.
inline int64_t roundUp16(int64_t columns) { return (columns + 15) / 16 * 16; }

struct GemmTiles {
  int64_t m, n;
};

/// Tiles of a gemm with at most `rows` rows and `n` columns of each of `accumulators` weights.
/// Few rows: the weight is a stream, and blocks of 32 rows of it give every thread some hundred kilobytes in one piece. Many rows: a
/// block of the weight is widened or packed once and meets up to 256 rows while it is in the second-level cache.
inline GemmTiles gemmTiles(int64_t rows, int64_t n, int64_t accumulators) {
  if (rows <= 32)
    return {rows, 32};
  (void)n;
  return {rows < 256 ? rows : 256, accumulators == 2 ? 32 : 64};
}

/// Columns of an expert's weight that one tile computes.
inline int64_t expertTile(int64_t rows, int64_t n) {
  int64_t tile = rows <= 32 ? 64 : 128;
  return n < tile ? roundUp16(n) : tile;
}

/// Tokens of context that one tile of decode attention covers; at most 16 splits, so that partial results stay small.
inline int64_t splitTokens(int64_t maxContext) {
  int64_t split = (maxContext + 15) / 16;
  split = (split + 63) / 64 * 64;
  return split < 256 ? 256 : split;
}

/// Queries that share one expansion of keys and values in prefill attention.
inline int64_t queryBlock(int64_t maxTokens) { return maxTokens < 256 ? maxTokens : 256; }

} // namespace r1::select
