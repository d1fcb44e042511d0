// How the mla skeletons divide a thread's scratch. One place for the kernels, which lay it out, and the
// registry, which says how much they need. Offsets are in bytes and multiples of 64.
#pragma once
#include "kernels/registry/cpu_abi.h"
#include "kernels/registry/params.h"

#include <cstdint>

namespace r1::kernels {

// A block of attention: `rows` queries (heads when decoding, tokens in prefill) against one page of keys and
// values.
struct MlaScratch {
  int64_t queries;  // bf16 vnni16 [rows / 16][key_k / 2][16][2]: the B operand of keys * queries^T
  int64_t staging;  // bf16 [64][stage_k]: rows of queries or of the cache, padded to whole blocks of k
  int64_t keys;     // bf16 [64][key_k]: expanded keys of a page (prefill), or the staged page
  int64_t scores;   // f32 [64][rows]: one row a token, one lane a query
  int64_t weights;  // bf16 [rows][64]: probabilities
  int64_t expanded; // f32 [64][max(nope, v)] (prefill)
  int64_t values;   // bf16 vnni16 [v / 16][32][16][2]: the B operand of weights * values
  int64_t out;      // f32 [rows][v]: unnormalised output
  int64_t state;    // f32 [4][rows]: maximum, sum, the page's factor, positions (i32, prefill)
  int64_t bytes;
};

// key_k: elements of a key; value_n: elements of a value; latent_k: elements of a latent that is expanded, 0
// when decoding.
static inline constexpr MlaScratch mla_scratch(int64_t rows, int64_t key_k, int64_t value_n, int64_t latent_k,
                                               int64_t expanded_n) {
  const int64_t r = (rows + 15) / 16 * 16, k = (key_k + 31) / 32 * 32, n = (value_n + 15) / 16 * 16;
  const int64_t latent = (latent_k + 31) / 32 * 32, expanded = (expanded_n + 15) / 16 * 16;
  MlaScratch s{};
  s.queries = 0;
  s.staging = s.queries + r * k * 2;
  s.keys = s.staging + kPageTokens * (k > latent ? k : latent) * 2;
  s.scores = s.keys + kPageTokens * k * 2;
  s.weights = s.scores + kPageTokens * r * 4;
  s.expanded = s.weights + r * kPageTokens * 2;
  s.values = s.expanded + kPageTokens * expanded * 4;
  s.out = s.values + n * kPageTokens * 2;
  s.state = s.out + r * n * 4;
  s.bytes = s.state + 4 * r * 4;
  return s;
}

static inline constexpr MlaScratch mla_decode_scratch(const MlaParams& p) {
  return mla_scratch(p.heads, p.kv_lora + p.rope, (p.kv_lora + 31) / 32 * 32, 0, 0);
}

static inline constexpr MlaScratch mla_prefill_scratch(const MlaParams& p) {
  return mla_scratch(p.q_block, p.nope + p.rope, p.v, p.kv_lora, p.nope > p.v ? p.nope : p.v);
}

} // namespace r1::kernels
