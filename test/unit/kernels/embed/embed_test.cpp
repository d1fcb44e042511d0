// The embed skeleton agrees with its reference bit for bit, for both table types and odd widths, and asks its
// hole for every column exactly once.
#include "kernels/embed/reference.h"
#include "test/unit/kernels/support.h"

R1_DECLARE_LEVELS(embed);

namespace r1::test {
namespace {

constexpr int64_t kStride = 96;

// Buffers: ids, table, out f32 [tokens][kStride].
void store_out(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  std::copy_n(values, count, static_cast<float*>(buffers[2]) + row * kStride + col);
}

TEST(Embed, MatchesReference) {
  Random random(11);
  for (const NativeLevel& level : supported(R1_LEVELS(embed)))
    for (const int64_t cols : {1, 16, 24, 65, 80})
      for (const int64_t type : {kF32, kBF16})
        for (const int64_t tokens : {1, 7, 65}) {
          SCOPED_TRACE(testing::Message() << level.name << " cols " << cols << " type " << type);
          const int64_t vocab = 50;
          std::vector<float> table = rounded(random.normal(vocab * cols));
          std::vector<uint16_t> narrow = to_bf16(table);
          std::vector<int32_t> ids(tokens);
          for (int32_t& id : ids)
            id = int32_t(random.integer(0, vocab - 1));
          std::vector<float> want(tokens * cols), got(tokens * kStride, kNan);
          reference::embed(ids.data(), table.data(), tokens, cols, want.data());
          void* source = type == kBF16 ? static_cast<void*>(narrow.data()) : table.data();
          run(level, "embed", EmbedParams{cols, type}, {store_out}, {ids.data(), source, got.data()},
              {tokens, 1, 1}, tokens);
          EXPECT_EQ(dense(got, tokens, cols, kStride), want);
          for (int64_t t = 0; t < tokens; ++t)
            for (int64_t c = cols; c < kStride; ++c)
              ASSERT_TRUE(std::isnan(got[t * kStride + c])) << "wrote past the row";
        }
}

} // namespace
} // namespace r1::test
