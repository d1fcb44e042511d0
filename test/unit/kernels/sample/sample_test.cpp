// The sample skeleton for CPUs chooses the reference's ids on every level; the reference's draws follow the distribution that the
// options define.
#include "test/unit/kernels/sample/cases.h"

R1_DECLARE_LEVELS(sample);

namespace r1::test {
namespace {

TEST(Sample, IsTheReference) {
  for (const NativeLevel& level : supported(R1_LEVELS(sample)))
    for (const int64_t vocab : {1, 2, 7, 16, 129, 1000, 9001}) {
      SampleRows rows = sample_rows(vocab, uint64_t(vocab));
      std::vector<int32_t> got(rows.count, -7);
      run(level, "sample", SampleParams{vocab, rows.stride}, {},
          {rows.logits.data(), rows.options.data(), rows.draws.data(), got.data()}, {1, rows.count, 1},
          rows.count);
      for (int64_t r = 0; r < rows.count; ++r)
        EXPECT_EQ(got[r], rows.want[r]) << level.name << " vocab " << vocab << " row " << r;
    }
}

// A row without an answer stays so wherever the reason stands, and others have one.
TEST(Sample, Answers) {
  const SampleRows rows = sample_rows(129, 1);
  int64_t none = 0;
  for (int32_t id : rows.want) {
    EXPECT_LT(id, 129);
    none += id < 0;
  }
  EXPECT_EQ(none, 9);
}

TEST(Sample, GreedyTakesTheFirstOfEquals) {
  SampleRows rows(4);
  rows.add({1, 3, 2, 3}, 0, 0, 1, 0);
  rows.add({-1, -0.0f, 0.0f, -1}, 0, 0, 1, 0);
  EXPECT_EQ(rows.want, (std::vector<int32_t>{1, 1}));
}

// The weight is the exponential's to 2^-40, 2^40 at the largest, and never grows where the logit falls.
TEST(Sample, Weights) {
  EXPECT_EQ(reference::sample_weight(3, 3, 1.7), uint64_t(1) << 40);
  EXPECT_EQ(reference::sample_weight(-kInfinity, 3, 1), 0u);
  uint64_t last = uint64_t(1) << 40;
  for (float x = 0; x > -40; x -= 0.0137f) {
    const uint64_t w = reference::sample_weight(x, 0, 1);
    EXPECT_NEAR(double(w), std::exp(double(x)) * 0x1p40, 1.01) << x;
    EXPECT_LE(w, last) << x;
    last = w;
  }
}

// The distribution, computed the slow way.
std::vector<double> expected(const std::vector<float>& logits, double temperature, int32_t top_k,
                             double top_p) {
  std::vector<size_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i)
    order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return logits[a] != logits[b] ? logits[a] > logits[b] : a < b; });
  std::vector<double> p(logits.size());
  double total = 0, kept = 0;
  for (size_t i = 0; i < (top_k ? std::min<size_t>(size_t(top_k), order.size()) : order.size()); ++i)
    total += p[order[i]] = std::exp((double(logits[order[i]]) - double(logits[order[0]])) / temperature);
  for (size_t i : order) {
    if (kept >= total * top_p)
      p[i] = 0;
    kept += p[i];
  }
  for (double& x : p)
    x /= kept;
  return p;
}

TEST(Sample, DistributionByChiSquare) {
  struct Way {
    double temperature;
    int32_t top_k;
    double top_p;
  };
  Random random(5);
  for (const Way& way : {Way{1, 0, 1}, {0.6, 0, 0.95}, {1.5, 0, 0.5}, {1, 5, 1}, {0.8, 7, 0.9}}) {
    std::vector<float> logits = random.normal(40, 2);
    logits[3] = -kInfinity;
    const std::vector<double> p = expected(logits, way.temperature, way.top_k, way.top_p);
    const int draws = 40000;
    SampleRows rows(40);
    for (int i = 0; i < draws; ++i)
      rows.add(logits, way.temperature, way.top_k, way.top_p, any_draw(random));
    std::vector<int> counts(logits.size());
    for (int32_t id : rows.want)
      ++counts[size_t(id)];
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
        << "temperature " << way.temperature << " top-p " << way.top_p << " top-k " << way.top_k;
  }
}

} // namespace
} // namespace r1::test
