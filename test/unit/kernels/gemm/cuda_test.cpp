// gemm on CUDA agrees with the reference in both schedules, under every order of threads and copies.
#include "kernels/gemm/cuda.h"
#include "kernels/gemm/reference.h"
#include "test/unit/kernels/cuda_linear.h"

#include <cmath>
#include <sstream>

namespace r1::test {
namespace {

using namespace cuda;

struct Case {
  int64_t rows, n, k, batch, accumulators, tile_m, tile_n;
  int64_t misaligned = 0; // elements by which x, or a part of its batch, is off 16 bytes
};

template <Case c> struct Config {
  static constexpr long long n = c.n, k = c.k, batch = c.batch;
  static constexpr long long x_batch_stride = (c.k + 15) / 16 * 16 + (c.batch > 1 ? c.misaligned : 0);
  static constexpr long long x_stride = (c.batch * x_batch_stride + 8 + 15) / 16 * 16;
  static constexpr long long accumulators = c.accumulators, rows_dim = 1, tile_m = c.tile_m,
                             tile_n = c.tile_n;
  static constexpr long long prologue = 0;
  static constexpr double epsilon = 0;
};

struct Problem {
  Case c;
  int64_t x_stride, x_batch_stride;
  Weights w;
  Buffer<uint16_t> x;
  std::vector<float> values; // of x, [rows][batch][k]

  template <class Config>
  Problem(Config, const Case& shape, bool f8, Random& random)
      : c(shape), x_stride(Config::x_stride), x_batch_stride(Config::x_batch_stride),
        w(c.batch, c.accumulators, c.n, c.k, f8, random),
        // Between the columns of a row lies a NaN: whoever multiplies it shows it.
        x(c.rows * x_stride, 0x7fc0, c.batch > 1 ? 0 : c.misaligned), values(c.rows * c.batch * c.k) {
    std::normal_distribution<float> normal;
    for (int64_t r = 0; r < c.rows; ++r)
      for (int64_t b = 0; b < c.batch; ++b)
        for (int64_t i = 0; i < c.k; ++i)
          set_x(r, b, i, kernels::bf16_from_f32(normal(random)));
  }

  void set_x(int64_t r, int64_t b, int64_t i, uint16_t bits) {
    x[r * x_stride + b * x_batch_stride + i] = bits;
    values[(r * c.batch + b) * c.k + i] = kernels::f32_from_bf16(bits);
  }

  // The grid of the largest step: one row block more than there are rows for.
  template <class Skeleton> std::vector<float> run(const std::string& name, const simt::Schedule& schedule) {
    const int64_t tiles =
        ((c.rows + c.tile_m - 1) / c.tile_m + 1) * c.batch * ((c.n + c.tile_n - 1) / c.tile_n);
    std::vector<void*> buffers = {x.data(), w.packed.data()};
    if (w.f8)
      buffers.push_back(w.scales.data());
    return cuda::run<Skeleton>(name, tiles, buffers, {-1, int(c.rows), -1},
                               Output(c.rows, c.batch * c.n, c.accumulators), w.f8 ? 3 : 2, schedule);
  }

