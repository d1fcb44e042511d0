// The slow, clear forms of multi-head latent attention (DeepSeek-V2 report, section 2.1; DeepSeek-V3
// inference/model.py, class MLA: "naive" is the plain form here, "absorb" the absorbed one). All values
// float, sums in double, no rounding in between. Context: latent [context][kv_lora] normalised, key
// [context][rope] rotated. Token t sees context 0..positions[t].
#pragma once
#include <cstdint>

namespace r1::kernels::reference {

struct MlaShape {
  int64_t tokens, heads, kv_lora, rope, nope, v;
  double scale; // softmax scale with YaRN's mscale^2: 192^-0.5 * 1.3688879^2 for R1, not 192^-0.5
};

// Plain: k[c][h] = (W_UK[h] latent[c], key[c]), v[c][h] = W_UV[h] latent[c], ordinary attention on these.
// q [tokens][heads][nope + rope], rotated; w_uk [heads][nope][kv_lora]; w_uv [heads][v][kv_lora]; out
// [tokens][heads][v].
void mla_plain(const float* q, const float* latent, const float* key, const float* w_uk, const float* w_uv,
               const int32_t* positions, const MlaShape& shape, float* out);

// Absorbed: scores from latents directly, q_latent[h] = W_UK[h]^T q_nope[h]; the result stays in the latent
// space. q_latent [tokens][heads][kv_lora]; q_rope [tokens][heads][rope]; out [tokens][heads][kv_lora].
void mla_absorbed(const float* q_latent, const float* q_rope, const float* latent, const float* key,
                  const int32_t* positions, const MlaShape& shape, float* out);

// The two products that absorption moves out of attention. q_nope has rows of `head_stride` elements a head.
// q_nope [tokens][heads][head_stride] -> q_latent [tokens][heads][kv_lora].
void mla_absorb_query(const float* q_nope, int64_t head_stride, const float* w_uk, const MlaShape& shape,
                      float* q_latent);
// out_latent [tokens][heads][kv_lora] -> out [tokens][heads][v].
void mla_expand_output(const float* out_latent, const float* w_uv, const MlaShape& shape, float* out);

// Joins attention over parts of one context: a part is an unnormalised output [width], its running maximum
// and its sum. out[c] = sum_s exp(max[s] - max) * part[s][c] / sum_s exp(max[s] - max) * sum[s].  parts
// [splits][width + 2].
void mla_combine(const float* parts, int64_t splits, int64_t width, float* out);

} // namespace r1::kernels::reference
