// A random paged latent cache with several sequences, as the mla tests need it. Pages lie scattered; every
// element that is not a cached token's (rest of a page, gap between tokens, unused pages) is NaN, so that
// reading it shows.
#pragma once
#include "kernels/mla/reference.h"
#include "kernels/registry/layout.h"
#include "test/unit/kernels/support.h"

namespace r1::test {

struct Problem {
  MlaParams params;
  std::vector<int64_t> lengths;           // context of each sequence
  std::vector<std::vector<float>> latent; // [sequence][length][kv_lora]
  std::vector<std::vector<float>> key;    // [sequence][length][rope]
  std::vector<int32_t> page_table;        // [sequence][pages_per_sequence]
  std::vector<uint16_t> cache;
  std::vector<float> w_uk, w_uv; // [heads][nope][kv_lora], [heads][v][kv_lora]
  std::vector<uint16_t> packed_uk, packed_uv;

  reference::MlaShape shape(int64_t tokens) const {
    return {tokens, params.heads, params.kv_lora, params.rope, params.nope, params.v, params.scale};
  }
  uint16_t* token(int64_t sequence, int64_t position) {
    const int64_t page = page_table[sequence * params.pages_per_sequence + position / kPageTokens];
    return &cache[(page * kPageTokens + position % kPageTokens) * params.token_stride];
  }
  void store(int64_t sequence, int64_t position) {
    const std::vector<uint16_t> l = to_bf16(latent[sequence]), k = to_bf16(key[sequence]);
    std::copy_n(&l[position * params.kv_lora], params.kv_lora, token(sequence, position));
    std::copy_n(&k[position * params.rope], params.rope, token(sequence, position) + params.kv_lora);
  }
};

struct Dimensions {
  int64_t heads, kv_lora, rope, nope, v;
};

inline std::vector<uint16_t> packed(const std::vector<float>& w, int64_t heads, int64_t n, int64_t k) {
  const PackShape shape{heads, n, k, 1};
  std::vector<uint16_t> out(vnni16_bytes(shape) / 2);
  const std::vector<uint16_t> source = to_bf16(w);
  for (int64_t h = 0; h < heads; ++h)
    pack_vnni16(shape, h, 0, 0, n, source.data() + h * n * k, k, false, out.data());
  return out;
}

// gap: elements between tokens in the cache. pages_per_sequence: 0 for as many as the longest needs, and one.
inline Problem make_problem(Random& random, const Dimensions& d, std::vector<int64_t> lengths,
                            int64_t gap = 2, int64_t pages_per_sequence = 0) {
  Problem p;
  p.lengths = lengths;
  const int64_t sequences = int64_t(lengths.size());
  const int64_t longest = *std::max_element(lengths.begin(), lengths.end());
  p.params = {};
  p.params.heads = d.heads, p.params.kv_lora = d.kv_lora, p.params.rope = d.rope;
  p.params.nope = d.nope, p.params.v = d.v;
  p.params.scale = 1.5 / std::sqrt(double(d.nope + d.rope));
  p.params.token_stride = d.kv_lora + d.rope + gap;
  p.params.pages_per_sequence =
      pages_per_sequence ? pages_per_sequence : (longest + kPageTokens - 1) / kPageTokens + 1;
  p.params.split_tokens = 128;
  p.params.q_block = 64;

  const int64_t pages = sequences * p.params.pages_per_sequence + 3;
  std::vector<int32_t> order(pages);
  for (int64_t i = 0; i < pages; ++i)
    order[i] = int32_t(i);
  random.shuffle(order);
  p.page_table.assign(order.begin(), order.begin() + sequences * p.params.pages_per_sequence);
  p.cache.assign(pages * kPageTokens * p.params.token_stride, 0xffff);
  for (int64_t s = 0; s < sequences; ++s) {
    p.latent.push_back(rounded(random.normal(lengths[s] * d.kv_lora)));
    p.key.push_back(rounded(random.normal(lengths[s] * d.rope)));
    const std::vector<uint16_t> l = to_bf16(p.latent[s]), k = to_bf16(p.key[s]);
    for (int64_t c = 0; c < lengths[s]; ++c) {
      std::copy_n(&l[c * d.kv_lora], d.kv_lora, p.token(s, c));
      std::copy_n(&k[c * d.rope], d.rope, p.token(s, c) + d.kv_lora);
    }
  }
  const float deviation = 1 / std::sqrt(float(d.kv_lora));
  p.w_uk = rounded(random.normal(d.heads * d.nope * d.kv_lora, deviation));
  p.w_uv = rounded(random.normal(d.heads * d.v * d.kv_lora, deviation));
  p.packed_uk = packed(p.w_uk, d.heads, d.nope, d.kv_lora);
  p.packed_uv = packed(p.w_uv, d.heads, d.v, d.kv_lora);
  return p;
}

// Decode and combine: one token for each entry of `slots`, at positions[t]. q_latent [t][heads][kv_lora],
// q_rope [t][heads][rope]; the result [t][heads][kv_lora].
inline std::vector<float> decode(const NativeLevel& decode_level, const NativeLevel& combine_level,
                                 Problem& p, std::vector<int32_t> slots, std::vector<int32_t> positions,
                                 const std::vector<float>& q_latent, const std::vector<float>& q_rope) {
  MlaParams params = p.params;
  const int64_t tokens = int64_t(slots.size());
  const int64_t context = *std::max_element(positions.begin(), positions.end()) + 1;
  const int64_t splits = (context + params.split_tokens - 1) / params.split_tokens;
  params.max_splits = splits + 2;
  params.q_latent_stride = params.heads * params.kv_lora + 5;
  params.q_rope_head_stride = params.rope + 7; // as a slice of (nope, rope) heads
  params.q_rope_stride = params.heads * params.q_rope_head_stride + 3;
  params.out_stride = params.heads * params.kv_lora + 9;
  std::vector<uint16_t> latent_in =
      strided(to_bf16(q_latent), tokens, params.heads * params.kv_lora, params.q_latent_stride);
  std::vector<uint16_t> rope_in(tokens * params.q_rope_stride, 0xffff),
      out(tokens * params.out_stride, 0xffff);
  const std::vector<uint16_t> rope_bits = to_bf16(q_rope);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t h = 0; h < params.heads; ++h)
      std::copy_n(&rope_bits[(t * params.heads + h) * params.rope], params.rope,
                  &rope_in[t * params.q_rope_stride + h * params.q_rope_head_stride]);
  std::vector<float> partial(tokens * params.max_splits * params.heads * (params.kv_lora + 2), kNan);
  run(decode_level, "mla_decode", params, {},
      {latent_in.data(), rope_in.data(), p.cache.data(), positions.data(), slots.data(), p.page_table.data(),
       partial.data()},
      {tokens, tokens, context}, tokens * splits);
  run(combine_level, "mla_combine", params, {}, {partial.data(), positions.data(), out.data()},
      {tokens, tokens, context}, tokens * params.heads);
  return dense(from_bf16(out), tokens, params.heads * params.kv_lora, params.out_stride);
}

