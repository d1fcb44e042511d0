// The slow, clear form of the gate (DeepSeek-V3 inference/model.py, class Gate; R1.md 1.3 and 1.5).
#pragma once
#include <cstdint>
#include <vector>

namespace r1::kernels::reference {

enum class GroupScore { kNone, kMax, kTop2Sum };

struct Gate {
  int64_t experts, top_k;
  int64_t groups = 1,
          topk_group = 1; // experts are `groups` equal runs; only the `topk_group` best runs may be chosen
  GroupScore group_score = GroupScore::kNone;
  bool sigmoid = false;   // else softmax over the experts
  bool normalize = false; // weights divided by (their sum + 1e-20)
  double scale = 1;
};

// logits[t][e] = sum_c x[t][c] * w[e][c].  x [tokens][hidden]; w [experts][hidden]; logits [tokens][experts].
void router_logits(const float* x, const float* w, int64_t tokens, int64_t hidden, int64_t experts,
                   float* logits);

// The choice is made on score + bias, the weight is the score without bias. Groups that lose count as
// -infinity, never as 0 (a biased score may be negative). Order: descending choice score, equal ones by lower
// index; NaN counts as the largest, so that it reaches the weights and no id leaves [0, experts). logits
// [tokens][experts]; bias [experts] or null; ids, weights [tokens][top_k].
void router_gate(const float* logits, const float* bias, const Gate& gate, int64_t tokens, int32_t* ids,
                 float* weights);

// The pairs p = t * top_k + j sorted by expert: `active` experts ascending, the pairs of the a-th are
// pairs[offsets[a] .. offsets[a + 1]), ascending.  ids [pairs].
struct Groups {
  std::vector<int32_t> active, offsets, pairs;
};
Groups router_group(const int32_t* ids, int64_t pairs, int64_t experts);

} // namespace r1::kernels::reference
