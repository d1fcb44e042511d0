#include "kernels/router/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace r1::kernels::reference {

namespace {

// The first `count` indices of `scores` in descending order, ties to the lower index, NaN first.
std::vector<int64_t> best(const std::vector<float>& scores, int64_t count) {
  std::vector<int64_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    const bool nan_a = std::isnan(scores[a]), nan_b = std::isnan(scores[b]);
    if (nan_a || nan_b || scores[a] == scores[b])
      return nan_a != nan_b ? nan_a : a < b;
    return scores[a] > scores[b];
  });
  order.resize(count);
  return order;
}

} // namespace

void router_logits(const float* x, const float* w, int64_t tokens, int64_t hidden, int64_t experts,
                   float* logits) {
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t e = 0; e < experts; ++e) {
      double sum = 0;
      for (int64_t c = 0; c < hidden; ++c)
        sum += double(x[t * hidden + c]) * w[e * hidden + c];
      logits[t * experts + e] = float(sum);
    }
}

void router_gate(const float* logits, const float* bias, const Gate& gate, int64_t tokens, int32_t* ids,
                 float* weights) {
  const int64_t per_group = gate.experts / gate.groups;
  for (int64_t t = 0; t < tokens; ++t) {
    const float* row = logits + t * gate.experts;
    std::vector<float> score(row, row + gate.experts);
    if (gate.sigmoid)
      for (float& s : score)
        s = float(1 / (1 + std::exp(-double(s))));
    else {
      const float largest = row[best(score, 1)[0]];
      double sum = 0;
      for (float s : score)
        sum += std::exp(double(s) - largest);
      for (float& s : score)
        s = float(std::exp(double(s) - largest) / sum);
    }

    std::vector<float> choice = score;
    for (int64_t e = 0; bias && e < gate.experts; ++e)
      choice[e] += bias[e];

    if (gate.group_score != GroupScore::kNone && gate.topk_group < gate.groups) {
      std::vector<float> group_score(gate.groups);
      for (int64_t g = 0; g < gate.groups; ++g) {
        const std::vector<float> members(&choice[g * per_group], &choice[g * per_group] + per_group);
        const bool two = gate.group_score == GroupScore::kTop2Sum && per_group > 1;
        const std::vector<int64_t> top = best(members, two ? 2 : 1);
        group_score[g] = members[top[0]] + (two ? members[top[1]] : 0.0f);
      }
      std::vector<bool> kept(gate.groups, false);
      for (int64_t g : best(group_score, gate.topk_group))
        kept[g] = true;
      for (int64_t e = 0; e < gate.experts; ++e)
        if (!kept[e / per_group])
          choice[e] = -std::numeric_limits<float>::infinity();
    }

    double sum = 0;
    const std::vector<int64_t> chosen = best(choice, gate.top_k);
    for (int64_t j = 0; j < gate.top_k; ++j)
      sum += score[chosen[j]];
    for (int64_t j = 0; j < gate.top_k; ++j) {
      ids[t * gate.top_k + j] = int32_t(chosen[j]);
      const double weight = gate.normalize ? score[chosen[j]] / (sum + 1e-20) : score[chosen[j]];
      weights[t * gate.top_k + j] = float(weight * gate.scale);
    }
  }
}

Groups router_group(const int32_t* ids, int64_t pairs, int64_t experts) {
  Groups groups;
  groups.offsets.push_back(0);
  for (int64_t e = 0; e < experts; ++e) {
    for (int64_t p = 0; p < pairs; ++p)
      if (ids[p] == e)
        groups.pairs.push_back(int32_t(p));
    if (int64_t(groups.pairs.size()) > groups.offsets.back()) {
      groups.active.push_back(int32_t(e));
      groups.offsets.push_back(int32_t(groups.pairs.size()));
    }
  }
  return groups;
}

} // namespace r1::kernels::reference
