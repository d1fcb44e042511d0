// What the tests of gemm share: cases, holes, and running a case on a level beside the reference.
#pragma once
#include "kernels/common/numeric.h"
#include "kernels/gemm/reference.h"
#include "kernels/native/levels.h"
#include "kernels/registry/params.h"
#include "kernels/registry/registry.h"
#include "test/unit/kernels/tolerance.h"
#include "test/unit/kernels/weights.h"

#include <cstring>

R1_DECLARE_LEVELS(gemm_bf16);
R1_DECLARE_LEVELS(gemm_f8);

namespace r1::test {
namespace gemm {

using kernels::GemmParams;
using kernels::NativeLevel;

struct Case {
  int64_t rows, n, k, batch = 1, accumulators = 1, tile_m = 64, tile_n = 32;
  bool prologue = false;
};

// What the holes read and write; buffers[3] points here. Tests run one kernel at a time.
struct Context {
  std::vector<float> y;               // [rows][batch * n][accumulators]
  std::vector<int> writes;            // times each (row, column) was stored
  const std::vector<float>* residual; // [rows][k]: what the prologue's map reads
  int64_t columns, k, accumulators;
};

inline Context& context(void* const* buffers) { return *static_cast<Context*>(buffers[3]); }

inline void epilogue(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  Context& c = context(buffers);
  ASSERT_TRUE(count >= 1 && count <= 16 && col + count <= c.columns);
  for (int64_t j = 0; j < count; ++j) {
    ++c.writes[row * c.columns + col + j];
    for (int64_t a = 0; a < c.accumulators; ++a)
      c.y[(row * c.columns + col + j) * c.accumulators + a] = values[a * 16 + j];
  }
}

inline void map(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  const Context& c = context(buffers);
  for (int64_t j = 0; j < count; ++j)
    const_cast<float*>(values)[j] = values[j] + 2 * (*c.residual)[row * c.k + col + j];
}

// x = v * rstd * weight, the weight a function of the column.
inline float norm_weight(int64_t col) { return 0.5f + 0.01f * float(col % 37); }
inline void finish(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  for (int64_t j = 0; j < count; ++j)
    const_cast<float*>(values)[j] = values[j] * values[16 + j] * norm_weight(col + j);
}

struct Problem {
  Case c;
  bool f8;
  GemmParams p;
  Weights w;
  std::vector<float> residual, x; // as the sums see x: [rows][batch * k]
  std::unique_ptr<Aligned<uint16_t>> packed_x;

  Problem(const Case& shape, bool is_f8, Random& random) : c(shape), f8(is_f8) {
    const int64_t stride = round_up(c.k, 16);
    p = {c.n, c.k, c.batch, c.batch * stride, stride, c.accumulators, c.tile_m, c.tile_n, c.prologue ? 1 : 0,
         1e-6};
    const kernels::PackShape s{c.batch, c.n, c.k, c.accumulators};
    w = f8 ? random_f8_weights(s, random) : random_bf16_weights(s, random);
    packed_x = std::make_unique<Aligned<uint16_t>>(c.rows * p.x_stride);
    x.resize(c.rows * c.batch * c.k);
    residual.resize(c.rows * c.k);
    std::normal_distribution<float> normal;
    // Between the columns of a row lies a NaN: whoever reads it shows it.
    std::fill_n(packed_x->data, c.rows * p.x_stride, uint16_t(0x7fc0));
    for (int64_t r = 0; r < c.rows; ++r)
      for (int64_t b = 0; b < c.batch; ++b)
        for (int64_t i = 0; i < c.k; ++i)
          set_x(r, b, i, kernels::bf16_from_f32(normal(random)));
    if (c.prologue)
      prepare_norm(random);
  }

  void set_x(int64_t r, int64_t b, int64_t i, uint16_t bits) {
    packed_x->data[r * p.x_stride + b * p.x_batch_stride + i] = bits;
    x[(r * c.batch + b) * c.k + i] = kernels::f32_from_bf16(bits);
  }

  void prepare_norm(Random& random) {
    std::normal_distribution<float> normal;
    for (int64_t r = 0; r < c.rows; ++r) {
      double squares = 0;
      for (int64_t i = 0; i < c.k; ++i) {
        residual[r * c.k + i] = normal(random);
        squares += 4.0 * residual[r * c.k + i] * residual[r * c.k + i];
      }
      const double rstd = 1 / std::sqrt(squares / double(c.k) + 1e-6);
      for (int64_t i = 0; i < c.k; ++i)
        x[r * c.k + i] = kernels::f32_from_bf16(
            kernels::bf16_from_f32(float(2 * residual[r * c.k + i] * rstd) * norm_weight(i)));
    }
  }

