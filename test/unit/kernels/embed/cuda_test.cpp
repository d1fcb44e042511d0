// The embed skeleton for CUDA hands every column of a token's row to the hole once, exactly, whatever the width and type.
#include "kernels/embed/cuda.h"
#include "kernels/embed/reference.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

constexpr int64_t kWidth = 7184;

template <int64_t kCols, int64_t kType> struct Config {
  static constexpr long long cols = kCols, table_type = kType;
};

// out f32[token][kWidth] += element
struct Holes {
  template <int V>
  static void finish(const cuda::Arguments& a, int row, int col, int count, float (&values)[1][V]) {
    float sum[V];
    cuda::load_lanes(a.in<float>(2) + row * kWidth + col, count, sum);
    for (int i = 0; i < V; ++i)
      sum[i] += values[0][i];
    cuda::store_lanes(a.out<float>(2) + row * kWidth + col, count, sum);
  }
};

template <class Config> void check() {
  const int64_t vocab = 11, cols = Config::cols, tokens = 7;
  Random random(cols);
  std::vector<float> table = rounded(random.normal(vocab * cols));
  std::vector<uint16_t> narrow = to_bf16(table);
  std::vector<int32_t> ids = {0, 10, 3, 3, 9, 1, 0, INT32_MAX}; // the last one is outside the step
  std::vector<float> want(tokens * cols);
  reference::embed(ids.data(), table.data(), tokens, cols, want.data());
  void* source = Config::table_type == kBF16 ? static_cast<void*>(narrow.data()) : table.data();
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << "cols " << cols << " type " << Config::table_type << " " << run);
    std::vector<float> got((tokens + 1) * kWidth);
    run_cuda<cuda::Embed<Config, Holes>>(run, {ids.data(), source, got.data()}, {tokens, 1, 1}, tokens + 1);
    EXPECT_EQ(dense(got, tokens, cols, kWidth), want);
    for (int64_t i = 0; i < int64_t(got.size()); ++i)
      if (i % kWidth >= cols || i / kWidth == tokens) {
        ASSERT_EQ(got[i], 0) << "wrote outside the rows, element " << i;
      }
  }
}

TEST(CudaEmbed, MatchesReference) {
  check<Config<1, kF32>>();
  check<Config<7, kBF16>>();
  check<Config<129, kF32>>();
  check<Config<130, kBF16>>();
  check<Config<2048, kBF16>>();
  check<Config<7168, kF32>>();
  check<Config<7168, kBF16>>();
}

} // namespace
} // namespace r1::test