  // The reference and the size of each sum, in the order of Output::y.
  void expect(std::vector<float>& y, std::vector<double>& size) const {
    y.resize(c.rows * c.batch * c.n * c.accumulators);
    size.resize(y.size());
    std::vector<float> part(c.rows * c.n), absolute(part.size()), ax(values), aw(w.values);
    for (float& v : ax)
      v = std::isnan(v) ? 0 : std::fabs(v);
    for (float& v : aw)
      v = std::isnan(v) ? 0 : std::fabs(v);
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t a = 0; a < c.accumulators; ++a) {
        const int64_t matrix = (b * c.accumulators + a) * c.n * c.k;
        kernels::reference::linear(values.data() + b * c.k, c.batch * c.k, c.rows, w.values.data() + matrix,
                                   c.n, c.k, part.data(), c.n);
        kernels::reference::linear(ax.data() + b * c.k, c.batch * c.k, c.rows, aw.data() + matrix, c.n, c.k,
                                   absolute.data(), c.n);
        for (int64_t i = 0; i < c.rows * c.n; ++i) {
          const int64_t at = ((i / c.n * c.batch + b) * c.n + i % c.n) * c.accumulators + a;
          y[at] = part[i];
          size[at] = absolute[i];
        }
      }
  }
};

std::string describe(const Case& c, bool f8, const std::string& schedule) {
  std::ostringstream s;
  s << (f8 ? "gemm_f8" : "gemm_bf16") << " rows " << c.rows << " n " << c.n << " k " << c.k << " batch "
    << c.batch << " accumulators " << c.accumulators << " tile " << c.tile_m << "x" << c.tile_n
    << (c.misaligned ? " misaligned" : "") << ", " << schedule;
  return s.str();
}

template <class Skeleton> void check(Problem& problem, const std::vector<NamedSchedule>& schedules) {
  std::vector<float> expected;
  std::vector<double> size;
  problem.expect(expected, size);
  std::vector<float> first;
  for (const NamedSchedule& s : schedules) {
    const std::string name = describe(problem.c, problem.w.f8, s.name);
    const std::vector<float> y = problem.run<Skeleton>(name, s.schedule);
    EXPECT_TRUE(
        close(name, y, expected, size, problem.c.batch * problem.c.n * problem.c.accumulators, kFloatSum));
    if (first.empty())
      first = y;
    EXPECT_EQ(std::memcmp(first.data(), y.data(), y.size() * 4), 0)
        << name << ": other bits than the first run";
  }
}

template <bool kF8, Case c>
using Skeleton = r1::cuda::Gemm<Config<c>, RecordHoles<kF8 ? 3 : 2>,
                                std::conditional_t<kF8, r1::cuda::e4m3, r1::cuda::bf16>>;

template <bool kF8, Case... c> void check_all(uint32_t seed) {
  Random random(seed);
  const auto one = [&]<Case each> {
    Problem problem(Config<each>(), each, kF8, random);
    check<Skeleton<kF8, each>>(problem, schedules());
  };
  (one.template operator()<c>(), ...);
}

template <bool kF8> void check_stream() {
  check_all<kF8, Case{1, 16, 64, 1, 1, 8, 16},    // one line, one warp
            Case{1, 48, 2048 + 72, 1, 1, 8, 16},  // lines that eight slices do not divide
            Case{7, 33, 24, 1, 1, 8, 48},         // less than a line; columns past n
            Case{16, 40, 333, 2, 2, 16, 32},      // odd k, both accumulators, a batch
            Case{5, 24, 200, 3, 1, 8, 16, 3},     // parts of the batch off 16 bytes
            Case{11, 272, 130, 1, 2, 8, 128, 1}>( // two row blocks, the widest tile, x off 16 bytes
      11);
}
TEST(CudaGemm, StreamsBf16Weights) { check_stream<false>(); }
TEST(CudaGemm, StreamsE4m3Weights) { check_stream<true>(); }

template <bool kF8> void check_tiles() {
  check_all<kF8, Case{129, 72, 200, 1, 1, 128, 64}, // a row block of one row; columns past n
            Case{65, 33, 24, 2, 1, 64, 16},         // less than a step of k
            Case{7, 50, 333, 1, 2, 64, 48},         // odd k; gate and up across warps
            Case{130, 130, 320, 1, 1, 128, 128},    // the largest tile
            Case{70, 128, 256, 1, 2, 64, 64, 5}>(12);
}
TEST(CudaGemm, TilesBf16Weights) { check_tiles<false>(); }
TEST(CudaGemm, TilesE4m3Weights) { check_tiles<true>(); }

// Row blocks go in groups of 16: here 18, in three columns of blocks.
TEST(CudaGemm, EveryTileIsMetOnceInGroupsOfRowBlocks) {
  constexpr Case c = {18 * 64 - 5, 40, 8, 1, 1, 64, 16};
  Random random(13);
  Problem problem(Config<c>(), c, false, random);
  check<Skeleton<false, c>>(problem, {{"fifo, eager", {}}});
}

template <bool kF8, Case c> void check_nan() {
  Random random(14);
  Problem problem(Config<c>(), c, kF8, random);
  problem.set_x(c.rows / 2, 0, 77, 0xffc1);
  check<Skeleton<kF8, c>>(problem, {{"fifo, eager", {}}});
  if (kF8)
    return; // weights that are NaN are refused where they are packed
  problem.w.set(0, 21, 130, 0x7fc0);
  check<Skeleton<kF8, c>>(problem, {{"fifo, eager", {}}});
}
TEST(CudaGemm, NanReachesItsRowOrColumnAndNoOther) {
  check_nan<false, Case{6, 48, 256, 1, 1, 8, 16}>();
  check_nan<true, Case{6, 48, 256, 1, 1, 8, 16}>();
  check_nan<false, Case{40, 48, 256, 1, 1, 64, 48}>();
  check_nan<true, Case{40, 48, 256, 1, 1, 64, 48}>();
}

} // namespace
} // namespace r1::test
