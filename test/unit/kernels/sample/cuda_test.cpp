// The sample skeleton for CUDA chooses the reference's ids, whatever the schedule: it computes with integers.
#include "kernels/sample/cuda.h"
#include "test/unit/kernels/cuda_support.h"
#include "test/unit/kernels/sample/cases.h"

namespace r1::test {
namespace {

template <int64_t kVocab> struct Config {
  static constexpr long long vocab = kVocab, stride = (kVocab + 15) / 16 * 16;
};
struct Holes {};

template <int64_t kVocab> void check(const SampleRows& rows, const CudaRun& run) {
  // Under a sanitizer a few rows do: how a row is taken, not what it holds, decides what is looked for.
  const int64_t count = kSanitized ? std::min<int64_t>(rows.count, 20) : rows.count;
  std::vector<float> logits = rows.logits;
  std::vector<int32_t> options = rows.options, draws = rows.draws, got(count + 1, -7);
  run_cuda<cuda::Sample<Config<kVocab>, Holes>>(
      run, {logits.data(), options.data(), draws.data(), got.data()}, {int(count), -1, -1}, int(count) + 1);
  for (int64_t r = 0; r < count; ++r)
    EXPECT_EQ(got[r], rows.want[r]) << "vocab " << kVocab << " row " << r << " " << run;
  EXPECT_EQ(got[count], -7) << "chose for a row outside the step";
}

template <int64_t... kVocabs> void check_all() {
  for (const CudaRun& run : cuda_runs())
    (check<kVocabs>(sample_rows(kVocabs, kVocabs), run), ...);
}

TEST(CudaSample, IsTheReference) { check_all<1, 2, 7, 129, 1000>(); }

TEST(CudaSample, LargeVocabulary) {
  const SampleRows rows = sample_rows(9001, 5);
  check<9001>(rows, cuda_runs().front());
  check<9001>(rows, cuda_runs().back());
}

// R1's: one row for each way alone, many weights in many bins.
TEST(CudaSample, WholeVocabulary) {
  constexpr int64_t kVocab = 129280;
  Random random(3);
  SampleRows rows(kVocab);
  rows.add(random.normal(kVocab, 3), 0, 0, 1, 0);
  rows.add(random.normal(kVocab, 1), 1, 0, 1, any_draw(random));
  rows.add(random.normal(kVocab, 1), 0.6, 0, 0.95, any_draw(random));
  rows.add(random.normal(kVocab, 1), 1, 50, 0.9, any_draw(random));
  check<kVocab>(rows, cuda_runs().front());
}

// The arithmetic bit for bit. A rounding that differs shows in one weight of some thousand, among heavy ones.
TEST(CudaSample, Weights) {
  Random random(9);
  for (int i = 0; i < 500000; ++i) {
    const float top = random.uniform(-30, 30), logit = top - random.uniform(0, i % 4 ? 2 : 30);
    const double inverse = 1 / double(random.uniform(0.1f, 2));
    ASSERT_EQ(cuda::sample_weight(logit, top, inverse), reference::sample_weight(logit, top, inverse))
        << logit << " " << top << " " << inverse;
  }
}

// Shares are rounded up and points down, in 128 bits.
TEST(CudaSample, Shares) {
  using u128 = unsigned __int128;
  Random random(10);
  for (int i = 0; i < 20000; ++i) {
    const uint64_t total = uint64_t(random.integer(1, (int64_t(1) << random.integer(1, 62)))),
                   draw = any_draw(random);
    const uint32_t part = uint32_t(random.integer(1, UINT32_MAX));
    ASSERT_EQ(cuda::sample_share(total, part), uint64_t((u128(total) * part + UINT32_MAX) >> 32));
    ASSERT_EQ(cuda::sample_point(draw, total), uint64_t(u128(draw) * total >> 53));
  }
}

} // namespace
} // namespace r1::test
