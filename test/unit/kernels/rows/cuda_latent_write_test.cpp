// latent_write for CUDA norms, rotates, rounds and scatters: every written element agrees with the references, nothing else is
// touched.
#include "kernels/rows/cuda_latent_write.h"
#include "kernels/rows/reference.h"
#include "test/unit/kernels/cuda_support.h"

namespace r1::test {
namespace {

template <int64_t kLatent, int64_t kRope, int64_t kNorm, int64_t kRotate, int64_t kInterleaved, int64_t kType,
          int64_t kGap = 16>
struct Config {
  static constexpr long long kv_lora = kLatent, rope = kRope, norm = kNorm, rotate = kRotate,
                             interleaved = kInterleaved, x_type = kType;
  static constexpr long long latent_stride = kLatent + kRope + kGap, key_stride = latent_stride,
                             token_stride = kLatent + kRope + kGap, pages_per_sequence = 3;
  static constexpr double epsilon = 1e-5;
};
struct NoHoles {};

// Latent and key are slices of the same rows, as the projection writes them; the rows begin `shift` elements behind an aligned
// address, and the key `key_shift` elements behind the latent.
template <class C> void check(int shift = 0, int key_shift = 0) {
  Random random(C::kv_lora + shift);
  const int64_t pages = 9;
  // Two sequences on scattered pages; slot 1 is not used.
  std::vector<int32_t> page_table = {7, 2, 4, -1, -1, -1, 0, 8, 5};
  std::vector<int32_t> positions = {62, 63, 64, 65, 128, 0, 191, -9}, slots = {0, 0, 0, 0, 0, 2, 2, -9};
  const int64_t tokens = int64_t(positions.size()) - 1;
  const std::vector<float> latent = rounded(random.normal(tokens * C::kv_lora));
  const std::vector<float> key = rounded(random.normal(tokens * C::rope));
  std::vector<float> weight = random.normal(C::kv_lora), table = random.normal(tokens * C::rope);

  std::vector<float> want_latent = latent, want_key = key;
  if (C::norm)
    reference::rms_norm(latent.data(), weight.data(), tokens, C::kv_lora, 1e-5, want_latent.data());
  if (C::rotate)
    reference::rope(key.data(), table.data(), {tokens, 1, C::rope, 0, C::rope, C::interleaved != 0},
                    want_key.data());
  table = strided(table, tokens, C::rope, (C::rope + 15) / 16 * 16);
  std::vector<float> want(pages * 64 * C::token_stride, kNan), rows(shift + tokens * C::latent_stride, kNan);
  for (int64_t t = 0; t < tokens; ++t) {
    const int64_t page = page_table[slots[t] * C::pages_per_sequence + positions[t] / 64];
    float* at = &want[(page * 64 + positions[t] % 64) * C::token_stride];
    std::copy_n(&want_latent[t * C::kv_lora], C::kv_lora, at);
    std::copy_n(&want_key[t * C::rope], C::rope, at + C::kv_lora);
    std::copy_n(&latent[t * C::kv_lora], C::kv_lora, &rows[shift + t * C::latent_stride]);
    std::copy_n(&key[t * C::rope], C::rope, &rows[shift + t * C::latent_stride + C::kv_lora + key_shift]);
  }
  std::vector<uint16_t> narrow = to_bf16(rows);
  for (const CudaRun& run : cuda_runs()) {
    SCOPED_TRACE(testing::Message() << "kv_lora " << C::kv_lora << " rope " << C::rope << " shift " << shift
                                    << " " << run);
    std::vector<uint16_t> cache(want.size(), 0xffff);
    const bool is_narrow = C::x_type == kBF16;
    void* l = is_narrow ? static_cast<void*>(narrow.data() + shift) : rows.data() + shift;
    const int64_t key_at = shift + C::kv_lora + key_shift;
    void* k = is_narrow ? static_cast<void*>(narrow.data() + key_at) : rows.data() + key_at;
    run_cuda<cuda::LatentWrite<C, NoHoles>>(
        run,
        {l, k, weight.data(), table.data(), positions.data(), slots.data(), page_table.data(), cache.data()},
        {int(tokens), 1, 192}, int(tokens) + 1);
    const std::vector<float> got = from_bf16(cache);
    for (size_t i = 0; i < want.size(); ++i) {
      ASSERT_EQ(std::isnan(got[i]), std::isnan(want[i])) << "element " << i;
      if (!std::isnan(want[i])) {
        ASSERT_NEAR(got[i], want[i], 1e-6 + 0.00391 * std::abs(want[i])) << "element " << i;
      }
    }
  }
}

TEST(CudaLatentWrite, MatchesReferenceAndTouchesNothingElse) {
  check<Config<512, 64, 1, 1, 1, kF32>>();
  check<Config<512, 64, 1, 1, 0, kBF16>>();
  check<Config<512, 64, 0, 0, 1, kBF16>>();
  check<Config<1024, 16, 1, 0, 1, kBF16>>();
}
TEST(CudaLatentWrite, MatchesReferenceAtOddSizes) {
  check<Config<512, 64, 1, 1, 1, kF32>>(3);
  check<Config<512, 64, 1, 1, 1, kBF16, 5>>(1);
  check<Config<512, 64, 1, 1, 1, kF32>>(0, 1);
  check<Config<512, 64, 1, 1, 0, kBF16>>(3, 1);
  check<Config<40, 24, 1, 1, 0, kF32>>();
  check<Config<65, 6, 1, 1, 1, kF32, 3>>();
  check<Config<65, 6, 0, 1, 0, kBF16>>(7);
  check<Config<33, 4, 0, 0, 0, kF32>>();
}

TEST(CudaLatentWrite, NanStaysInItsToken) {
  using C = Config<512, 64, 1, 1, 1, kF32>;
  std::vector<float> rows(2 * C::latent_stride, 1.0f), weight(512, 1.0f), table(2 * 64, 0.5f);
  std::vector<int32_t> positions = {0, 1}, slots = {0, 0}, pages = {0, 0, 0};
  rows[511] = kNan;
  std::vector<uint16_t> cache(64 * C::token_stride);
  run_cuda<cuda::LatentWrite<C, NoHoles>>({},
                                          {rows.data(), rows.data() + 512, weight.data(), table.data(),
                                           positions.data(), slots.data(), pages.data(), cache.data()},
                                          {2, 1, 64}, 2);
  const std::vector<float> got = from_bf16(cache);
  for (int64_t i = 0; i < 512; ++i) {
    EXPECT_TRUE(std::isnan(got[i]));
    EXPECT_FALSE(std::isnan(got[C::token_stride + i]));
  }
}

} // namespace
} // namespace r1::test