  // Runs all tiles, `chunk` at a time, in fresh scratch that starts as NaN.
  std::vector<float> run(const NativeLevel& level, int64_t chunk) {
    const int64_t columns = c.batch * c.n;
    Context out{std::vector<float>(c.rows * columns * c.accumulators),
                std::vector<int>(c.rows * columns),
                &residual,
                columns,
                c.k,
                c.accumulators};
    int64_t words[sizeof(GemmParams) / 8];
    std::memcpy(words, &p, sizeof p);
    const int64_t bytes = kernels::find_skeleton(f8 ? "gemm_f8" : "gemm_bf16")->scratch_bytes(words);
    void* buffers[4] = {packed_x->data, w.packed->data, f8 ? w.scales->data : nullptr, &out};
    const int64_t dims[kernels::kDimCount] = {c.rows, 0, 0};
    const kernels::Hole holes[3] = {epilogue, map, finish};
    const int64_t tiles = (c.rows + c.tile_m - 1) / c.tile_m * c.batch * ((c.n + c.tile_n - 1) / c.tile_n);
    for (int64_t t = 0; t < tiles; t += chunk) {
      Aligned<uint8_t> scratch(bytes);
      std::memset(scratch.data, 0xff, size_t(bytes));
      level.run(buffers, dims, t, std::min(t + chunk, tiles), scratch.data, &p, holes);
    }
    for (int64_t i = 0; i < c.rows * columns; ++i)
      EXPECT_EQ(out.writes[i], 1) << "row " << i / columns << " column " << i % columns;
    return out.y;
  }

  // The reference and the size of each sum, in the order of Context::y.
  void expect(std::vector<float>& y, std::vector<double>& size) {
    const int64_t columns = c.batch * c.n;
    y.resize(c.rows * columns * c.accumulators);
    size.resize(y.size());
    std::vector<float> part(c.rows * c.n), absolute(part.size());
    std::vector<float> ax(x), aw(w.values);
    for (float& v : ax)
      v = std::fabs(v);
    for (float& v : aw)
      v = std::fabs(v);
    for (int64_t b = 0; b < c.batch; ++b)
      for (int64_t a = 0; a < c.accumulators; ++a) {
        const int64_t matrix = (b * c.accumulators + a) * c.n * c.k;
        kernels::reference::linear(x.data() + b * c.k, c.batch * c.k, c.rows, w.values.data() + matrix, c.n,
                                   c.k, part.data(), c.n);
        kernels::reference::linear(ax.data() + b * c.k, c.batch * c.k, c.rows, aw.data() + matrix, c.n, c.k,
                                   absolute.data(), c.n);
        for (int64_t r = 0; r < c.rows; ++r)
          for (int64_t j = 0; j < c.n; ++j) {
            const int64_t at = (r * columns + b * c.n + j) * c.accumulators + a;
            y[at] = part[r * c.n + j];
            size[at] = absolute[r * c.n + j];
          }
      }
  }
};

inline double tolerance(const Case& c, bool f8) {
  if (c.prologue)
    return kBf16Activations + (f8 ? kBf16Weights : 0);
  return f8 ? kBf16Weights : kFloatSum;
}

inline std::string describe(const NativeLevel& level, const Case& c, bool f8) {
  std::ostringstream s;
  s << (f8 ? "gemm_f8 " : "gemm_bf16 ") << level.name << " rows " << c.rows << " n " << c.n << " k " << c.k
    << " batch " << c.batch << " accumulators " << c.accumulators << " tile " << c.tile_m << "x" << c.tile_n
    << (c.prologue ? " prologue" : "");
  return s.str();
}

inline std::vector<NativeLevel> supported(bool f8) {
  std::vector<NativeLevel> levels = f8 ? R1_LEVELS(gemm_f8) : R1_LEVELS(gemm_bf16);
  std::erase_if(levels, [](const NativeLevel& level) { return !level.supported; });
  return levels;
}

inline const Case kCases[] = {
    {1, 16, 32},
    {1, 256, 384},
    {2, 64, 128},
    {3, 24, 48},
    {4, 80, 256, 1, 2},
    {5, 40, 96, 2, 1, 64, 16},
    {7, 100, 640, 1, 1, 64, 64},
    {8, 64, 1152, 1, 2, 16, 32},
    {9, 33, 33},
    {16, 48, 130, 3, 2, 16, 48},
    {17, 128, 128, 1, 1, 16, 128},
    {65, 24, 48, 2, 1, 32, 16},
    {65, 96, 576, 1, 1, 64, 96},
    {129, 72, 200, 1, 2, 128, 32},
    {21, 40, 2240, 1, 1, 32, 48}, // more than one block of k, and of an FP8 panel
    {10, 128, 1160, 1, 2, 16, 64},
    {1, 48, 160, 1, 1, 16, 16, true},
    {7, 64, 100, 1, 2, 16, 32, true},
    {40, 32, 257, 1, 1, 32, 16, true},
};

} // namespace gemm
} // namespace r1::test
