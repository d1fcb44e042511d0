// What the tests of grouped_gemm on CUDA share: cases, and problems with their reference.
#pragma once
#include "kernels/grouped_gemm/reference.h"
#include "kernels/registry/params.h"
#include "test/unit/kernels/cuda_linear.h"

#include <cmath>
#include <sstream>

namespace r1::test::cuda {

// The token-expert pairs of each expert, in place of random choices of `tokens`.
struct Pairs {
  int64_t of[8] = {};
};

struct Case {
  int64_t tokens, n, k, experts, top_k;
  bool gather;
  int64_t accumulators, tile_m, tile_n;
  bool crowded = false;   // every token chooses the first experts
  int64_t misaligned = 0; // elements by which x is off 16 bytes
  Pairs pairs = {};
};

template <Case c> struct Config {
  static constexpr long long n = c.n, k = c.k, experts = c.experts, top_k = c.top_k;
  static constexpr long long x_stride = (c.k + 15) / 16 * 16, gather = c.gather,
                             accumulators = c.accumulators;
  static constexpr long long max_active = c.experts, tile_m = c.tile_m, tile_n = c.tile_n;
};

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

// Weights, who goes where, what rows of x mean, and the products.
struct Routed {
  Case c;
  bool f8;
  int64_t pairs, x_rows, stride;
  Weights w; // experts as the batch
  std::vector<int32_t> expert_of_pair, groups;
  std::vector<float> values; // of x

  Routed(const Case& shape, bool is_f8, Random& random)
      : c(shape), f8(is_f8), pairs(c.tokens * c.top_k), x_rows(c.gather ? c.tokens : pairs),
        stride(round_up(c.k, 16)), w(c.experts, c.accumulators, c.n, c.k, f8, random), values(x_rows * c.k) {
    for (int64_t e = 0; e < 8; ++e)
      expert_of_pair.insert(expert_of_pair.end(), c.pairs.of[e], int32_t(e));
    if (!expert_of_pair.empty())
      std::shuffle(expert_of_pair.begin(), expert_of_pair.end(), random);
    for (int64_t t = int64_t(expert_of_pair.size()) / c.top_k; t < c.tokens; ++t) {
      std::vector<int32_t> choice(c.experts);
      for (int32_t e = 0; e < c.experts; ++e)
        choice[e] = e;
      if (!c.crowded)
        std::shuffle(choice.begin(), choice.end(), random);
      expert_of_pair.insert(expert_of_pair.end(), choice.begin(), choice.begin() + c.top_k);
    }
    EXPECT_EQ(int64_t(expert_of_pair.size()), pairs);
    groups = group(expert_of_pair, c.experts);
  }

  int64_t column_blocks() const { return (c.n + c.tile_n - 1) / c.tile_n; }
  // The grid of the largest step: more experts may be active than are.
  int64_t tiles() const { return c.experts * column_blocks(); }

  void expect(std::vector<float>& y, std::vector<double>& size) const {
    y.resize(pairs * c.n * c.accumulators);
    size.resize(y.size());
    for (int64_t a = 0; a < c.accumulators; ++a) {
      std::vector<float> matrices, ax(values), part(pairs * c.n), absolute(part.size());
      for (int64_t e = 0; e < c.experts; ++e) {
        const float* matrix = w.values.data() + (e * c.accumulators + a) * c.n * c.k;
        matrices.insert(matrices.end(), matrix, matrix + c.n * c.k);
      }
      const auto linear = [&](const std::vector<float>& from, std::vector<float>& to) {
        kernels::reference::expert_linear(from.data(), c.k, c.gather, expert_of_pair.data(), pairs, c.top_k,
                                          matrices.data(), c.n, c.k, to.data(), c.n);
      };
      linear(values, part);
      for (float& v : matrices)
        v = std::fabs(v);
      for (float& v : ax)
        v = std::fabs(v);
      linear(ax, absolute);
      for (int64_t i = 0; i < pairs * c.n; ++i) {
        y[i * c.accumulators + a] = part[i];
        size[i * c.accumulators + a] = absolute[i];
      }
    }
  }
};

// With x as bf16.
struct Problem : Routed {
  Buffer<uint16_t> x;

  Problem(const Case& shape, bool is_f8, Random& random)
      : Routed(shape, is_f8, random), x(x_rows * stride, 0x7fc0, c.misaligned) {
    std::normal_distribution<float> normal;
    for (int64_t r = 0; r < x_rows; ++r)
      for (int64_t i = 0; i < c.k; ++i) {
        const uint16_t bits = kernels::bf16_from_f32(normal(random));
        x[r * stride + i] = bits;
        values[r * c.k + i] = kernels::f32_from_bf16(bits);
      }
  }

  std::vector<void*> buffers() {
    std::vector<void*> all = {x.data(), w.packed.data()};
    if (f8)
      all.push_back(w.scales.data());
    all.push_back(groups.data());
    return all;
  }
};

inline std::string describe(const Case& c, const std::string& what, const std::string& schedule) {
  std::ostringstream s;
  s << what << " tokens " << c.tokens << " n " << c.n << " k " << c.k << " experts " << c.experts << " top "
    << c.top_k << (c.gather ? " gather" : "") << " accumulators " << c.accumulators << " tile " << c.tile_m
    << "x" << c.tile_n << (c.misaligned ? " misaligned" : "") << ", " << schedule;
  return s.str();
}

// Runs `tiles` tiles of Skeleton under each schedule, against the reference and against each other.
template <class Skeleton>
void check(const Routed& problem, const std::string& what, int64_t tiles, const std::vector<void*>& buffers,
           const std::vector<NamedSchedule>& schedules, void* maps = nullptr, double tolerance = kFloatSum) {
  const Case& c = problem.c;
  std::vector<float> expected, first;
  std::vector<double> size;
  problem.expect(expected, size);
  for (const NamedSchedule& s : schedules) {
    const std::string name = describe(c, what, s.name);
    const std::vector<float> y =
        run<Skeleton>(name, tiles, buffers, {int(c.tokens), -1, -1},
                      Output(problem.pairs, c.n, c.accumulators), int(buffers.size()), s, maps);
    EXPECT_TRUE(close(name, y, expected, size, c.n * c.accumulators, tolerance));
    if (first.empty())
      first = y;
    EXPECT_EQ(std::memcmp(first.data(), y.data(), y.size() * 4), 0)
        << name << ": other bits than the first run";
  }
}

} // namespace r1::test::cuda
