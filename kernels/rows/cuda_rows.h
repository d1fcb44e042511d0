// Row maps and reductions (residual additions, norms, conversions, the sum over a token's experts).
//   bytes per row: what the holes read and write + combine_k * cols * 4; operations: a handful an element.
//   Bound by bandwidth at many rows, by latency at few: a row of 7168 columns is 28 KB, and one block fetches it.
// One block a row, and as many threads as give each two vectors of 4 columns: what one hole stores and the next one loads the
// compiler must keep in order, so a thread's vectors wait for one another, and threads do not.
// With a norm the row waits in registers between the sum of squares and the hole `finish`, so inputs are read once. The sum
// runs in a fixed order: each thread's columns ascending, then the block's tree.
#pragma once
#include "kernels/common/cuda_elements.h"
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/warp.h"

namespace r1::cuda {

template <class Config, class Holes> struct Rows {
  static constexpr int kCols = int(Config::cols);
  static constexpr int V = 4;
  static constexpr int kPairs = blocks_of(kCols, 2 * V);
  static constexpr int kThreads = kPairs <= 128 ? 128 : kPairs >= 1024 ? 1024 : blocks_of(kPairs, 32) * 32;
  static constexpr int kSharedBytes = Config::norm ? 32 * sizeof(float) : 0;
  static constexpr int kMinBlocks = 1;
  static_assert(!Config::norm || kCols <= 16384, "a normalised row must fit in registers");

  R1_DEVICE static void tile(const Arguments& a, int row, u8* shared) {
    if (row >= a.dims[0])
      return;
    if constexpr (Config::norm)
      normalise(a, row, reinterpret_cast<float*>(shared));
    else
      apply(a, row);
  }

private:
  using Row = Columns<kCols, V, kThreads>;

  R1_DEVICE static void apply(const Arguments& a, int row) {
    constexpr int kTogether = Row::kPerThread < 4 ? Row::kPerThread : 4;
    R1_ROLLED for (int first = 0; first < Row::kPerThread; first += kTogether) {
      float v[kTogether][V];
      R1_UNROLL for (int i = 0; i < kTogether; ++i)
          Row::one(first + i, [&](int, int col, int count) { map(a, row, col, count, v[i]); });
      R1_UNROLL for (int i = 0; i < kTogether; ++i)
          Row::one(first + i, [&](int, int col, int count) { finish(a, row, col, count, v[i], 1.0f); });
    }
  }

  R1_DEVICE static void normalise(const Arguments& a, int row, float* shared) {
    float v[Row::kPerThread][V];
    float squares = 0;
    Row::each([&](int i, int col, int count) {
      map(a, row, col, count, v[i]);
      R1_UNROLL for (int c = 0; c < V; ++c) if (c < count) // a hole may leave anything behind count
          squares += v[i][c] * v[i][c];
    });
    const float mean = block_sum(squares, shared) / float(kCols);
    const float rstd = 1.0f / math::sqrt(mean + float(Config::epsilon));
    Row::each([&](int i, int col, int count) { finish(a, row, col, count, v[i], rstd); });
  }

  R1_DEVICE static void map(const Arguments& a, int row, int col, int count, float (&v)[V]) {
    float values[1][V] = {};
    if constexpr (Config::combine_k > 0)
      combine(a, row, col, count, values[0]);
    Holes::map(a, row, col, count, values);
    R1_UNROLL for (int c = 0; c < V; ++c) v[c] = values[0][c];
  }

  R1_DEVICE static void finish(const Arguments& a, int row, int col, int count, const float (&v)[V],
                               float rstd) {
    float values[2][V];
    R1_UNROLL for (int c = 0; c < V; ++c) {
      values[0][c] = v[c];
      values[1][c] = rstd;
    }
    Holes::finish(a, row, col, count, values);
  }

  R1_DEVICE static void combine(const Arguments& a, int row, int col, int count, float (&sum)[V]) {
    if (Row::kWhole && Config::y_stride % V == 0 && is_aligned(a.in<float>(0), 16))
      combine_as<true>(a, row, col, count, sum);
    else
      combine_as<false>(a, row, col, count, sum);
  }

  // The token's experts in order.
  template <bool kAligned>
  R1_DEVICE static void combine_as(const Arguments& a, int row, int col, int count, float (&sum)[V]) {
    constexpr int k = int(Config::combine_k);
    const long long first = static_cast<long long>(row) * k;
    const float* y = a.in<float>(0) + first * Config::y_stride + col;
    const float* weights = a.in<float>(1) + first;
    if constexpr (kAligned && k <= 8) { // all loads before the first sum
      float terms[k][V];
      R1_UNROLL for (int j = 0; j < k; ++j) load_columns<true>(y + j * Config::y_stride, V, terms[j]);
      R1_UNROLL for (int j = 0; j < k; ++j) add(weights[j], terms[j], sum);
    } else
      R1_ROLLED for (int j = 0; j < k; ++j) {
        float terms[V];
        load_columns<kAligned>(y + j * Config::y_stride, count, terms);
        add(weights[j], terms, sum);
      }
  }

  R1_DEVICE static void add(float weight, const float (&terms)[V], float (&sum)[V]) {
    R1_UNROLL for (int c = 0; c < V; ++c) sum[c] += weight * terms[c];
  }
};

} // namespace r1::cuda