inline std::vector<int32_t> ascending(int64_t first, int64_t tokens) {
  std::vector<int32_t> positions(tokens);
  for (int64_t t = 0; t < tokens; ++t)
    positions[t] = int32_t(first + t);
  return positions;
}

// Prefill of the tokens of sequence `slot` at these positions. q [tokens][heads][nope + rope] -> [tokens][heads][v].
inline std::vector<float> prefill(const NativeLevel& level, Problem& p, int32_t slot,
                                  std::vector<int32_t> positions, const std::vector<float>& q) {
  const int64_t tokens = int64_t(positions.size());
  MlaParams params = p.params;
  const int64_t width = params.heads * (params.nope + params.rope);
  params.q_stride = width + 6;
  params.out_stride = params.heads * params.v + 10;
  std::vector<uint16_t> q_in = strided(to_bf16(q), tokens, width, params.q_stride);
  std::vector<uint16_t> out(tokens * params.out_stride, 0xffff);
  std::vector<int32_t> slots(tokens, slot);
  const int64_t blocks = (tokens + params.q_block - 1) / params.q_block;
  run(level, "mla_prefill", params, {},
      {q_in.data(), p.packed_uk.data(), p.packed_uv.data(), p.cache.data(), positions.data(), slots.data(),
       p.page_table.data(), out.data()},
      {tokens, 1, positions.back() + 1}, blocks * params.heads);
  return dense(from_bf16(out), tokens, params.heads * params.v, params.out_stride);
}

} // namespace r1::test
