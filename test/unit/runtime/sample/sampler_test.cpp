// Samples follow the distribution that temperature, top-k and top-p define, and depend on seed and logits alone.
#include "runtime/sample/sampler.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>
#include <random>

namespace r1 {
namespace {

// The distribution, computed the slow way.
std::vector<double> expected(const std::vector<float>& logits, const Sampling& s) {
  std::vector<size_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return logits[a] > logits[b]; });
  std::vector<double> p(logits.size());
  double total = 0;
  size_t k = s.top_k ? std::min<size_t>(size_t(s.top_k), order.size()) : order.size();
  for (size_t i = 0; i < k; ++i)
    total += p[order[i]] =
        std::exp((double(logits[order[i]]) - double(logits[order[0]])) / double(s.temperature));
  double kept = 0;
  for (size_t i : order) {
    if (kept >= total * double(s.top_p))
      p[i] = 0;
    kept += p[i];
  }
  for (double& x : p)
    x /= kept;
  return p;
}

TEST(Sampler, DistributionByChiSquare) {
  std::mt19937 rng(5);
  std::normal_distribution<float> normal(0, 2);
  for (Sampling s : {Sampling{1, 1, 0, 1}, Sampling{0.6f, 0.95f, 0, 2}, Sampling{1.5f, 0.5f, 0, 3},
                     Sampling{1, 1, 5, 4}, Sampling{0.8f, 0.9f, 7, 5}}) {
    std::vector<float> logits(40);
    for (float& l : logits)
      l = normal(rng);
    logits[3] = -INFINITY;
    std::vector<double> p = expected(logits, s);
    std::vector<int> counts(logits.size());
    Sampler sampler(s);
    const int draws = 40000;
    for (int i = 0; i < draws; ++i)
      ++counts[size_t(*sampler.next(logits))];
    double chi = 0;
    int classes = 0;
    for (size_t i = 0; i < p.size(); ++i) {
      if (p[i] == 0) {
        EXPECT_EQ(counts[i], 0) << "token " << i << " is outside the nucleus";
      }
      if (p[i] * draws < 5)
        continue;
      chi += std::pow(counts[i] - p[i] * draws, 2) / (p[i] * draws);
      ++classes;
    }
    // Mean classes - 1, variance twice that: five standard deviations never happen by chance here.
    EXPECT_LT(chi, classes + 5 * std::sqrt(2.0 * classes))
        << "temperature " << s.temperature << " top-p " << s.top_p << " top-k " << s.top_k;
  }
}

TEST(Sampler, SeedDecides) {
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float(std::sin(double(i)));
  auto run = [&](uint64_t seed, uint64_t sequence) {
    Sampler sampler({1, 0.9f, 0, seed}, sequence);
    std::vector<int32_t> ids;
    for (int i = 0; i < 20; ++i)
      ids.push_back(*sampler.next(logits));
    return ids;
  };
  EXPECT_EQ(run(1, 0), run(1, 0));
  EXPECT_NE(run(1, 0), run(2, 0));
  EXPECT_NE(run(1, 0), run(1, 1));
}

// The generator is a published contract: a seed gives these tokens on every machine and in every version.
TEST(Sampler, TheContractOfTheSeed) {
  std::vector<float> logits(64);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = float(i % 8) * 0.25f;
  Sampler sampler({0.7f, 0.95f, 0, 42});
  std::vector<int32_t> ids;
  for (int i = 0; i < 8; ++i)
    ids.push_back(*sampler.next(logits));
  EXPECT_EQ(ids, (std::vector<int32_t>{63, 60, 59, 21, 45, 23, 2, 22}));
}

TEST(Sampler, GreedyTakesTheFirstOfEquals) {
  Sampler sampler(Sampling{});
  EXPECT_EQ(*sampler.next(std::vector<float>{1, 3, 2, 3}), 1);
}

TEST(Sampler, BadLogitsAreAnError) {
  for (float temperature : {0.0f, 1.0f}) {
    Sampler sampler({temperature, 1, 0, 0});
    for (auto logits : {std::vector<float>{1, NAN, 2}, {NAN, 1}, {INFINITY, 1}, {-INFINITY, -INFINITY}, {}})
      EXPECT_EQ(sampler.next(logits).status().code(), Code::kDevice);
  }
}

TEST(Sampler, BadOptionsAreNamed) {
  EXPECT_NE(check_sampling({-1, 1, 0, 0}).message().find("temperature"), std::string::npos);
  EXPECT_NE(check_sampling({NAN, 1, 0, 0}).message().find("temperature"), std::string::npos);
  EXPECT_NE(check_sampling({1, 0, 0, 0}).message().find("top-p"), std::string::npos);
  EXPECT_NE(check_sampling({1, 1.5f, 0, 0}).message().find("top-p"), std::string::npos);
  EXPECT_NE(check_sampling({1, 1, -1, 0}).message().find("top-k"), std::string::npos);
  EXPECT_TRUE(check_sampling({0.6f, 0.95f, 50, 0}).ok());
}

} // namespace
} // namespace r1
