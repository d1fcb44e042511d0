#include "kernels/rows/reference.h"

#include "kernels/common/numeric.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace r1::kernels::reference {

void rms_norm(const float* x, const float* weight, int64_t rows, int64_t cols, double epsilon, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * cols;
    double squares = 0;
    for (int64_t c = 0; c < cols; ++c)
      squares += double(in[c]) * in[c];
    const double rstd = 1 / std::sqrt(squares / double(cols) + epsilon);
    for (int64_t c = 0; c < cols; ++c)
      y[r * cols + c] = float(in[c] * rstd * weight[c]);
  }
}

void softmax(const float* x, int64_t rows, int64_t cols, float* y) {
  for (int64_t r = 0; r < rows; ++r) {
    const float* in = x + r * cols;
    // Written so that a NaN becomes the maximum and so reaches every element of the row.
    float largest = in[0];
    for (int64_t c = 1; c < cols; ++c)
      largest = in[c] <= largest ? largest : in[c];
    double sum = 0;
    for (int64_t c = 0; c < cols; ++c)
      sum += std::exp(double(in[c]) - largest);
    for (int64_t c = 0; c < cols; ++c)
      y[r * cols + c] = float(std::exp(double(in[c]) - largest) / sum);
  }
}

void silu_mul(const float* gate, const float* up, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i)
    y[i] = float(gate[i] / (1 + std::exp(-double(gate[i]))) * up[i]);
}

void combine(const float* x, const float* weights, int64_t tokens, int64_t k, int64_t cols, float* y) {
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t c = 0; c < cols; ++c) {
      double sum = 0;
      for (int64_t j = 0; j < k; ++j)
        sum += double(weights[t * k + j]) * x[(t * k + j) * cols + c];
      y[t * cols + c] = float(sum);
    }
}

void gather(const float* x, const int32_t* rows, int64_t count, int64_t cols, float* y) {
  for (int64_t r = 0; r < count; ++r)
    for (int64_t c = 0; c < cols; ++c)
      y[r * cols + c] = x[rows[r] * cols + c];
}

void rope_table(const int32_t* positions, const float* inv_freq, int64_t tokens, int64_t rope, double scale,
                float* table) {
  const int64_t half = rope / 2;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t i = 0; i < half; ++i) {
      const double angle = float(positions[t]) * inv_freq[i];
      table[t * rope + i] = float(scale * std::cos(angle));
      table[t * rope + half + i] = float(scale * std::sin(angle));
    }
}

void rope(const float* x, const float* table, const RopeShape& shape, float* y) {
  const int64_t half = shape.rope / 2;
  for (int64_t t = 0; t < shape.tokens; ++t)
    for (int64_t h = 0; h < shape.heads; ++h) {
      const float* in = x + (t * shape.heads + h) * shape.head_dim;
      float* out = y + (t * shape.heads + h) * shape.head_dim;
      for (int64_t c = 0; c < shape.head_dim; ++c)
        if (c < shape.offset || c >= shape.offset + shape.rope)
          out[c] = in[c];
      for (int64_t i = 0; i < half; ++i) {
        const int64_t first = shape.offset + (shape.interleaved ? 2 * i : i);
        const int64_t second = shape.interleaved ? first + 1 : first + half;
        const double cos = table[t * shape.rope + i], sin = table[t * shape.rope + half + i];
        const double re = in[first], im = in[second];
        out[first] = float(re * cos - im * sin);
        out[second] = float(re * sin + im * cos);
      }
    }
}

void quantize_rows(const float* x, int64_t rows, int64_t cols, bool ue8m0, float* y, float* scales) {
  const int64_t pieces = (cols + 127) / 128;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t p = 0; p < pieces; ++p) {
      const int64_t begin = r * cols + p * 128, end = r * cols + std::min(cols, (p + 1) * 128);
      float largest = 1e-4f;
      for (int64_t i = begin; i < end; ++i)
        if (std::fabs(x[i]) > largest)
          largest = std::fabs(x[i]);
      float scale = largest / 448.0f;
      if (ue8m0) // 2^ceil(log2(scale)), exactly; it is never subnormal
        scale = std::bit_cast<float>((std::bit_cast<uint32_t>(scale) + 0x7fffffu) & 0xff800000u);
      scales[r * pieces + p] = scale;
      for (int64_t i = begin; i < end; ++i)
        y[i] = f32_from_e4m3(e4m3_from_f32(x[i] / scale));
    }
}

void dequantize_rows(const float* y, const float* scales, int64_t rows, int64_t cols, float* x) {
  const int64_t pieces = (cols + 127) / 128;
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c)
      x[r * cols + c] = y[r * cols + c] * scales[r * pieces + c / 128];
}

} // namespace r1::kernels::reference
