// Parameters of every kernel family. All fields are 8 bytes (int64_t or double): the compiler writes a struct
// as a constant array of words, and after inlining a skeleton sees every one of them as a compile-time
// constant.
//
// Shared conventions
//   T            rows of the launch (dims[kRows]): the step's tokens, or the rows of logits that it wants; R those rows where a
//   launch has both.
//   row stride   every two-dimensional activation has rows of round_up(cols, 16) elements, of e4m3 round_up(cols, 128)
//   (row_stride in layout.h); a column slice keeps the stride
//                of what it is sliced from. "stride" below is always in elements.
//   types        kF32 or kBF16 (ElementType) where a field ends in _type.
//   grids        those of the CPU. On a GPU a tile is a block; where its factors differ, the skeleton's header (kernels/<family>/cuda*.h)
//                says so.
//   columns      kernels and holes never touch elements outside [0, cols) of a row: neighbours may belong to
//   other threads. buffers      [fixed inputs..., fixed outputs..., what the holes read and write...]; the
//   fixed part is listed per family.
#pragma once
#include <cstdint>

namespace r1::kernels {

enum ElementType : int64_t { kF32 = 0, kBF16 = 1 };

// ---- embed: one token a tile. Buffers: ids i32[T], table[vocab][cols] (row-major, table_type).
// Holes: finish(1 value: the element) stores.
struct EmbedParams {
  int64_t cols;
  int64_t table_type;
};

// ---- rows: row maps and reductions. One row a tile. Buffers: none, or with combine_k > 0:
//   y f32[T * combine_k][y_stride] (row t * combine_k + j), weights f32[T][combine_k].
// Holes: map(1 value: sum_j weights[t][j] * y[t * combine_k + j][col], j ascending, or 0) writes its value
// back to values[0];
//        finish(2 values: that value v, and rstd) stores. norm = 0: rstd is 1. norm = 1: rstd = 1 /
//        sqrt(mean(v*v) + epsilon), float.
struct RowsParams {
  int64_t cols;
  int64_t norm;
  double epsilon;
  int64_t combine_k;
  int64_t y_stride;
};

// ---- rows/rows_quantize (GPU): one row a tile, of T * inner. Buffers: x[row][x_stride] (x_type) -> y
// e4m3[row][row_stride(cols)], zero behind cols, scales f32[row][round_up(ceil(cols/128), 16)], nothing behind the last
// piece. scale = max(|x|, 1e-4) / 448 of each 128 columns, with ue8m0 = 1 rounded up to a power of two; y = e4m3(x / scale).
struct RowsQuantizeParams {
  int64_t cols, inner, x_stride, x_type, ue8m0;
};

// ---- rows/gather: one row of logits a tile. Buffers: x[T][x_stride] (x_type), rows i32[R]. Hole: finish(1
// value) stores row r.
struct GatherParams {
  int64_t cols;
  int64_t x_stride;
  int64_t x_type;
};

// ---- rows/gather_words: `tile` rows of logits a tile. Buffers: x i32[T], rows i32[R] -> y i32[R], y[r] = x[rows[r]].
struct GatherWordsParams {
  int64_t tile; // on a GPU a block has as many threads
};

// ---- rows/rope_table: one token a tile. Buffers: positions i32[T], inv_freq f32[rope / 2] -> table
// f32[T][row_stride(rope)]: cos(position * inv_freq[i]) for i in 0..rope/2, then sin. The angle is a float product, its
// cosine accurate to 1e-7.
struct RopeTableParams {
  int64_t rope;
  double scale; // multiplies cos and sin (YaRN mscale / mscale_all_dim quotient; 1 for R1)
};

// ---- rows/rope: one token a tile. Buffers: x[T][x_stride] (x_type), table f32[T][row_stride(rope)] -> y[T][y_stride]
// (y_type). For each head: copies head_dim elements, rotating elements [offset, offset + rope). interleaved =
// 1: pairs (2i, 2i+1); 0: pairs (i, i + rope/2). Arithmetic in float.
struct RopeParams {
  int64_t heads, head_dim, offset, rope, interleaved;
  int64_t x_stride, y_stride, x_type, y_type;
};

// ---- rows/latent_write: one token a tile; appends the token's latent and rotary key to the paged cache
// (bf16). Buffers: latent[T][latent_stride] (x_type), key[T][key_stride] (x_type), norm_weight f32[kv_lora],
// table f32[T][row_stride(rope)],
//   positions i32[T], slots i32[T], page_table i32[][pages_per_sequence], cache bf16[page][64][token_stride].
// norm = 1: the latent is RMS-normalised with epsilon and weight first. rotate = 1: the key is rotated
// (interleaved as above). Token layout in the cache: kv_lora latent elements, then rope key elements (key
// pairs stay where the rotation put them).
struct LatentWriteParams {
  int64_t kv_lora, rope, norm, rotate, interleaved;
  double epsilon;
  int64_t latent_stride, key_stride, x_type, token_stride, pages_per_sequence;
};

// ---- gemm: y = epilogue(x[rows][k] * W[n][k]^T). Variants: gemm_bf16, gemm_f8 (weight type), on a GPU gemm_quantised_f8: x is
// e4m3 as rows_quantize writes it, batch 1, and behind the scales of W come those of x.
// Buffers: x bf16 (or, prologue = 1, what the prologue holes read; then buffer 0 is still present and
// unused), W packed
//   (kernels/registry/layout.h), scales f32 packed (gemm_f8 only; absent for gemm_bf16).
// Grid: ceil(rows / tile_m) x batch x ceil(n / tile_n); a tile is (row block, batch, column block), last
// varies fastest. accumulators = 2: W holds two matrices of n rows (gate and up), the epilogue gets both sums
// for a column. batch > 1: W holds `batch` matrices; part b reads x[row][b * x_batch_stride ..] and its
// columns are b * n + j. Holes: epilogue(accumulators values) stores; with prologue = 1 also map(1 value, 0)
// and finish(2 values: v, rstd), which both write
//   values[0] back, as in rows: x row = bf16(finish(v, rstd)) with rstd over the k columns.
struct GemmParams {
  int64_t n, k, batch;
  int64_t x_stride, x_batch_stride;
  int64_t accumulators;
  int64_t tile_m, tile_n; // tile_n a multiple of 16
  int64_t prologue;
  double epsilon;
};

// ---- grouped_gemm: expert linear layers over token-expert pairs. Variants: grouped_gemm_bf16,
// grouped_gemm_f8, on a GPU grouped_gemm_quantised_f8, with x as gemm_quantised_f8 has it and its scales behind groups.
// Buffers: x bf16, W packed [experts][...], scales f32 (f8 only), groups i32 (written by
// router/group, see below). A pair p = t * top_k + j. Input row: gather = 1: p / top_k (the token), 0: p.
// Output row (given to the epilogue): p. Grid: const max_active x const ceil(n / tile_n). Tile (a, column
// block): the a-th active expert; nothing if there is none. Holes: epilogue(accumulators values) stores.
struct GroupedGemmParams {
  int64_t n, k, experts, top_k;
  int64_t x_stride, gather, accumulators;
  int64_t max_active; // of the entry: min(experts, max_tokens * top_k)
  int64_t tile_n;
  int64_t tile_m = 0; // rows of an expert that go together on a GPU; a CPU tile takes all
};

// ---- router. `groups` layout, i32: [0] number of active experts A; [1 .. 1+experts) ids of the active
// experts, ascending; [1+experts .. 2+2*experts) offsets: the pairs of the a-th active expert are
// pairs[offset[a] .. offset[a+1]); [2+2*experts ..) pairs, ascending within an expert. kGroupsHeader(experts)
// + T * top_k words in all.
inline constexpr int64_t group_words(int64_t experts, int64_t pairs) { return 2 + 2 * experts + pairs; }

// router/logits: tile = (token, block of 16 experts). Buffers: x f32[T][x_stride], W[experts][hidden]
// row-major (w_type) -> logits f32[T][round_up(experts,16)]. router/topk: one token a tile. Buffers: logits
// f32 (as above), bias f32[experts] (or unused) -> ids i32[T][top_k], weights f32[T][top_k]. router/fused:
// both for one token a tile. Buffers: x, W, bias -> ids, weights. router/group: one tile in all. Buffers: ids
// i32[T][top_k] -> groups. Choice: score = sigmoid or softmax(logits); choice score = score + bias; group
// score = max or sum of the two best choice scores of a group; only the topk_group best groups stay (others
// -infinity); the top_k best of them, ties to the lower index; the order of the result is by descending
// choice score. Weight = score without bias; norm: divided by (their sum + 1e-20); times scale.
enum GroupScore : int64_t { kNoGroups = 0, kGroupMax = 1, kGroupTop2Sum = 2 };
struct RouterParams {
  int64_t hidden, experts, top_k, groups, topk_group;
  int64_t sigmoid, group_score, has_bias, normalize;
  double scale;
  int64_t x_stride, w_type;
  // Of router/logits on a GPU, where a tile is (block of so many tokens, block of 16 experts); 1 on a CPU.
  int64_t tile_tokens = 1;
};

// ---- mla: latent attention over the paged cache (bf16[page][64][token_stride], kv_lora latent elements then
// rope key elements). Common buffers tail: cache, positions i32[T], slots i32[T], page_table
// i32[][pages_per_sequence]. mla/decode (absorbed): tile = (token, split); grid Tokens/1 x
// Context/split_tokens, on CUDA Tokens/1 x max_splits x blocks of heads (cuda_mla.h).
// Buffers: q_latent bf16[T][q_latent_stride] (head h at h * kv_lora), q_rope bf16 (head h at h *
//   q_rope_head_stride, rows q_rope_stride), common tail -> partial f32[T][max_splits][heads][kv_lora + 2]:
//   unnormalised output, running maximum, sum. A split past the token's position writes maximum -inf, sum 0.
// mla/combine: tile = (token, head). Buffers: partial, positions -> out bf16[T][out_stride], head h at h *
// kv_lora. mla/prefill (plain): tile = (block of q_block queries, head); all of one sequence, their positions ascending, causal.
// Buffers: q bf16[T][q_stride] (head h at
//   h * (nope + rope): nope then rotated rope), W_UK packed [heads](n = nope, k = kv_lora), W_UV packed
//   [heads](n = v, k = kv_lora), common tail
//   -> out bf16[T][out_stride], head h at h * v. Keys and values of a page are expanded from latents inside
//   the tile.
// Softmax in float; probabilities rounded to bf16 before they meet the values, as in R1's own code.
struct MlaParams {
  int64_t heads, kv_lora, rope, nope, v;
  double scale; // softmax scale, YaRN's mscale^2 included
  int64_t token_stride, pages_per_sequence;
  int64_t q_stride, q_latent_stride, q_rope_stride, q_rope_head_stride, out_stride;
  // Decode; split_tokens a multiple of 64. On CUDA the least that a split has, see cuda_mla_split in cuda_mla.h.
  int64_t split_tokens, max_splits;
  int64_t q_block; // prefill
};

// ---- sample: the next token id of one row of logits a tile. Buffers: logits f32[R][stride], options i32[R][4], draws
// i32[R][2] -> ids i32[R]. Grid: LogitRows/1. Options of a row: words 0 and 1 the bits of a double, 1 / temperature, low
// half first; word 2 top_k (0: all, kNoSample: no id is wanted); word 3, as u32, top_p in units of 2^-32 (0: 1). Draws: a
// random number u below 2^53, low half first. Everything is exact, so one row of logits has one answer:
//   -1 where a logit is NaN, the largest is not finite, or no id is wanted;
//   1 / temperature = 0: the largest logit, ties to the lower id. Otherwise a token weighs
//   floor(exp((logit - largest) * (1 / temperature)) * 2^40) by the series of kernels/sample/reference.cpp;
//   the top_k largest logits stay, ties to the lower id, and of them the fewest, in the same order, whose weights reach
//   ceil(top_p * total); then, in the order of ids, the first whose weights up to and with it exceed
//   floor(u * (what is left in all) / 2^53).
inline constexpr int64_t kSampleOptionWords = 4, kSampleDrawWords = 2;
inline constexpr int32_t kNoSample = -1;
struct SampleParams {
  int64_t vocab, stride; // vocab below 2^23: weights of a row add up to less than 2^63
};

} // namespace r1::kernels
