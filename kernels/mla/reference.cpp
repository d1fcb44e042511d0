#include "kernels/mla/reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace r1::kernels::reference {

namespace {

double dot(const float* a, const float* b, int64_t count) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i)
    sum += double(a[i]) * b[i];
  return sum;
}

// scores -> exp(score - max) in place; returns their sum. A NaN score makes every result NaN.
double exponentials(std::vector<double>& scores) {
  double largest = scores[0], sum = 0;
  for (double s : scores)
    largest = s <= largest ? largest : s;
  for (double& s : scores)
    sum += s = std::exp(s - largest);
  return sum;
}

} // namespace

void mla_plain(const float* q, const float* latent, const float* key, const float* w_uk, const float* w_uv,
               const int32_t* positions, const MlaShape& shape, float* out) {
  const int64_t context = *std::max_element(positions, positions + shape.tokens) + 1;
  std::vector<float> k(context * shape.nope); // of one head
  std::vector<float> v(context * shape.v);
  for (int64_t h = 0; h < shape.heads; ++h) {
    for (int64_t c = 0; c < context; ++c) {
      const float* from = latent + c * shape.kv_lora;
      for (int64_t i = 0; i < shape.nope; ++i)
        k[c * shape.nope + i] = float(dot(w_uk + (h * shape.nope + i) * shape.kv_lora, from, shape.kv_lora));
      for (int64_t i = 0; i < shape.v; ++i)
        v[c * shape.v + i] = float(dot(w_uv + (h * shape.v + i) * shape.kv_lora, from, shape.kv_lora));
    }
    for (int64_t t = 0; t < shape.tokens; ++t) {
      const float* query = q + (t * shape.heads + h) * (shape.nope + shape.rope);
      std::vector<double> p(positions[t] + 1);
      for (int64_t c = 0; c < int64_t(p.size()); ++c)
        p[c] = shape.scale * (dot(query, &k[c * shape.nope], shape.nope) +
                              dot(query + shape.nope, key + c * shape.rope, shape.rope));
      const double sum = exponentials(p);
      for (int64_t i = 0; i < shape.v; ++i) {
        double value = 0;
        for (int64_t c = 0; c < int64_t(p.size()); ++c)
          value += p[c] * v[c * shape.v + i];
        out[(t * shape.heads + h) * shape.v + i] = float(value / sum);
      }
    }
  }
}

void mla_absorbed(const float* q_latent, const float* q_rope, const float* latent, const float* key,
                  const int32_t* positions, const MlaShape& shape, float* out) {
  for (int64_t t = 0; t < shape.tokens; ++t)
    for (int64_t h = 0; h < shape.heads; ++h) {
      const int64_t row = t * shape.heads + h;
      std::vector<double> p(positions[t] + 1);
      for (int64_t c = 0; c < int64_t(p.size()); ++c)
        p[c] = shape.scale * (dot(q_latent + row * shape.kv_lora, latent + c * shape.kv_lora, shape.kv_lora) +
                              dot(q_rope + row * shape.rope, key + c * shape.rope, shape.rope));
      const double sum = exponentials(p);
      for (int64_t i = 0; i < shape.kv_lora; ++i) {
        double value = 0;
        for (int64_t c = 0; c < int64_t(p.size()); ++c)
          value += p[c] * latent[c * shape.kv_lora + i];
        out[row * shape.kv_lora + i] = float(value / sum);
      }
    }
}

void mla_absorb_query(const float* q_nope, int64_t head_stride, const float* w_uk, const MlaShape& shape,
                      float* q_latent) {
  for (int64_t t = 0; t < shape.tokens; ++t)
    for (int64_t h = 0; h < shape.heads; ++h) {
      const float* query = q_nope + (t * shape.heads + h) * head_stride;
      for (int64_t c = 0; c < shape.kv_lora; ++c) {
        double sum = 0;
        for (int64_t i = 0; i < shape.nope; ++i)
          sum += double(query[i]) * w_uk[(h * shape.nope + i) * shape.kv_lora + c];
        q_latent[(t * shape.heads + h) * shape.kv_lora + c] = float(sum);
      }
    }
}

void mla_expand_output(const float* out_latent, const float* w_uv, const MlaShape& shape, float* out) {
  for (int64_t t = 0; t < shape.tokens; ++t)
    for (int64_t h = 0; h < shape.heads; ++h)
      for (int64_t i = 0; i < shape.v; ++i)
        out[(t * shape.heads + h) * shape.v + i] =
            float(dot(w_uv + (h * shape.v + i) * shape.kv_lora,
                      out_latent + (t * shape.heads + h) * shape.kv_lora, shape.kv_lora));
}

void mla_combine(const float* parts, int64_t splits, int64_t width, float* out) {
  const int64_t stride = width + 2;
  double largest = -std::numeric_limits<double>::infinity(), sum = 0;
  for (int64_t s = 0; s < splits; ++s)
    largest = std::max<double>(largest, parts[s * stride + width]);
  std::vector<double> total(width, 0.0);
  for (int64_t s = 0; s < splits; ++s) {
    const float* part = parts + s * stride;
    const double weight = std::exp(part[width] - largest);
    sum += weight * part[width + 1];
    for (int64_t c = 0; c < width; ++c)
      total[c] += weight * part[c];
  }
  for (int64_t c = 0; c < width; ++c)
    out[c] = float(total[c] / sum);
}

} // namespace r1::kernels::reference
