// Rotary tables and rotations agree with the references at any position, in both pair orders, in place and
// not.
#include "kernels/rows/reference.h"
#include "test/unit/kernels/support.h"

R1_DECLARE_LEVELS(rope_table);
R1_DECLARE_LEVELS(rope);

namespace r1::test {
namespace {

std::vector<float> frequencies(int64_t rope, double theta = 10000) {
  std::vector<float> inv_freq(rope / 2);
  for (int64_t i = 0; i < rope / 2; ++i)
    inv_freq[i] = float(std::pow(theta, -2.0 * double(i) / double(rope)));
  return inv_freq;
}

TEST(RopeTable, AccurateToTheLastPosition) {
  for (const NativeLevel& level : supported(R1_LEVELS(rope_table)))
    for (const int64_t rope : {2, 16, 40, 64}) {
      SCOPED_TRACE(testing::Message() << level.name << " rope " << rope);
      std::vector<int32_t> positions = {0, 1, 2, 63, 4095, 163839, 1048575, (1 << 24) - 1};
      const int64_t tokens = int64_t(positions.size());
      const int64_t stride = (rope + 15) / 16 * 16;
      std::vector<float> inv_freq = frequencies(rope), want(tokens * rope), got(tokens * stride, kNan);
      reference::rope_table(positions.data(), inv_freq.data(), tokens, rope, 1, want.data());
      run(level, "rope_table", RopeTableParams{rope, 1}, {}, {positions.data(), inv_freq.data(), got.data()},
          {tokens, 1, 1}, tokens);
      expect_close("rope_table", dense(got, tokens, rope, stride), want, 1e-7, 0);
    }
}

// R1's two mscales agree, so the table must be a unit circle: scaling it as well as the softmax is a
// published mistake (R1.md 1.5, item 4).
TEST(RopeTable, ScaleOneIsTheUnitCircle) {
  Random random(31);
  for (const NativeLevel& level : supported(R1_LEVELS(rope_table)))
    for (const double scale : {1.0, 1.2608}) {
      std::vector<int32_t> positions(50);
      for (int32_t& p : positions)
        p = int32_t(random.integer(0, 1 << 20));
      std::vector<float> inv_freq = frequencies(64), table(50 * 64);
      run(level, "rope_table", RopeTableParams{64, scale}, {},
          {positions.data(), inv_freq.data(), table.data()}, {50, 1, 1}, 50);
      for (int64_t t = 0; t < 50; ++t)
        for (int64_t i = 0; i < 32; ++i)
          ASSERT_NEAR(std::hypot(table[t * 64 + i], table[t * 64 + 32 + i]), scale, 1e-6) << level.name;
    }
}

struct Case {
  int64_t heads, head_dim, offset, rope, interleaved;
};

TEST(Rope, MatchesReference) {
  Random random(32);
  for (const NativeLevel& level : supported(R1_LEVELS(rope)))
    for (const Case c : {Case{3, 192, 128, 64, 1}, Case{3, 192, 128, 64, 0}, Case{1, 24, 0, 24, 1},
                         Case{2, 40, 8, 24, 0}, Case{5, 47, 5, 2, 1}, Case{1, 64, 0, 64, 0}})
      for (const int64_t types : {0, 1, 2, 3}) {
        SCOPED_TRACE(testing::Message() << level.name << " head_dim " << c.head_dim << " rope " << c.rope
                                        << " interleaved " << c.interleaved << " types " << types);
        const int64_t tokens = 7, cols = c.heads * c.head_dim, x_stride = cols + 5, y_stride = cols + 16;
        const int64_t x_type = types & 1, y_type = types >> 1;
        const std::vector<float> x = rounded(random.normal(tokens * cols));
        const std::vector<float> table = random.normal(tokens * c.rope);
        std::vector<float> want(tokens * cols);
        reference::rope(x.data(), table.data(),
                        {tokens, c.heads, c.head_dim, c.offset, c.rope, c.interleaved != 0}, want.data());
        std::vector<float> rows = strided(table, tokens, c.rope, (c.rope + 15) / 16 * 16);
        std::vector<float> x32 = strided(x, tokens, cols, x_stride), y32(tokens * y_stride, kNan);
        std::vector<uint16_t> x16 = strided(to_bf16(x), tokens, cols, x_stride),
                              y16(tokens * y_stride, 0xffff);
        run(level, "rope",
            RopeParams{c.heads, c.head_dim, c.offset, c.rope, c.interleaved, x_stride, y_stride, x_type,
                       y_type},
            {},
            {x_type ? static_cast<void*>(x16.data()) : x32.data(), rows.data(),
             y_type ? static_cast<void*>(y16.data()) : y32.data()},
            {tokens, 1, 1}, tokens);
        const std::vector<float> got = y_type ? from_bf16(y16) : y32;
        expect_close("rope", dense(got, tokens, cols, y_stride), want, y_type ? 1e-6 : 1e-5,
                     y_type ? 0.00391 : 1e-5);
        for (int64_t t = 0; t < tokens; ++t)
          for (int64_t i = cols; i < y_stride; ++i)
            ASSERT_TRUE(std::isnan(got[t * y_stride + i])) << "wrote past the row";
      }
}

// Interleaved pairs and halves are different functions (optimum-intel PR 1877 took one for the other).
TEST(Rope, InterleavedIsNotRotateHalf) {
  for (const NativeLevel& level : supported(R1_LEVELS(rope))) {
    std::vector<float> x(8), table = {0, 0, 0, 0, 1, 1, 1, 1}, y(8); // a quarter turn of every pair
    for (int i = 0; i < 8; ++i)
      x[i] = float(i + 1);
    run(level, "rope", RopeParams{1, 8, 0, 8, 1, 16, 16, kF32, kF32}, {}, {x.data(), table.data(), y.data()},
        {1, 1, 1}, 1);
    EXPECT_EQ(y, (std::vector<float>{-2, 1, -4, 3, -6, 5, -8, 7})) << level.name;
    run(level, "rope", RopeParams{1, 8, 0, 8, 0, 16, 16, kF32, kF32}, {}, {x.data(), table.data(), y.data()},
        {1, 1, 1}, 1);
    EXPECT_EQ(y, (std::vector<float>{-5, -6, -7, -8, 1, 2, 3, 4})) << level.name;
  }
}

TEST(Rope, MayRunInPlace) {
  Random random(33);
  for (const NativeLevel& level : supported(R1_LEVELS(rope)))
    for (const int64_t interleaved : {0, 1}) {
      const int64_t tokens = 3, cols = 2 * 88;
      const std::vector<float> table = random.normal(tokens * 48), x = random.normal(tokens * cols);
      std::vector<float> want(x.size()), inout = x;
      reference::rope(x.data(), table.data(), {tokens, 2, 88, 40, 48, interleaved != 0}, want.data());
      run(level, "rope", RopeParams{2, 88, 40, 48, interleaved, cols, cols, kF32, kF32}, {},
          {inout.data(), const_cast<float*>(table.data()), inout.data()}, {tokens, 1, 1}, tokens);
      expect_close("rope in place", inout, want, 1e-5, 1e-5);
    }
}

} // namespace
} // namespace r1::test
