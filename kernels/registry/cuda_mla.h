// The tile of the CUDA skeletons of mla. One place for the kernels, which lay out shared memory by it, and for
// the compiler, which sizes grids by it. NVRTC reads this file too, so it includes nothing and
// its functions are marked for it.
//
// A block keeps `rows` queries (pairs of token and head, all of one sequence) in shared memory as bf16 and their
// outputs in registers as float, rows * kv_lora in all, while rows of the cache pass through a ring of `stages`
// stages of `tokens` rows. Both products read shared memory once for a tile of the output, so more rows mean
// fewer bytes from L2 and from shared memory for an operation: 64 rows are what a block's registers can hold at
// R1's kv_lora, and 16 rows are one tile of the matrix instruction.
//
// Shared memory, in this order (bytes; kernels/mla/cuda_block.h):
//   queries   rows * width * 2
//   ring      stages * tokens * width * 2
//   weights   rows * (tokens + 8) * 2     probabilities
//   exchange  score_warps * rows * 4      a row's maximum or sum from every warp that has a part of it
//   factors   rows * 4                    what a step multiplies earlier output with
//   positions (rows + rows / 16) * 4      the last position that a row, or any of 16 rows, sees (prefill)
#pragma once

#ifdef __CUDACC_RTC__
#define R1_CONSTEXPR __device__ constexpr
#else
#define R1_CONSTEXPR constexpr
#endif

namespace r1::kernels {

struct CudaMlaTile {
  int rows, tokens, stages; // rows 0: the model's latents are too wide for the chip
  int warps;
  int score_warps; // warps that share a row of scores
  int width;       // elements of a staged row: kv_lora + rope, rounded up to 64
  int shared_bytes;
};

// Bytes of shared memory that one block may have.
R1_CONSTEXPR int cuda_mla_shared_limit(int sm) {
  return sm == 80 || sm == 87 ? 163 * 1024 : sm >= 90 && sm < 120 ? 227 * 1024 : 99 * 1024;
}

// The widest tile that fits and is no wider than `queries`, the most that a block can have to do.
R1_CONSTEXPR CudaMlaTile cuda_mla_tile(int sm, long long queries, long long kv_lora, long long rope) {
  const long long width = (kv_lora + rope + 63) / 64 * 64;
  for (int registers = 128; registers <= 1024;
       registers *= 2) // floats of output a thread; beyond 128 they spill
    for (int rows = 64; rows >= 16; rows /= 2) {
      if (rows > 16 && rows / 2 >= queries)
        continue;
      for (int tokens = 64; tokens >= 16; tokens /= 2) {
        const int pieces = rows / 16 * (tokens / 8), warps = pieces < 8 ? pieces : 8;
        if (rows / 16 * (((kv_lora + 15) / 16 + warps - 1) / warps) * 8 > registers)
          continue;
        const int score_warps = pieces > warps ? tokens / 16 : tokens / 8;
        for (int stages = 1 + 64 / tokens; stages >= 2; --stages) { // 64 tokens under way hide the memory
          const long long bytes = (rows + stages * tokens) * width * 2 + rows * (tokens + 8) * 2 +
                                  (score_warps + 2) * rows * 4 + rows / 4;
          if (bytes <= cuda_mla_shared_limit(sm))
            return {rows, tokens, stages, warps, score_warps, int(width), int(bytes)};
        }
      }
    }
  return {};
}

// Decode: a block takes a token, a split and up to `rows` heads. Grid: Tokens x max_splits x ceil(heads / rows).
R1_CONSTEXPR CudaMlaTile cuda_mla_decode_tile(int sm, long long heads, long long kv_lora, long long rope) {
  return cuda_mla_tile(sm, heads, kv_lora, rope);
}

// Prefill: a block takes q_block tokens of rows / q_block heads. Grid: ceil(Tokens / q_block) x
// ceil(heads / (rows / q_block)). q_block is a power of two, at most cuda_mla_largest_q_block.
R1_CONSTEXPR CudaMlaTile cuda_mla_prefill_tile(int sm, long long q_block, long long heads, long long kv_lora,
                                               long long rope) {
  return cuda_mla_tile(sm, q_block * heads, kv_lora, rope);
}

R1_CONSTEXPR int cuda_mla_largest_q_block(int sm, long long kv_lora, long long rope) {
  return cuda_mla_tile(sm, 64, kv_lora, rope).rows;
}

// Tokens of context in each split of a token that sees `seen`: at least split_tokens, whole pages, and no more
// splits than max_splits. A function of the token alone, so its bits do not depend on its batch.
R1_CONSTEXPR int cuda_mla_split(int seen, int split_tokens, int max_splits) {
  const int even = ((seen + max_splits - 1) / max_splits + 63) / 64 * 64;
  return even < split_tokens ? split_tokens : even;
}

// ---- sm_90a's warp groups (kernels/mla/cuda_hopper_block.h). A block has 64 rows; queries, pages and weights lie in
// chunks of 64 columns: 64 rows of 128 bytes. One or two warp groups hold the outputs, `columns` each; one more does
// the scores.
//
// Shared memory: queries chunks * 8192 | ring 2 * chunks * 8192 | probabilities 8192 | factors 256 | barriers
// (2 * chunks + 3) * 8
struct CudaMlaHopperTile {
  int chunks; // of a row of the cache; 0: the model's latents are none that the block can hold or the products take
  int value_groups, columns;
  int threads, shared_bytes;
};
R1_CONSTEXPR CudaMlaHopperTile cuda_mla_hopper_tile(long long kv_lora, long long rope) {
  const int chunks = int((kv_lora + rope + 63) / 64), groups = kv_lora % 128 == 0 ? 2 : 1;
  const int columns = int(kv_lora / groups), bytes = (3 * chunks + 1) * 8192 + 256 + (2 * chunks + 3) * 8;
  const bool product = columns == 8 || columns == 16 || columns == 32 || columns == 64 || columns == 96 ||
                       columns == 128 || columns == 192 || columns == 256;
  if (!product || bytes > cuda_mla_shared_limit(90))
    return {};
  return {chunks, groups, columns, (groups + 1) * 128, bytes};
}
inline constexpr int kCudaMlaHopperRows = 64;

} // namespace r1::kernels

#undef R1_CONSTEXPR
