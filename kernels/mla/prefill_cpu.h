// Latent attention of a prompt's chunk, plain form: a page's keys and values of one head are expanded from
// its latents, then ordinary causal attention. One tile: a block of queries, one head.
//
//   Per page of 64 tokens and tile of Q queries, L = kv_lora, N = nope, R = rope, V = v:
//     bytes      128 (L + R) of cache (from L2 after the head's first block), 2 L (N + V) of W_UK and W_UV
//     (L2), 256 KB for R1 operations 128 L (N + V) to expand + 128 Q (N + R + V) to attend: 16.8 M + 41 k Q
//     for R1
//   Bound by operations; the expansion weighs as much as 410 queries, so larger blocks pay until the scratch
//   leaves L2. The absorbed form would cost 128 Q (2 L + R), 3.4 times as much per query: it wins only for
//   blocks below 170 queries.
//
// Pages behind the block's last query are never read; of the pages at the diagonal, whole groups of 16
// queries before the page are left out. Expanded keys and values are rounded to bf16, as a plain
// implementation of the model holds them.
#pragma once
#include "kernels/mla/page.h"

namespace r1::kernels::R1_ISA {

R1_SKELETON(mla_prefill, MlaParams) {
  const MlaParams p = *params;
  const uint16_t* cache = static_cast<const uint16_t*>(buffers[3]);
  const int32_t* positions = static_cast<const int32_t*>(buffers[4]);
  const int32_t* slots = static_cast<const int32_t*>(buffers[5]);
  const int32_t* page_table = static_cast<const int32_t*>(buffers[6]);
  const PageBlock whole = page_block(mla_prefill_scratch(p), p.q_block, p.v, scratch);
  const int64_t key = p.nope + p.rope, key_k = round_up(key, 32), latent_k = round_up(p.kv_lora, 32);
  const int64_t nope_n = round_up(p.nope, 16), tokens = dims[kRows];

  for (int64_t tile = begin; tile < end; ++tile) {
    const int64_t head = tile % p.heads, first_token = tile / p.heads * p.q_block;
    const int64_t rows = min_of(p.q_block, tokens - first_token);
    PageBlock b = whole;
    b.rows = round_up(rows, 16);
    int32_t* row_positions = reinterpret_cast<int32_t*>(whole.factor + whole.rows);
    for (int64_t r = 0; r < b.rows; ++r)
      row_positions[r] = r < rows ? positions[first_token + r] : INT32_MAX;
    const int64_t first_position = row_positions[0], stop = int64_t(row_positions[rows - 1]) + 1;

    pack_columns(static_cast<const uint16_t*>(buffers[0]) + first_token * p.q_stride + head * key, p.q_stride,
                 rows, key, key_k, 16 * key_k, b.queries);
    start_rows(b);
    const uint16_t* w_uk = static_cast<const uint16_t*>(buffers[1]) + head * nope_n * latent_k;
    const uint16_t* w_uv = static_cast<const uint16_t*>(buffers[2]) + head * b.value_n * latent_k;
    const int32_t* pages = page_table + int64_t(slots[first_token]) * p.pages_per_sequence;
    int64_t before = 0; // queries before the page
    for (int64_t start = 0; start < stop; start += kPageTokens) {
      const int64_t valid = min_of(stop - start, kPageTokens);
      const uint16_t* page = cache + int64_t(pages[start / kPageTokens]) * kPageTokens * p.token_stride;
      const uint16_t* latents = page;
      int64_t latent_stride = p.token_stride;
      if (p.kv_lora != latent_k) {
        for (int64_t c = 0; c < valid; ++c)
          copy_padded(page + c * p.token_stride, p.kv_lora, b.staging + c * latent_k, latent_k);
        latents = b.staging;
        latent_stride = latent_k;
      }
      gemm_block(latents, latent_stride, valid, w_uk, 16 * latent_k, nope_n / 16, latent_k, b.expanded,
                 nope_n, false);
      for (int64_t c = 0; c < valid; ++c) {
        uint16_t* to = b.keys + c * key_k;
        for (int64_t i = 0; i < p.nope; i += kLanes)
          store_elements(to, i, kBF16, p.nope - i, get(b.expanded + c * nope_n + i));
        copy_padded(page + c * p.token_stride + p.kv_lora, p.rope, to + p.nope, key_k - p.nope);
      }
      gemm_block(latents, latent_stride, valid, w_uv, 16 * latent_k, b.value_n / 16, latent_k, b.expanded,
                 b.value_n, false);
      pack_values(b.expanded, valid, b.value_n, b.values);

      while (row_positions[before] < start)
        ++before;
      const int64_t first = before / 16 * 16;
      page_scores(b, b.keys, key_k, valid, first, key_k);
      page_softmax(b, first, valid, float(p.scale), start + valid > first_position ? row_positions : nullptr,
                   start);
      page_values(b, first, valid, Next{b.values, 0, 0});
    }
    for (int64_t r = 0; r < rows; ++r) {
      uint16_t* out = static_cast<uint16_t*>(buffers[7]) + (first_token + r) * p.out_stride + head * p.v;
      const f32x16 inverse = all(1.0f / b.sum[r]);
      for (int64_t c = 0; c < p.v; c += kLanes)
        store_elements(out, c, kBF16, p.v - c, get(b.out + r * b.value_n + c) * inverse);
    }
  }
}

} // namespace r1::kernels::R1_ISA
