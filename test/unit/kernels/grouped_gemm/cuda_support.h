// What the tests of grouped_gemm on CUDA share: cases, and problems with their reference.
#pragma once
#include "kernels/grouped_gemm/reference.h"
#include "kernels/registry/params.h"
#include "test/unit/kernels/cuda_linear.h"
#include "test/unit/kernels/grouped_gemm/groups.h"

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
    choose(c.tokens, c.experts, c.top_k, c.crowded, random, expert_of_pair);
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

// Rows of a quantised x are whole pieces of 128.
template <Case c> struct QuantisedConfig : Config<c> {
  static constexpr long long x_stride = (c.k + 127) / 128 * 128;
};

// With x as e4m3, a scale for each 128 k of a row; `beyond` stands behind the last k of a row.
struct QuantisedProblem : Routed {
  Buffer<uint8_t> x;
  Buffer<float> x_scales; // NaN where there is no piece

  QuantisedProblem(const Case& shape, Random& random, uint8_t beyond = 0)
      : Routed(shape, true, random), x(x_rows * round_up(c.k, 128), beyond),
        x_scales(x_rows * round_up(round_up(c.k, 128) / 128, 16), NAN) {
    std::uniform_real_distribution<float> scale(0.5f, 2);
    for (int64_t r = 0; r < x_rows; ++r)
      for (int64_t i = 0; i < c.k; ++i) {
        float& factor = x_scales[r * (x_scales.size() / x_rows) + i / 128];
        if (i % 128 == 0)
          factor = scale(random);
        const auto bits = uint8_t(Weights::random_e4m3(random));
        x[r * round_up(c.k, 128) + i] = bits;
        values[r * c.k + i] = kernels::f32_from_e4m3(bits) * factor;
      }
  }

  std::vector<void*> buffers() {
    return {x.data(), w.packed.data(), w.scales.data(), groups.data(), x_scales.data()};
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
