// One page of keys and values against a block of queries: the inner part of `mla_decode` (queries are the
// heads of a token) and of `mla_prefill` (queries are tokens, one head).
//
// Scores are computed transposed, keys * queries^T, with a lane a query. So rows of the cache are the A
// operand as they lie in memory, the queries are packed once for all pages, and the softmax runs down the
// lanes without a reduction across them. Only the probabilities, the smallest matrix of all, are turned
// around for their product with the values.
#pragma once
#include "kernels/common/elements.h"
#include "kernels/common/microkernel.h"
#include "kernels/common/pack.h"
#include "kernels/common/vec_math.h"
#include "kernels/registry/mla_scratch.h"

namespace r1::kernels::R1_ISA {

// A thread's scratch, typed; see mla_scratch.h for the shapes.
struct PageBlock {
  int64_t rows;    // queries, rounded up to 16
  int64_t value_n; // elements of a value, rounded up to 16
  uint16_t *queries, *staging, *keys, *weights, *values;
  float *scores, *expanded, *out, *maximum, *sum, *factor;
};

R1_INLINE PageBlock page_block(const MlaScratch& at, int64_t rows, int64_t value_n, void* scratch) {
  char* base = static_cast<char*>(scratch);
  const auto words = [&](int64_t offset) { return reinterpret_cast<uint16_t*>(base + offset); };
  const auto floats = [&](int64_t offset) { return reinterpret_cast<float*>(base + offset); };
  const int64_t r = round_up(rows, 16);
  return {r,
          round_up(value_n, 16),
          words(at.queries),
          words(at.staging),
          words(at.keys),
          words(at.weights),
          words(at.values),
          floats(at.scores),
          floats(at.expanded),
          floats(at.out),
          floats(at.state),
          floats(at.state) + r,
          floats(at.state) + 2 * r};
}

R1_INLINE void start_rows(const PageBlock& b) {
  for (int64_t r = 0; r < b.rows; r += kLanes) {
    put(b.maximum + r, all(-__builtin_inff()));
    put(b.sum + r, all(0.0f));
  }
  for (int64_t i = 0; i < b.rows * b.value_n; i += kLanes)
    put(b.out + i, all(0.0f));
}

// Copies `count` bf16 elements and pads them with zeros up to `padded`.
R1_INLINE void copy_padded(const uint16_t* from, int64_t count, uint16_t* to, int64_t padded) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = from[i];
  for (int64_t i = count; i < padded; ++i)
    to[i] = 0;
}

#if R1_HAS_BF16_DOT && !R1_HAS_AMX
// scores[0 .. kRows) of one strip of queries, where gemm_block's 8 rows would wait for one another's sums.
template <int kRows>
R1_INLINE void narrow_scores(const uint16_t* keys, int64_t stride, const uint16_t* queries, int64_t key_k,
                             float* scores, int64_t score_stride) {
  F32x16 sum[kRows];
  R1_UNROLL for (int r = 0; r < kRows; ++r) sum[r] = zero();
  for (int64_t i = 0; i < key_k; i += 2) {
    const Line q = load_line(queries + i * 16);
    R1_UNROLL for (int r = 0; r < kRows; ++r) sum[r] =
        dot_pairs(sum[r], q, broadcast_pair(keys + r * stride + i));
  }
  R1_UNROLL for (int r = 0; r < kRows; ++r) store(scores + r * score_stride, sum[r]);
}
#endif

// scores[0 .. valid) of queries [first, rows), keys row-major with `stride`.
R1_INLINE void page_scores(const PageBlock& b, const uint16_t* keys, int64_t stride, int64_t valid,
                           int64_t first, int64_t key_k) {
  const uint16_t* queries = b.queries + first * key_k;
  float* scores = b.scores + first;
  int64_t c = 0;
#if R1_HAS_BF16_DOT && !R1_HAS_AMX
  if (b.rows - first == 16)
    for (; c + 16 <= valid; c += 16)
      narrow_scores<16>(keys + c * stride, stride, queries, key_k, scores + c * b.rows, b.rows);
#endif
  if (c < valid)
    gemm_block(keys + c * stride, stride, valid - c, queries, 16 * key_k, (b.rows - first) / 16, key_k,
               scores + c * b.rows, b.rows, false);
}

inline constexpr int64_t kValueStrip = kPageTokens * 16; // bf16 elements of a strip of `values`

// Rounds float rows [count][n] to bf16 and pairs them up as `values`, zero from `count` on; n a multiple
// of 16.
R1_INLINE void pack_values(const float* rows, int64_t count, int64_t n, uint16_t* packed) {
  for (int64_t c = 0; c < n; c += kLanes, packed += kValueStrip)
    for (int64_t t = 0; t < kPageTokens; t += 2) {
      const f32x16 even = t < count ? get(rows + t * n + c) : all(0.0f);
      const f32x16 odd = t + 1 < count ? get(rows + (t + 1) * n + c) : all(0.0f);
      put(reinterpret_cast<int32_t*>(packed + t * 16), bf16_pair(even, odd));
    }
}

using u16x32 = uint16_t __attribute__((vector_size(64)));

