// Latent attention of one new token per sequence, absorbed: scores and values straight from the latents, all
// heads at once, the context divided into splits that mla_combine joins.
//
//   Per token and context position, H heads, L = kv_lora, R = rope:
//     bytes      2 (L + R) of cache, each read once: 1152 for R1
//     operations 2 H (2 L + R): 34.8 k at 16 heads, 278 k at 128
//   Bound: 30 operations a byte at 16 heads, 242 at 128. A core with vdpbf16ps does 64 or 128 operations a
//   cycle and streams 4 to 12 bytes, so operations bound it from about 8 heads on; AMX (1024 a cycle) is bound
//   by bytes up to 128 heads. Beside that, a page costs 2 L unpacks to pair its rows up as the B operand of the
//   second product: 3 % of the dots at 16 heads.
//
// Schedule: for each page, scores[64][H] = page[64][L + R] * q^T (page as it lies in memory), softmax,
// out[H][L] += p * page.
#pragma once
#include "kernels/mla/page.h"

namespace r1::kernels::R1_ISA {

// Packs the token's queries, (latent part, rotary part) of each head, as the B operand of the score product.
R1_INLINE void pack_queries(const MlaParams& p, const PageBlock& b, const uint16_t* latent,
                            const uint16_t* rope, int64_t key_k) {
  for (int64_t first = 0; first < b.rows; first += 16) {
    for (int64_t i = 0; i < 16; ++i) {
      uint16_t* row = b.staging + i * key_k;
      const int64_t h = first + i;
      if (h >= p.heads) {
        copy_padded(nullptr, 0, row, key_k);
        continue;
      }
      copy_padded(latent + h * p.kv_lora, p.kv_lora, row, p.kv_lora);
      copy_padded(rope + h * p.q_rope_head_stride, p.rope, row + p.kv_lora, key_k - p.kv_lora);
    }
    pack_columns(b.staging, key_k, 16, key_k, key_k, 0, b.queries + first * key_k);
  }
}

R1_SKELETON(mla_decode, MlaParams) {
  const MlaParams p = *params;
  const uint16_t* cache = static_cast<const uint16_t*>(buffers[2]);
  const int32_t* positions = static_cast<const int32_t*>(buffers[3]);
  const int32_t* slots = static_cast<const int32_t*>(buffers[4]);
  const int32_t* page_table = static_cast<const int32_t*>(buffers[5]);
  const PageBlock b = page_block(mla_decode_scratch(p), p.heads, round_up(p.kv_lora, 32), scratch);
  const int64_t key = p.kv_lora + p.rope, key_k = round_up(key, 32);
  const int64_t splits = ceil_div(dims[kContext], p.split_tokens), width = p.kv_lora + 2;

  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t token = tile / splits, split = tile % splits;
    float* partial = static_cast<float*>(buffers[6]) + (token * p.max_splits + split) * p.heads * width;
    const int64_t stop = min_of(int64_t(positions[token]) + 1, (split + 1) * p.split_tokens);
    if (split * p.split_tokens >= stop) {
      for (int64_t h = 0; h < p.heads; ++h) {
        partial[h * width + p.kv_lora] = -__builtin_inff();
        partial[h * width + p.kv_lora + 1] = 0;
      }
      continue;
    }
    pack_queries(p, b, static_cast<const uint16_t*>(buffers[0]) + token * p.q_latent_stride,
                 static_cast<const uint16_t*>(buffers[1]) + token * p.q_rope_stride, key_k);
    start_rows(b);
    const int32_t* pages = page_table + int64_t(slots[token]) * p.pages_per_sequence;
    for (int64_t start = split * p.split_tokens; start < stop; start += kPageTokens) {
      const int64_t valid = min_of(stop - start, kPageTokens);
      const uint16_t* page = cache + int64_t(pages[start / kPageTokens]) * kPageTokens * p.token_stride;
      // The page to come is fetched while this one's values are multiplied, a share with each strip of values.
      const bool more = start + kPageTokens < stop;
      const uint16_t* following =
          more ? cache + int64_t(pages[start / kPageTokens + 1]) * kPageTokens * p.token_stride : page;
      const int64_t share = more ? kPageTokens * p.token_stride * 2 / (b.value_n / 16) : 0;
      const uint16_t* keys = page;
      int64_t key_stride = p.token_stride;
      if (key != key_k) {
        for (int64_t c = 0; c < valid; ++c)
          copy_padded(page + c * p.token_stride, key, b.keys + c * key_k, key_k);
        keys = b.keys;
        key_stride = key_k;
      }
      page_scores(b, keys, key_stride, valid, 0, key_k);
      page_softmax(b, 0, valid, float(p.scale), nullptr, start);
      pack_page(page, p.token_stride, valid, p.kv_lora, b.values);
      page_values(b, 0, valid, Next{following, share, share});
    }
    for (int64_t h = 0; h < p.heads; ++h) {
      for (int64_t c = 0; c < p.kv_lora; c += kLanes)
        store_elements(partial, h * width + c, kF32, p.kv_lora - c, natural_order(b.out + h * b.value_n, c));
      partial[h * width + p.kv_lora] = b.maximum[h];
      partial[h * width + p.kv_lora + 1] = b.sum[h];
    }
  }
}

} // namespace r1::kernels::R1_ISA
