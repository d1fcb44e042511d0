// Random matrices for kernel tests, in every form a test needs: packed for the kernel, as floats for the
// reference.
#pragma once
#include "kernels/common/numeric.h"
#include "kernels/registry/layout.h"

#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

namespace r1::test {

using Random = std::mt19937;

inline int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// 64-byte aligned memory of exactly `bytes`: reading or writing past it is visible to AddressSanitizer.
template <class T> struct Aligned {
  explicit Aligned(int64_t count)
      : data(static_cast<T*>(std::aligned_alloc(64, size_t(round_up(count * sizeof(T), 64))))) {}
  ~Aligned() { std::free(data); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  T* data;
};

struct Weights {
  kernels::PackShape shape;
  std::vector<float> values; // [batch][accumulators][n][k]: what the packed weights mean, scale applied in
                             // double then rounded
  std::unique_ptr<Aligned<uint8_t>> packed;
  std::unique_ptr<Aligned<float>> scales; // f8 only

  float& at(int64_t b, int64_t a, int64_t j, int64_t i) {
    return values[((b * shape.accumulators + a) * shape.n + j) * shape.k + i];
  }
};

inline Weights random_bf16_weights(const kernels::PackShape& s, Random& random) {
  Weights w{s, std::vector<float>(s.batch * s.accumulators * s.n * s.k), nullptr, nullptr};
  w.packed = std::make_unique<Aligned<uint8_t>>(kernels::vnni16_bytes(s));
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<uint16_t> raw(s.n * s.k);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a) {
      for (int64_t i = 0; i < s.n * s.k; ++i) {
        raw[i] = kernels::bf16_from_f32(uniform(random));
        w.at(b, a, 0, i) = kernels::f32_from_bf16(raw[i]);
      }
      kernels::pack_vnni16(s, b, a, 0, s.n, raw.data(), s.k, false,
                           reinterpret_cast<uint16_t*>(w.packed->data));
    }
  return w;
}

// Every finite code is as likely as any other, so subnormals abound.
inline Weights random_f8_weights(const kernels::PackShape& s, Random& random) {
  Weights w{s, std::vector<float>(s.batch * s.accumulators * s.n * s.k), nullptr, nullptr};
  w.packed = std::make_unique<Aligned<uint8_t>>(kernels::vnni16_f8_bytes(s));
  w.scales = std::make_unique<Aligned<float>>(kernels::scales_bytes(s) / 4);
  std::uniform_real_distribution<float> uniform(0.001f, 0.01f);
  const int64_t scale_columns = round_up(s.k, 128) / 128;
  std::vector<uint8_t> raw(s.n * s.k);
  std::vector<float> scales(round_up(s.n, 128) / 128 * scale_columns);
  for (int64_t b = 0; b < s.batch; ++b)
    for (int64_t a = 0; a < s.accumulators; ++a) {
      for (float& scale : scales)
        scale = uniform(random);
      for (int64_t i = 0; i < s.n * s.k; ++i) {
        do
          raw[i] = uint8_t(random());
        while ((raw[i] & 0x7f) == 0x7f);
        w.at(b, a, 0, i) =
            kernels::f32_from_e4m3(raw[i]) * scales[i / s.k / 128 * scale_columns + i % s.k / 128];
      }
      kernels::pack_vnni16_f8(s, b, a, 0, s.n, raw.data(), s.k, w.packed->data);
      kernels::pack_scales(s, b, a, 0, s.n, scales.data(), scale_columns, w.scales->data);
    }
  return w;
}

} // namespace r1::test
