// grouped_gemm_bf16 and grouped_gemm_f8 agree with the reference for every way tokens can fall on experts.
#include "kernels/common/numeric.h"
#include "kernels/grouped_gemm/reference.h"
#include "kernels/native/levels.h"
#include "kernels/registry/params.h"
#include "kernels/registry/registry.h"
#include "test/unit/kernels/grouped_gemm/groups.h"
#include "test/unit/kernels/tolerance.h"
#include "test/unit/kernels/weights.h"

#include <algorithm>
#include <cstring>

R1_DECLARE_LEVELS(grouped_gemm_bf16);
R1_DECLARE_LEVELS(grouped_gemm_f8);

namespace r1::test {
namespace {

using kernels::GroupedGemmParams;
using kernels::NativeLevel;

struct Case {
  int64_t tokens, n, k, experts, top_k;
  bool gather;
  int64_t accumulators, tile_n;
  bool crowded; // every token chooses the first experts
};

struct Context {
  std::vector<float> y; // [pairs][n][accumulators]
  std::vector<int> writes;
  int64_t columns, accumulators;
};

void epilogue(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  Context& c = *static_cast<Context*>(buffers[4]);
  ASSERT_TRUE(count >= 1 && count <= 16 && col + count <= c.columns);
  for (int64_t j = 0; j < count; ++j) {
    ++c.writes[row * c.columns + col + j];
    for (int64_t a = 0; a < c.accumulators; ++a)
      c.y[(row * c.columns + col + j) * c.accumulators + a] = values[a * 16 + j];
  }
}

struct Problem {
  Case c;
  bool f8;
  int64_t pairs, stride;
  Weights w; // experts as the batch
  std::vector<int32_t> expert_of_pair, groups;
  std::vector<float> x;
  std::unique_ptr<Aligned<uint16_t>> packed_x;

  Problem(const Case& shape, bool is_f8, Random& random)
      : c(shape), f8(is_f8), pairs(c.tokens * c.top_k), stride(round_up(c.k, 16)) {
    const kernels::PackShape s{c.experts, c.n, c.k, c.accumulators};
    w = f8 ? random_f8_weights(s, random) : random_bf16_weights(s, random);
    choose(c.tokens, c.experts, c.top_k, c.crowded, random, expert_of_pair);
    groups = group(expert_of_pair, c.experts);
    const int64_t rows = c.gather ? c.tokens : pairs;
    packed_x = std::make_unique<Aligned<uint16_t>>(rows * stride);
    std::fill_n(packed_x->data, rows * stride, uint16_t(0x7fc0));
    x.resize(rows * c.k);
    std::normal_distribution<float> normal;
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < c.k; ++i)
        set_x(r, i, kernels::bf16_from_f32(normal(random)));
  }

  void set_x(int64_t r, int64_t i, uint16_t bits) {
    packed_x->data[r * stride + i] = bits;
    x[r * c.k + i] = kernels::f32_from_bf16(bits);
  }

  std::vector<float> run(const NativeLevel& level, int64_t chunk) {
    Context out{std::vector<float>(pairs * c.n * c.accumulators), std::vector<int>(pairs * c.n), c.n,
                c.accumulators};
    const int64_t max_active = std::min(c.experts, pairs);
    GroupedGemmParams p = {c.n,        c.k,     c.experts, c.top_k, stride, c.gather, c.accumulators,
                           max_active, c.tile_n};
    int64_t words[sizeof p / 8];
    std::memcpy(words, &p, sizeof p);
    const int64_t bytes =
        kernels::find_skeleton(f8 ? "grouped_gemm_f8" : "grouped_gemm_bf16")->scratch_bytes(words);
    void* buffers[5] = {packed_x->data, w.packed->data, groups.data(), nullptr, &out};
    if (f8) {
      buffers[2] = w.scales->data;
      buffers[3] = groups.data();
    }
    const int64_t dims[kernels::kDimCount] = {c.tokens, 0, 0};
    const kernels::Hole holes[1] = {epilogue};
    const int64_t tiles = max_active * ((c.n + c.tile_n - 1) / c.tile_n);
    for (int64_t t = 0; t < tiles; t += chunk) {
      Aligned<uint8_t> scratch(bytes);
      std::memset(scratch.data, 0xff, size_t(bytes));
      level.run(buffers, dims, t, std::min(t + chunk, tiles), scratch.data, &p, holes);
    }
    for (int64_t i = 0; i < pairs * c.n; ++i)
      EXPECT_EQ(out.writes[i], 1) << "pair " << i / c.n << " column " << i % c.n;
    return out.y;
  }