R1_INLINE u16x32 load_words(const uint16_t* p, int64_t count) {
  u16x32 a = {};
  if (count >= 32)
    __builtin_memcpy(&a, p, sizeof a);
  else
    for (int64_t i = 0; i < count; ++i)
      a[i] = p[i];
  return a;
}

// Pairs up the page's rows [count][n] as `values`, zero from `count` on, n rounded up to 32. One unpack a
// line: of each 32 columns the even quarters of 8 (0-3, 8-11, ...) go to the first strip and the odd ones to
// the second; natural_order undoes that in the result.
R1_INLINE void pack_page(const uint16_t* page, int64_t stride, int64_t count, int64_t n, uint16_t* packed) {
  for (int64_t c = 0; c < n; c += 32)
    for (int64_t t = 0; t < kPageTokens; t += 2) {
      const u16x32 a = t < count ? load_words(page + t * stride + c, n - c) : u16x32{};
      const u16x32 b = t + 1 < count ? load_words(page + (t + 1) * stride + c, n - c) : u16x32{};
      const u16x32 even =
          __builtin_shufflevector(a, b, 0, 32, 1, 33, 2, 34, 3, 35, 8, 40, 9, 41, 10, 42, 11, 43, 16, 48, 17,
                                  49, 18, 50, 19, 51, 24, 56, 25, 57, 26, 58, 27, 59);
      const u16x32 odd =
          __builtin_shufflevector(a, b, 4, 36, 5, 37, 6, 38, 7, 39, 12, 44, 13, 45, 14, 46, 15, 47, 20, 52,
                                  21, 53, 22, 54, 23, 55, 28, 60, 29, 61, 30, 62, 31, 63);
      uint16_t* line = packed + c / 16 * kValueStrip + t * 16;
      __builtin_memcpy(line, &even, sizeof even);
      __builtin_memcpy(line + kValueStrip, &odd, sizeof odd);
    }
}

// Columns [c, c + 16) of a result row whose values pack_page packed; row points at its element 0, c is a
// multiple of 16.
R1_INLINE f32x16 natural_order(const float* row, int64_t c) {
  const f32x16 even = get(row + c / 32 * 32), odd = get(row + c / 32 * 32 + 16);
  return c % 32 ? __builtin_shufflevector(even, odd, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30,
                                          31)
                : __builtin_shufflevector(even, odd, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
}

// The online softmax of queries [first, rows) over the page's first `valid` tokens, in `scores`.
// Raises maximum and sum, leaves the bf16 probabilities in `weights` (zero from `valid` on) and in `factor`
// what earlier output must be multiplied with. Token c is hidden from a query whose position is below
// page_start + c; positions null: none.
R1_INLINE void page_softmax(const PageBlock& b, int64_t first, int64_t valid, float scale,
                            const int32_t* positions, int64_t page_start) {
  for (int64_t r = first; r < b.rows; r += kLanes) {
    float* scores = b.scores + r;
    const i32x16 visible = positions ? get(positions + r) - int32_t(page_start) : all(int32_t(kPageTokens));
    const f32x16 before = get(b.maximum + r);
    f32x16 maximum = before;
    for (int64_t c = 0; c < valid; ++c) {
      f32x16 s = get(scores + c * b.rows) * scale;
      s = visible < int32_t(c) ? all(-__builtin_inff()) : s;
      put(scores + c * b.rows, s);
      maximum = s > maximum ? s : maximum;
    }
    // NaN scores do not raise the maximum, but their exponentials are NaN and stay so in the sum and in the
    // output.
    const f32x16 factor = exp(before - maximum);
    f32x16 sum = get(b.sum + r) * factor;
    for (int64_t half = 0; half < kPageTokens; half += 32) {
      i32x16 pairs[16]; // tokens (2i, 2i + 1), one lane a query
      for (int64_t i = 0; i < 16; ++i) {
        const int64_t c = half + 2 * i;
        const f32x16 even = c < valid ? exp(get(scores + c * b.rows) - maximum) : all(0.0f);
        const f32x16 odd = c + 1 < valid ? exp(get(scores + (c + 1) * b.rows) - maximum) : all(0.0f);
        sum += even;
        sum += odd;
        pairs[i] = bf16_pair(even, odd);
      }
      transpose16(pairs);
      for (int64_t i = 0; i < 16; ++i)
        put(reinterpret_cast<int32_t*>(b.weights + (r + i) * kPageTokens + half), pairs[i]);
    }
    put(b.maximum + r, maximum);
    put(b.sum + r, sum);
    put(b.factor + r, factor);
  }
}

// out[first .. rows) = out * factor + weights * values. values are packed, zero from the page's `valid` on.
// `next` is what to prefetch meanwhile.
R1_INLINE void page_values(const PageBlock& b, int64_t first, int64_t valid, const Next& next) {
  for (int64_t r = first; r < b.rows; ++r) {
    const float factor = b.factor[r];
    if (factor == 1.0f)
      continue;
    for (int64_t c = 0; c < b.value_n; c += kLanes)
      put(b.out + r * b.value_n + c, get(b.out + r * b.value_n + c) * factor);
  }
  gemm_block(b.weights + first * kPageTokens, kPageTokens, b.rows - first, b.values, kValueStrip,
             b.value_n / 16, round_up(valid, 32), b.out + first * b.value_n, b.value_n, true, next);
}

} // namespace r1::kernels::R1_ISA
