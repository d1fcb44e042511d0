// The choice of experts for one token (params.h, "Choice"): the inner part of `router_topk` and
// `router_fused`.
//
// Scores are compared as integers whose order is that of the floats: equal floats are equal (-0 as 0), NaN is
// above everything. So a comparison never depends on NaN, ids are always distinct and in range, and a NaN
// score reaches the weights.
#pragma once
#include "kernels/common/elements.h"
#include "kernels/common/vec_math.h"

namespace r1::kernels::R1_ISA {

inline constexpr int32_t kTaken = INT32_MIN; // below the order of -infinity
inline constexpr int32_t kNanOrder = INT32_MAX;

R1_INLINE i32x16 order_of(f32x16 v) {
  const i32x16 bits = bits_of(v + 0.0f);
  const i32x16 order = bits ^ ((bits >> 31) & 0x7fffffff);
  const i32x16 nan = v != v;
  return nan ? all(kNanOrder) : order;
}

R1_INLINE int32_t order_of(float v) {
  const int32_t bits = __builtin_bit_cast(int32_t, v + 0.0f);
  return v != v ? kNanOrder : bits ^ ((bits >> 31) & 0x7fffffff);
}

R1_INLINE float value_of(int32_t order) {
  return __builtin_bit_cast(float, order ^ ((order >> 31) & 0x7fffffff)); // kNanOrder is a NaN's pattern
}

// The index of the largest of `order` [n, a multiple of 16], the lowest one of several.
R1_INLINE int64_t index_of_largest(const int32_t* order, int64_t n) {
  i32x16 best = get(order), where = {};
  for (int64_t i = kLanes; i < n; i += kLanes) {
    const i32x16 v = get(order + i);
    const i32x16 above = v > best;
    best = above ? v : best;
    where = above ? all(int32_t(i)) : where;
  }
  int32_t largest = best[0];
  int64_t index = where[0];
  for (int lane = 1; lane < kLanes; ++lane) {
    const int64_t candidate = where[lane] + lane;
    if (best[lane] > largest || (best[lane] == largest && candidate < index)) {
      largest = best[lane];
      index = candidate;
    }
  }
  return index;
}

// Turns logits into scores, in place: [round_up(experts, 16)], of which [0, experts) are meant.
R1_INLINE void router_scores(const RouterParams& p, float* logits) {
  if (p.sigmoid) {
    for (int64_t e = 0; e < p.experts; e += kLanes)
      put(logits + e, sigmoid(get(logits + e)));
    return;
  }
  f32x16 largest = all(-__builtin_inff());
  for (int64_t e = 0; e < p.experts; e += kLanes) {
    const f32x16 v = load_elements(logits, e, kF32, p.experts - e);
    const f32x16 known = p.experts - e < kLanes ? first_lanes(v, p.experts - e, largest) : v;
    largest = known > largest ? known : largest;
  }
  const f32x16 top = all(reduce_max(largest));
  f32x16 sum = all(0.0f);
  for (int64_t e = 0; e < p.experts; e += kLanes) {
    const f32x16 v = exp(get(logits + e) - top);
    put(logits + e, v);
    sum += p.experts - e < kLanes ? first_lanes(v, p.experts - e, all(0.0f)) : v;
  }
  const f32x16 total = all(reduce_add(sum));
  for (int64_t e = 0; e < p.experts; e += kLanes)
    put(logits + e, get(logits + e) / total);
}

// Marks every expert outside the topk_group best groups as -infinity. order [experts]; groups [groups] is
// scratch.
R1_INLINE void keep_best_groups(const RouterParams& p, int32_t* order, int32_t* groups) {
  const int64_t size = p.experts / p.groups;
  for (int64_t g = 0; g < p.groups; ++g) {
    int32_t best = kTaken, second = kTaken;
    for (int64_t e = g * size; e < (g + 1) * size; ++e) {
      const int32_t below = order[e] < best ? order[e] : best;
      second = below > second ? below : second;
      best = order[e] > best ? order[e] : best;
    }
    const bool two = p.group_score == kGroupTop2Sum && size > 1;
    groups[g] = two ? order_of(value_of(best) + value_of(second)) : best;
  }
  // A group stays if fewer than topk_group groups are before it: larger, or equal and of lower index.
  for (int64_t g = 0; g < p.groups; ++g) {
    int64_t before = 0;
    for (int64_t other = 0; other < p.groups; ++other)
      before += groups[other] > groups[g] || (groups[other] == groups[g] && other < g);
    if (before < p.topk_group)
      continue;
    for (int64_t e = g * size; e < (g + 1) * size; ++e)
      order[e] = order_of(-__builtin_inff());
  }
}

// score [round_up(experts, 16)] holds logits and is overwritten with scores; scratch: orders, then groups
// (router_scratch.h).
R1_INLINE void router_choice(const RouterParams& p, float* score, const float* bias, int32_t* ids,
                             float* weights, int32_t* scratch) {
  const int64_t padded = (p.experts + 15) / 16 * 16;
  int32_t* order = scratch;
  router_scores(p, score);
  for (int64_t e = 0; e < p.experts; e += kLanes) {
    f32x16 choice = get(score + e);
    if (p.has_bias)
      choice += load_elements(bias, e, kF32, p.experts - e);
    put(order + e, order_of(choice));
  }
  for (int64_t e = p.experts; e < padded; ++e)
    order[e] = kTaken;
  if (p.group_score != kNoGroups && p.topk_group < p.groups)
    keep_best_groups(p, order, order + padded);

  float sum = 0;
  for (int64_t j = 0; j < p.top_k; ++j) {
    const int64_t expert = index_of_largest(order, padded);
    order[expert] = kTaken;
    ids[j] = int32_t(expert);
    weights[j] = score[expert]; // the raw score: score + bias - bias would lose it where the bias is large
    sum += score[expert];
  }
  const float factor = float(p.scale);
  for (int64_t j = 0; j < p.top_k; ++j)
    weights[j] = (p.normalize ? weights[j] / (sum + 1e-20f) : weights[j]) * factor;
}

} // namespace r1::kernels::R1_ISA
