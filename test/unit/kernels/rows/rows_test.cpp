// The rows and gather skeletons: norm, sum over experts and plain maps agree with the references; holes see
// each column once and nothing they leave behind the last column counts.
#include "kernels/rows/reference.h"
#include "test/unit/kernels/support.h"

R1_DECLARE_LEVELS(rows);
R1_DECLARE_LEVELS(gather);
R1_DECLARE_LEVELS(gather_words);

namespace r1::test {
namespace {

constexpr int64_t kStride = 272;

// What the test's holes read and write, behind the skeleton's own buffers: x, weight, out.
struct Operands {
  const float *x, *weight;
  float* out;
  int64_t combined;
};

const Operands& operands(void* const* buffers, int64_t at) {
  return *static_cast<const Operands*>(buffers[at]);
}

// v = x + incoming; lanes beyond count are spoilt on purpose.
template <int kAt>
void map(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  float* v = const_cast<float*>(values);
  const Operands& o = operands(buffers, kAt);
  for (int64_t i = 0; i < kLanes; ++i)
    v[i] = i < count ? v[i] + o.x[row * kStride + col + i] : 1e30f;
}

// out = v * rstd * weight.
template <int kAt>
void finish(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  const Operands& o = operands(buffers, kAt);
  for (int64_t i = 0; i < count; ++i)
    o.out[row * kStride + col + i] = values[i] * values[kLanes + i] * o.weight[col + i];
}

TEST(Rows, NormMatchesReference) {
  Random random(21);
  for (const NativeLevel& level : supported(R1_LEVELS(rows)))
    for (const int64_t cols : {1, 15, 16, 17, 64, 129, 256, 272})
      for (const int64_t rows : {1, 7, 65}) {
        SCOPED_TRACE(testing::Message() << level.name << " " << rows << "x" << cols);
        const std::vector<float> x = random.normal(rows * cols), weight = random.normal(cols);
        std::vector<float> want(rows * cols), got(rows * kStride, kNan);
        reference::rms_norm(x.data(), weight.data(), rows, cols, 1e-5, want.data());
        const std::vector<float> spread = strided(x, rows, cols, kStride);
        Operands o{spread.data(), weight.data(), got.data(), 0};
        run(level, "rows", RowsParams{cols, 1, 1e-5, 0, 0}, {map<0>, finish<0>}, {&o}, {rows, 1, 1}, rows);
        expect_close("norm", dense(got, rows, cols, kStride), want, 1e-6, 1e-5);
      }
}

TEST(Rows, CombineAddsExpertsInOrder) {
  Random random(22);
  for (const NativeLevel& level : supported(R1_LEVELS(rows)))
    for (const int64_t k : {1, 3, 8})
      for (const int64_t norm : {0, 1}) {
        SCOPED_TRACE(testing::Message() << level.name << " k " << k << " norm " << norm);
        const int64_t rows = 7, cols = 100, y_stride = 112;
        const std::vector<float> y = random.normal(rows * k * cols), weights = random.normal(rows * k);
        const std::vector<float> x = random.normal(rows * cols), gain = random.normal(cols);
        std::vector<float> want(rows * cols), got(rows * kStride, kNan);
        reference::combine(y.data(), weights.data(), rows, k, cols, want.data());
        for (int64_t i = 0; i < rows * cols; ++i)
          want[i] += x[i];
        if (norm)
          reference::rms_norm(want.data(), gain.data(), rows, cols, 1e-6, want.data());
        else
          for (int64_t i = 0; i < rows * cols; ++i)
            want[i] *= gain[i % cols];
        const std::vector<float> spread = strided(x, rows, cols, kStride),
                                 wide = strided(y, rows * k, cols, y_stride);
        Operands o{spread.data(), gain.data(), got.data(), k};
        run(level, "rows", RowsParams{cols, norm, 1e-6, k, y_stride}, {map<2>, finish<2>},
            {const_cast<float*>(wide.data()), const_cast<float*>(weights.data()), &o}, {rows, 1, 1}, rows);
        expect_close("combine", dense(got, rows, cols, kStride), want, 2e-6, 1e-5);
      }
}

// The model's epsilon counts: with values this small 1e-5 and 1e-6 differ by a factor (R1.md 1.5, item 5).
TEST(Rows, EpsilonIsTheConfigsOwn) {
  for (const NativeLevel& level : supported(R1_LEVELS(rows)))
    for (const double epsilon : {1e-5, 1e-6}) {
      const int64_t cols = 64;
      std::vector<float> x(cols, 1e-3f), weight(cols, 1.0f), got(kStride);
      Operands o{x.data(), weight.data(), got.data(), 0};
      run(level, "rows", RowsParams{cols, 1, epsilon, 0, 0}, {map<0>, finish<0>}, {&o}, {1, 1, 1}, 1);
      EXPECT_NEAR(got[0], 1e-3 / std::sqrt(1e-6 + epsilon), 1e-5) << level.name;
    }
}

TEST(Rows, NanStaysInItsRow) {
  for (const NativeLevel& level : supported(R1_LEVELS(rows))) {
    const int64_t rows = 3, cols = 40;
    std::vector<float> x(rows * kStride, 1.0f), weight(cols, 1.0f), got(rows * kStride);
    x[kStride + 39] = kNan;
    Operands o{x.data(), weight.data(), got.data(), 0};
    run(level, "rows", RowsParams{cols, 1, 1e-6, 0, 0}, {map<0>, finish<0>}, {&o}, {rows, 1, 1}, rows);
    for (int64_t c = 0; c < cols; ++c) {
      EXPECT_FALSE(std::isnan(got[c])) << level.name;
      EXPECT_TRUE(std::isnan(got[kStride + c])) << level.name;
      EXPECT_FALSE(std::isnan(got[2 * kStride + c])) << level.name;
    }
  }
}

// Buffers: x, rows, out f32 [rows][kStride].
void store_gathered(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  std::copy_n(values, count, static_cast<float*>(buffers[2]) + row * kStride + col);
}

TEST(Gather, PicksRows) {
  Random random(23);
  for (const NativeLevel& level : supported(R1_LEVELS(gather)))
    for (const int64_t type : {kF32, kBF16}) {
      const int64_t tokens = 9, cols = 77, stride = 80;
      const std::vector<float> x = rounded(random.normal(tokens * cols));
      std::vector<float> wide = strided(x, tokens, cols, stride);
      std::vector<uint16_t> narrow = strided(to_bf16(x), tokens, cols, stride);
      std::vector<int32_t> picked = {8, 0, 3, 3};
      std::vector<float> want(4 * cols), got(4 * kStride);
      reference::gather(x.data(), picked.data(), 4, cols, want.data());
      void* source = type == kBF16 ? static_cast<void*>(narrow.data()) : wide.data();
      run(level, "gather", GatherParams{cols, stride, type}, {store_gathered},
          {source, picked.data(), got.data()}, {tokens, 4, 1}, 4);
      EXPECT_EQ(dense(got, 4, cols, kStride), want) << level.name;
    }
}

TEST(GatherWords, PicksWords) {
  Random random(29);
  for (const NativeLevel& level : supported(R1_LEVELS(gather_words)))
    for (const int64_t count : {1, 255, 256, 257, 600}) {
      std::vector<int32_t> x(count * 2), rows(count), want, got(count + 1, -77);
      for (size_t i = 0; i < x.size(); ++i)
        x[i] = int32_t(i * 2654435761u);
      for (int32_t& row : rows)
        want.push_back(x[row = int32_t(random.integer(0, int64_t(x.size()) - 1))]);
      want.push_back(-77); // behind the last row
      run(level, "gather_words", GatherWordsParams{256}, {}, {x.data(), rows.data(), got.data()},
          {count, count, 1}, (count + 255) / 256);
      EXPECT_EQ(got, want) << level.name << " " << count;
    }
}

} // namespace
} // namespace r1::test
