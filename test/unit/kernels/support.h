// What the conformance tests of skeletons share: seeded inputs, narrow types, and a way to run a skeleton
// that finds reads of stale scratch, writes past scratch and results that depend on how tiles are divided
// among threads.
#pragma once
#include "kernels/common/numeric.h"
#include "kernels/native/levels.h"
#include "kernels/registry/params.h"
#include "kernels/registry/registry.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace r1::test {

using namespace kernels;

// The levels this machine runs.
inline std::vector<NativeLevel> supported(std::vector<NativeLevel> levels) {
  std::erase_if(levels, [](const NativeLevel& level) { return !level.supported; });
  return levels;
}

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

class Random {
public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  float uniform(float low, float high) { return std::uniform_real_distribution<float>(low, high)(engine_); }
  int64_t integer(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(engine_);
  }
  std::vector<float> normal(int64_t count, float deviation = 1) {
    std::normal_distribution<float> distribution(0, deviation);
    std::vector<float> values(count);
    for (float& v : values)
      v = distribution(engine_);
    return values;
  }
  template <class T> void shuffle(std::vector<T>& values) {
    std::shuffle(values.begin(), values.end(), engine_);
  }

private:
  std::mt19937_64 engine_;
};

inline std::vector<uint16_t> to_bf16(const std::vector<float>& values) {
  std::vector<uint16_t> out(values.size());
  std::transform(values.begin(), values.end(), out.begin(), bf16_from_f32);
  return out;
}

inline std::vector<float> from_bf16(const std::vector<uint16_t>& values) {
  std::vector<float> out(values.size());
  std::transform(values.begin(), values.end(), out.begin(), f32_from_bf16);
  return out;
}

// Values as bf16 can hold them, so that a reference and a bf16 kernel see the same inputs.
inline std::vector<float> rounded(const std::vector<float>& values) { return from_bf16(to_bf16(values)); }

// [rows][cols] -> [rows][stride]; what lies between is NaN, so that reading it shows.
template <class T>
std::vector<T> strided(const std::vector<T>& dense, int64_t rows, int64_t cols, int64_t stride) {
  std::vector<T> out(rows * stride);
  std::memset(out.data(), 0xff, out.size() * sizeof(T));
  for (int64_t r = 0; r < rows; ++r)
    std::copy_n(dense.begin() + r * cols, cols, out.begin() + r * stride);
  return out;
}

// The reverse: rows of `stride` back to rows of `cols`.
template <class T>
std::vector<T> dense(const std::vector<T>& spread, int64_t rows, int64_t cols, int64_t stride) {
  std::vector<T> out(rows * cols);
  for (int64_t r = 0; r < rows; ++r)
    std::copy_n(spread.begin() + r * stride, cols, out.begin() + r * cols);
  return out;
}

// Each element within absolute + relative * |want|; NaN matches only NaN.
inline void expect_close(const std::string& name, const std::vector<float>& got,
                         const std::vector<float>& want, double absolute, double relative) {
  ASSERT_EQ(got.size(), want.size()) << name;
  double dot = 0, got2 = 0, want2 = 0, worst = 0;
  int64_t bad = -1, count = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(double(got[i]) - want[i]);
    const bool both_nan = std::isnan(got[i]) && std::isnan(want[i]);
    if (!both_nan && !(error <= absolute + relative * std::abs(double(want[i])))) {
      bad = bad < 0 ? int64_t(i) : bad;
      ++count;
    }
    worst = error > worst ? error : worst;
    dot += double(got[i]) * want[i];
    got2 += double(got[i]) * got[i];
    want2 += double(want[i]) * want[i];
  }
  EXPECT_LT(bad, 0) << name << ": " << count << " of " << got.size() << " elements differ, the first at "
                    << bad << ": " << got[bad] << ", expected " << want[bad] << "; largest error " << worst
                    << ", cosine " << dot / std::sqrt(got2 * want2);
}

// |got - want| / |want|, NaN where either holds one.
inline double frobenius(const std::vector<float>& got, const std::vector<float>& want) {
  double error = 0, size = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    error += (double(got[i]) - want[i]) * (double(got[i]) - want[i]);
    size += double(want[i]) * want[i];
  }
  return std::sqrt(error / size);
}

inline void expect_frobenius(const std::string& name, const std::vector<float>& got,
                             const std::vector<float>& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size()) << name;
  const double error = frobenius(got, want);
  EXPECT_TRUE(error <= tolerance) << name << ": relative Frobenius error " << error << ", at most "
                                  << tolerance;
}

template <class Params>
void run(const NativeLevel& level, const char* name, const Params& params, std::vector<Hole> holes,
         std::vector<void*> buffers, std::vector<int64_t> dims, int64_t tiles, uint64_t seed = 1) {
  const Skeleton* skeleton = find_skeleton(name);
  ASSERT_NE(skeleton, nullptr) << name;
  ASSERT_EQ(skeleton->params.size() * 8, sizeof(Params)) << name << ": registry row and struct differ";
  int64_t words[sizeof(Params) / 8];
  std::memcpy(words, &params, sizeof params);
  const int64_t bytes = skeleton->scratch_bytes(words), guard = 256;

  std::vector<int64_t> cuts = {0, tiles};
  Random random(seed);
  for (int i = 0; i < 3 && tiles > 0; ++i)
    cuts.push_back(random.integer(0, tiles));
  std::sort(cuts.begin(), cuts.end());
  std::vector<size_t> parts(cuts.size() - 1);
  for (size_t i = 0; i < parts.size(); ++i)
    parts[i] = i;
  random.shuffle(parts);
  for (size_t part : parts) {
    auto* scratch = static_cast<uint8_t*>(std::aligned_alloc(64, (bytes + guard + 63) / 64 * 64));
    std::memset(scratch, 0xff, bytes + guard); // NaN as float and as bf16
    level.run(buffers.data(), dims.data(), cuts[part], cuts[part + 1], scratch, &params, holes.data());
    for (int64_t i = 0; i < guard; ++i)
      ASSERT_EQ(scratch[bytes + i], 0xff)
          << name << " " << level.name << " wrote " << i << " bytes past its scratch";
    std::free(scratch);
  }
}

} // namespace r1::test
