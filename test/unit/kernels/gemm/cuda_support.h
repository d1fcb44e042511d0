// What the tests of gemm on CUDA share: cases, and problems with their reference.
#pragma once
#include "kernels/gemm/reference.h"
#include "test/unit/kernels/cuda_linear.h"

#include <cmath>
#include <sstream>

namespace r1::test::cuda {

struct Case {
  int64_t rows, n, k, batch, accumulators, tile_m, tile_n;
  int64_t misaligned = 0; // elements by which x, or a part of its batch, is off 16 bytes
};

template <Case c> struct Config {
  static constexpr long long n = c.n, k = c.k, batch = c.batch;
  static constexpr long long x_batch_stride = (c.k + 15) / 16 * 16 + (c.batch > 1 ? c.misaligned : 0);
  static constexpr long long x_stride = (c.batch * x_batch_stride + 8 + 15) / 16 * 16;
  static constexpr long long accumulators = c.accumulators, tile_m = c.tile_m, tile_n = c.tile_n;
  static constexpr long long prologue = 0;
  static constexpr double epsilon = 0;
};

// Weights, what rows of x mean, and the product of the two.
struct Product {
  Case c;
  Weights w;
  std::vector<float> values; // of x, [rows][batch][k]

  Product(const Case& shape, bool f8, Random& random)
      : c(shape), w(c.batch, c.accumulators, c.n, c.k, f8, random), values(c.rows * c.batch * c.k) {}

  // The grid of the largest step: one row block more than there are rows for.
  int64_t tiles() const {
    return ((c.rows + c.tile_m - 1) / c.tile_m + 1) * c.batch * ((c.n + c.tile_n - 1) / c.tile_n);
  }
  Output output() const { return Output(c.rows, c.batch * c.n, c.accumulators); }

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

// With x as bf16.
struct Problem : Product {
  int64_t x_stride, x_batch_stride;
  Buffer<uint16_t> x;

  template <class Config>
  Problem(Config, const Case& shape, bool f8, Random& random)
      : Product(shape, f8, random), x_stride(Config::x_stride), x_batch_stride(Config::x_batch_stride),
        // Between the columns of a row lies a NaN: whoever multiplies it shows it.
        x(c.rows * x_stride, 0x7fc0, c.batch > 1 ? 0 : c.misaligned) {
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

  std::vector<void*> buffers() {
    std::vector<void*> all = {x.data(), w.packed.data()};
    if (w.f8)
      all.push_back(w.scales.data());
    return all;
  }
};

// Rows of a quantised x are whole pieces of 128.
template <Case c> struct QuantisedConfig : Config<c> {
  static constexpr long long x_batch_stride = 0, x_stride = (c.k + 127) / 128 * 128;
};

// With x as e4m3, a scale for each 128 k of a row; `beyond` stands behind the last k of a row.
struct QuantisedProblem : Product {
  int64_t stride, scale_stride;
  Buffer<uint8_t> x;
  Buffer<float> x_scales; // NaN where there is no piece

  QuantisedProblem(const Case& shape, Random& random, uint8_t beyond = 0)
      : Product(shape, true, random), stride(round_up(c.k, 128)), scale_stride(round_up(stride / 128, 16)),
        x(c.rows * stride, beyond), x_scales(c.rows * scale_stride, NAN) {
    std::uniform_real_distribution<float> scale(0.5f, 2);
    for (int64_t r = 0; r < c.rows; ++r)
      for (int64_t i = 0; i < c.k; ++i) {
        if (i % 128 == 0)
          x_scales[r * scale_stride + i / 128] = scale(random);
        set_x(r, i, uint8_t(Weights::random_e4m3(random)));
      }
  }

  void set_x(int64_t r, int64_t i, uint8_t bits) {
    x[r * stride + i] = bits;
    values[r * c.k + i] = kernels::f32_from_e4m3(bits) * x_scales[r * scale_stride + i / 128];
  }

  std::vector<void*> buffers() { return {x.data(), w.packed.data(), w.scales.data(), x_scales.data()}; }
};

// Holds `run(name, schedule)` against the reference, and runs against each other.
template <class Run>
void check(const Product& product, const std::string& what, const std::vector<NamedSchedule>& schedules,
           Run run, double tolerance = kFloatSum) {
  std::vector<float> expected, first;
  std::vector<double> size;
  product.expect(expected, size);
  const Case& c = product.c;
  for (const NamedSchedule& s : schedules) {
    std::ostringstream name;
    name << what << " rows " << c.rows << " n " << c.n << " k " << c.k << " batch " << c.batch
         << " accumulators " << c.accumulators << " tile " << c.tile_m << "x" << c.tile_n
         << (c.misaligned ? " misaligned" : "") << ", " << s.name;
    const std::vector<float> y = run(name.str(), s);
    EXPECT_TRUE(close(name.str(), y, expected, size, c.batch * c.n * c.accumulators, tolerance));
    if (first.empty())
      first = y;
    EXPECT_EQ(std::memcmp(first.data(), y.data(), y.size() * 4), 0)
        << name.str() << ": other bits than the first run";
  }
}

} // namespace r1::test::cuda