  void expect(std::vector<float>& y, std::vector<double>& size) {
    y.resize(pairs * c.n * c.accumulators);
    size.resize(y.size());
    for (int64_t a = 0; a < c.accumulators; ++a) {
      std::vector<float> matrices, absolute_x(x), part(pairs * c.n), absolute(part.size());
      for (int64_t e = 0; e < c.experts; ++e) {
        const float* matrix = &w.at(e, a, 0, 0);
        matrices.insert(matrices.end(), matrix, matrix + c.n * c.k);
      }
      kernels::reference::expert_linear(x.data(), c.k, c.gather, expert_of_pair.data(), pairs, c.top_k,
                                        matrices.data(), c.n, c.k, part.data(), c.n);
      for (float& v : matrices)
        v = std::fabs(v);
      for (float& v : absolute_x)
        v = std::fabs(v);
      kernels::reference::expert_linear(absolute_x.data(), c.k, c.gather, expert_of_pair.data(), pairs,
                                        c.top_k, matrices.data(), c.n, c.k, absolute.data(), c.n);
      for (int64_t i = 0; i < pairs * c.n; ++i) {
        y[i * c.accumulators + a] = part[i];
        size[i * c.accumulators + a] = std::isnan(absolute[i]) ? 0 : absolute[i];
      }
    }
  }
};

const Case kCases[] = {
    {1, 32, 128, 4, 2, true, 2, 32, false},   {1, 48, 96, 8, 8, false, 1, 16, false},
    {3, 24, 48, 5, 2, true, 1, 16, false},    {9, 40, 256, 4, 2, true, 2, 32, true},
    {40, 33, 100, 6, 3, false, 1, 32, false}, {150, 48, 128, 3, 1, true, 2, 48, true},
};

std::vector<NativeLevel> supported(bool f8) {
  std::vector<NativeLevel> levels = f8 ? R1_LEVELS(grouped_gemm_f8) : R1_LEVELS(grouped_gemm_bf16);
  std::erase_if(levels, [](const NativeLevel& level) { return !level.supported; });
  return levels;
}

std::string describe(const NativeLevel& level, const Case& c, bool f8) {
  std::ostringstream s;
  s << (f8 ? "grouped_gemm_f8 " : "grouped_gemm_bf16 ") << level.name << " tokens " << c.tokens << " n "
    << c.n << " k " << c.k << " experts " << c.experts << " top " << c.top_k << (c.gather ? " gather" : "");
  return s.str();
}

class GroupedGemm : public testing::TestWithParam<bool> {};

TEST_P(GroupedGemm, AgreesWithTheReferenceHoweverTilesAreSplit) {
  Random random(21);
  for (const Case& c : kCases) {
    Problem problem(c, GetParam(), random);
    std::vector<float> expected;
    std::vector<double> size;
    problem.expect(expected, size);
    for (const NativeLevel& level : supported(GetParam())) {
      const std::vector<float> whole = problem.run(level, 1000);
      EXPECT_TRUE(close(describe(level, c, GetParam()), whole, expected, size, c.n * c.accumulators,
                        GetParam() ? kBf16Weights : kFloatSum));
      const std::vector<float> parts = problem.run(level, 1);
      EXPECT_EQ(std::memcmp(whole.data(), parts.data(), whole.size() * 4), 0)
          << describe(level, c, GetParam());
    }
  }
}

TEST_P(GroupedGemm, NanInATokenReachesItsPairsAndNoOther) {
  Random random(22);
  Problem problem({20, 32, 128, 4, 2, true, 1, 32, false}, GetParam(), random);
  problem.set_x(13, 5, 0x7fc1);
  std::vector<float> expected;
  std::vector<double> size;
  problem.expect(expected, size);
  for (const NativeLevel& level : supported(GetParam()))
    EXPECT_TRUE(close(describe(level, problem.c, GetParam()), problem.run(level, 1000), expected, size, 32,
                      GetParam() ? kBf16Weights : kFloatSum));
}

INSTANTIATE_TEST_SUITE_P(Types, GroupedGemm, testing::Bool(),
                         [](const auto& info) { return info.param ? "f8" : "bf16"; });

} // namespace
} // namespace r1::test
