// grouped_gemm on CUDA agrees with the reference in both schedules, however tokens fall on experts.
#include "kernels/grouped_gemm/cuda.h"
#include "kernels/grouped_gemm/reference.h"
#include "kernels/registry/params.h"
#include "test/unit/kernels/cuda_linear.h"

#include <cmath>
#include <sstream>

namespace r1::test {
namespace {

using namespace cuda;

struct Case {
  int64_t tokens, n, k, experts, top_k;
  bool gather;
  int64_t accumulators, tile_m, tile_n;
  bool crowded = false;   // every token chooses the first experts
  int64_t misaligned = 0; // elements by which x is off 16 bytes
};

template <Case c> struct Config {
  static constexpr long long n = c.n, k = c.k, experts = c.experts, top_k = c.top_k;
  static constexpr long long x_stride = (c.k + 15) / 16 * 16, gather = c.gather,
                             accumulators = c.accumulators;
  static constexpr long long max_active = c.experts, tile_m = c.tile_m, tile_n = c.tile_n;
};

// The list router/group writes, see kernels/registry/params.h.
std::vector<int32_t> group(const std::vector<int32_t>& expert_of_pair, int64_t experts) {
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

struct Problem {
  Case c;
  int64_t pairs, stride;
  Weights w; // experts as the batch
  std::vector<int32_t> expert_of_pair, groups;
  Buffer<uint16_t> x;
  std::vector<float> values; // of x

  Problem(const Case& shape, bool f8, Random& random)
      : c(shape), pairs(c.tokens * c.top_k), stride(round_up(c.k, 16)),
        w(c.experts, c.accumulators, c.n, c.k, f8, random),
        x((c.gather ? c.tokens : pairs) * stride, 0x7fc0, c.misaligned),
        values((c.gather ? c.tokens : pairs) * c.k) {
    for (int64_t t = 0; t < c.tokens; ++t) {
      std::vector<int32_t> choice(c.experts);
      for (int32_t e = 0; e < c.experts; ++e)
        choice[e] = e;
      if (!c.crowded)
        std::shuffle(choice.begin(), choice.end(), random);
      expert_of_pair.insert(expert_of_pair.end(), choice.begin(), choice.begin() + c.top_k);
    }
    groups = group(expert_of_pair, c.experts);
    std::normal_distribution<float> normal;
    for (int64_t r = 0; r < int64_t(values.size()) / c.k; ++r)
      for (int64_t i = 0; i < c.k; ++i) {
        const uint16_t bits = kernels::bf16_from_f32(normal(random));
        x[r * stride + i] = bits;
        values[r * c.k + i] = kernels::f32_from_bf16(bits);
      }
  }

  // The grid of the largest step: more experts may be active than are.
  template <class Skeleton> std::vector<float> run(const std::string& name, const NamedSchedule& schedule) {
    const int64_t tiles = c.experts * ((c.n + c.tile_n - 1) / c.tile_n);
    std::vector<void*> buffers = {x.data(), w.packed.data()};
    if (w.f8)
      buffers.push_back(w.scales.data());
    buffers.push_back(groups.data());
    return cuda::run<Skeleton>(name, tiles, buffers, {int(c.tokens), -1, -1},
                               Output(pairs, c.n, c.accumulators), int(buffers.size()), schedule);
  }

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

std::string describe(const Case& c, bool f8, const std::string& schedule) {
  std::ostringstream s;
  s << (f8 ? "grouped_gemm_f8" : "grouped_gemm_bf16") << " tokens " << c.tokens << " n " << c.n << " k "
    << c.k << " experts " << c.experts << " top " << c.top_k << (c.gather ? " gather" : "") << " tile "
    << c.tile_m << "x" << c.tile_n << (c.misaligned ? " misaligned" : "") << ", " << schedule;
  return s.str();
}

template <bool kF8, Case c> void check(Random& random) {
  using Weight = std::conditional_t<kF8, r1::cuda::e4m3, r1::cuda::bf16>;
  using Skeleton = r1::cuda::GroupedGemm<Config<c>, RecordHoles<kF8 ? 4 : 3>, Weight>;
  Problem problem(c, kF8, random);
  std::vector<float> expected, first;
  std::vector<double> size;
  problem.expect(expected, size);
  for (const NamedSchedule& s : schedules()) {
    const std::string name = describe(c, kF8, s.name);
    const std::vector<float> y = problem.run<Skeleton>(name, s);
    EXPECT_TRUE(close(name, y, expected, size, c.n * c.accumulators, kFloatSum));
    if (first.empty())
      first = y;
    EXPECT_EQ(std::memcmp(first.data(), y.data(), y.size() * 4), 0)
        << name << ": other bits than the first run";
  }
}

template <bool kF8, Case... c> void check_all(uint32_t seed) {
  Random random(seed);
  (check<kF8, c>(random), ...);
}

template <bool kF8> void check_stream() {
  check_all<kF8, Case{1, 32, 128, 8, 2, true, 2, 8, 16},       // decode: six of eight experts idle
            Case{3, 24, 48, 5, 2, false, 1, 8, 32},            // a row for each pair; columns past n
            Case{40, 33, 101, 3, 2, true, 1, 16, 16, true, 1}, // three rounds of rows, odd k, x off 16 bytes
            Case{21, 40, 320, 4, 3, true, 2, 8, 32}>(21);
}
TEST(CudaGroupedGemm, StreamsBf16Weights) { check_stream<false>(); }
TEST(CudaGroupedGemm, StreamsE4m3Weights) { check_stream<true>(); }

template <bool kF8> void check_tiles() {
  check_all<kF8, Case{9, 40, 256, 4, 2, true, 2, 64, 32, true}, // few rows of a tile
            Case{150, 48, 128, 3, 1, true, 2, 64, 48, true},    // three rounds of rows
            Case{90, 33, 101, 3, 2, false, 1, 128, 32, false, 3}>(22);
}
TEST(CudaGroupedGemm, TilesBf16Weights) { check_tiles<false>(); }
TEST(CudaGroupedGemm, TilesE4m3Weights) { check_tiles<true>(); }

} // namespace
} // namespace r1::test
