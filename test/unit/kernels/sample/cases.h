// Rows of logits and the ways to choose from them that both skeletons of `sample` are compared over, with the reference's answers.
#pragma once
#include "kernels/sample/reference.h"
#include "test/unit/kernels/support.h"

#include <bit>

namespace r1::test {

struct SampleRows {
  int64_t vocab, stride, count = 0;
  std::vector<float> logits; // [count][stride], NaN between the rows
  std::vector<int32_t> options, draws, want;

  explicit SampleRows(int64_t vocab) : vocab(vocab), stride((vocab + 15) / 16 * 16) {}

  // temperature 0: greedy; top_p 1: all. `want` is the reference's.
  void add(const std::vector<float>& row, double temperature, int32_t top_k, double top_p, uint64_t draw) {
    logits.resize((count + 1) * stride, kNan);
    std::copy_n(row.begin(), vocab, logits.begin() + count * stride);
    const auto inverse = std::bit_cast<uint64_t>(temperature == 0 ? 0.0 : 1 / temperature);
    const int32_t words[] = {int32_t(uint32_t(inverse)), int32_t(inverse >> 32), top_k,
                             int32_t(top_p < 1 ? uint32_t(top_p * 0x1p32) : 0)};
    const int32_t random[] = {int32_t(uint32_t(draw)), int32_t(draw >> 32)};
    options.insert(options.end(), words, words + 4);
    draws.insert(draws.end(), random, random + 2);
    want.push_back(reference::sample(logits.data() + count * stride, vocab, words, random));
    ++count;
  }
};

inline uint64_t any_draw(Random& random) { return uint64_t(random.integer(0, (int64_t(1) << 53) - 1)); }

// Ordinary rows, rows full of equals, rows with -infinity, and rows that have no answer.
inline SampleRows sample_rows(int64_t vocab, uint64_t seed) {
  Random random(seed);
  SampleRows rows(vocab);
  constexpr uint64_t kLast = (uint64_t(1) << 53) - 1;
  auto row = [&](float deviation, float mean) {
    std::vector<float> v = random.normal(vocab, deviation);
    for (float& x : v)
      x += mean;
    return v;
  };
  struct Way {
    double temperature;
    int32_t top_k;
    double top_p;
  };
  const Way ways[] = {
      {0, 0, 1},      {1, 0, 1},        {0.6, 0, 0.95},           {0.7, 1, 1},
      {1, 40, 1},     {1.5, 40, 0.9},   {1, int32_t(vocab), 0.1}, {0.6, int32_t(vocab + 1), 1},
      {1000, 7, 0.5}, {1e-3, 0, 0.999}, {1e-40, 3, 0.99},         {2, int32_t((vocab + 1) / 2), 0.98}};
  for (const Way& way : ways)
    rows.add(row(way.top_p < 0.93 ? 3 : 1, way.top_k ? 0 : 20), way.temperature, way.top_k, way.top_p,
             any_draw(random));
  for (uint64_t draw : {uint64_t(0), kLast}) {
    rows.add(row(2, 0), 1, 0, 1, draw);
    rows.add(row(2, 0), 1, 0, 0.9, draw);
    rows.add(row(2, 0), 1, 5, 1, draw);
  }
  // Few values: most cuts fall among equals. Zeros of both signs are equal.
  for (const Way& way : ways) {
    std::vector<float> v(vocab);
    for (float& x : v)
      x = float(random.integer(0, 3) - 1) * 0.5f * (random.integer(0, 1) ? 1 : -1);
    rows.add(v, way.temperature, way.top_k, way.top_p, any_draw(random));
    rows.add(std::vector<float>(vocab, -3.0f), way.temperature, way.top_k, way.top_p, any_draw(random));
  }
  // Points where one token ends and the next begins.
  for (int64_t id : {1, 4, 32, 128, 512})
    if (id < vocab)
      rows.add(std::vector<float>(vocab, 1.0f), 1, 0, 1,
               uint64_t(((static_cast<unsigned __int128>(id) << 53) + vocab - 1) / vocab));
  // Neighbouring floats, huge ones, and a few tokens among -infinity.
  std::vector<float> close(vocab), huge = row(1e37f, 0), few(vocab, -kInfinity);
  for (float& x : close)
    x = std::bit_cast<float>(0x41a00000 + int32_t(random.integer(0, 9000)));
  for (int i = 0; i < 4; ++i)
    few[random.integer(0, vocab - 1)] = random.uniform(-1, 1);
  for (const Way& way : ways)
    for (const auto* v : {&close, &huge, &few})
      rows.add(*v, way.temperature, way.top_k, way.top_p, any_draw(random));
  // No answer.
  for (double temperature : {0.0, 1.0})
    for (float bad : {kNan, -kNan, kInfinity}) {
      std::vector<float> v = row(1, 0);
      v[random.integer(0, vocab - 1)] = bad;
      rows.add(v, temperature, 0, 1, 1);
    }
  rows.add(std::vector<float>(vocab, -kInfinity), 1, 0, 1, 1);
  rows.add(std::vector<float>(vocab, -kInfinity), 0, 0, 1, 1);
  rows.add(row(1, 0), 1, kNoSample, 1, 1);
  return rows;
}

} // namespace r1::test
