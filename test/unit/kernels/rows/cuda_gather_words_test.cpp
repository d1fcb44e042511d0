// The gather_words skeleton for CUDA picks words exactly, in less than a tile and in several, and touches nothing else.
#include "kernels/rows/cuda_gather_words.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

struct Config {
  static constexpr long long tile = 256;
};

struct NoHoles {};

TEST(CudaGatherWords, PicksWords) {
  Random random(31);
  for (const int count : {1, 7, 255, 256, 257, 600}) {
    std::vector<int32_t> x(count * 2), rows(count + 1), want;
    for (size_t i = 0; i < x.size(); ++i)
      x[i] = int32_t(i * 2654435761u);
    for (int32_t& row : rows)
      row = int32_t(random.integer(0, int64_t(x.size()) - 1));
    for (int i = 0; i < count; ++i)
      want.push_back(x[rows[i]]);
    want.push_back(-77); // behind the last row
    for (const CudaRun& run : cuda_runs()) {
      SCOPED_TRACE(testing::Message() << count << " rows " << run);
      std::vector<int32_t> got(count + 1, -77);
      // A bucket may have more tiles than the rows fill.
      run_cuda<cuda::GatherWords<Config, NoHoles>>(run, {x.data(), rows.data(), got.data()},
                                                   {count, count, 1}, count / 256 + 2);
      EXPECT_EQ(got, want);
    }
  }
}

} // namespace
} // namespace r1::test
