// Who goes to which expert, and the list of it that router/group writes.
#pragma once
#include "kernels/registry/params.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <vector>

namespace r1::test {

// Appends the choices of the tokens that `expert_of_pair` does not have yet. crowded: all choose the first experts.
template <class Generator>
void choose(int64_t tokens, int64_t experts, int64_t top_k, bool crowded, Generator& random,
            std::vector<int32_t>& expert_of_pair) {
  for (int64_t t = int64_t(expert_of_pair.size()) / top_k; t < tokens; ++t) {
    std::vector<int32_t> choice(experts);
    std::iota(choice.begin(), choice.end(), 0);
    if (!crowded)
      std::shuffle(choice.begin(), choice.end(), random);
    expert_of_pair.insert(expert_of_pair.end(), choice.begin(), choice.begin() + top_k);
  }
}

// The list router/group writes, see kernels/registry/params.h.
inline std::vector<int32_t> group(const std::vector<int32_t>& expert_of_pair, int64_t experts) {
  const int64_t count = int64_t(expert_of_pair.size());
  std::vector<int32_t> words(kernels::group_words(experts, count) + experts + 1);
  int32_t *ids = words.data() + 1, *offsets = ids + experts, *pairs = offsets + experts + 1;
  // An earlier, fuller step: what it left behind looks like experts with pairs, and must not be taken for such.
  for (int64_t e = 0; e <= experts; ++e)
    offsets[e] = int32_t(count + e);
  words[0] = offsets[0] = 0;
  for (int32_t e = 0; e < experts; ++e) {
    int32_t end = offsets[words[0]];
    for (size_t p = 0; p < expert_of_pair.size(); ++p)
      if (expert_of_pair[p] == e)
        pairs[end++] = int32_t(p);
    if (end == offsets[words[0]])
      continue;
    ids[words[0]] = e;
    offsets[++words[0]] = end;
  }
  return words;
}

} // namespace r1::test
