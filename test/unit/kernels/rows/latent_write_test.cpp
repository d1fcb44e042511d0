// latent_write norms, rotates, rounds and scatters: every written element agrees with the references, nothing
// else is touched.
#include "kernels/rows/reference.h"
#include "test/unit/kernels/support.h"

R1_DECLARE_LEVELS(latent_write);

namespace r1::test {
namespace {

struct Case {
  int64_t kv_lora, rope, norm, rotate, interleaved, x_type;
};

TEST(LatentWrite, MatchesReferenceAndTouchesNothingElse) {
  Random random(41);
  for (const NativeLevel& level : supported(R1_LEVELS(latent_write)))
    for (const Case c :
         {Case{512, 64, 1, 1, 1, kF32}, Case{512, 64, 0, 0, 1, kBF16}, Case{40, 24, 1, 1, 0, kF32},
          Case{64, 16, 1, 0, 1, kBF16}, Case{65, 6, 0, 1, 1, kF32}}) {
      SCOPED_TRACE(testing::Message() << level.name << " kv_lora " << c.kv_lora << " rope " << c.rope);
      const int64_t pages = 9, per_sequence = 3, token_stride = c.kv_lora + c.rope + 3;
      // Two sequences on scattered pages; slot 1 is not used.
      std::vector<int32_t> page_table = {7, 2, 4, -1, -1, -1, 0, 8, 5};
      std::vector<int32_t> positions = {62, 63, 64, 65, 128, 0, 191}, slots = {0, 0, 0, 0, 0, 2, 2};
      const int64_t tokens = int64_t(positions.size());
      const int64_t latent_stride = c.kv_lora + 7, key_stride = c.rope + 9;
      const std::vector<float> latent = rounded(random.normal(tokens * c.kv_lora));
      const std::vector<float> key = rounded(random.normal(tokens * c.rope));
      const std::vector<float> weight = random.normal(c.kv_lora);
      std::vector<float> table = random.normal(tokens * c.rope);

      std::vector<float> want_latent = latent, want_key = key;
      if (c.norm)
        reference::rms_norm(latent.data(), weight.data(), tokens, c.kv_lora, 1e-5, want_latent.data());
      if (c.rotate)
        reference::rope(key.data(), table.data(), {tokens, 1, c.rope, 0, c.rope, c.interleaved != 0},
                        want_key.data());
      table = strided(table, tokens, c.rope, (c.rope + 15) / 16 * 16);
      std::vector<float> want(pages * kPageTokens * token_stride, kNan);
      for (int64_t t = 0; t < tokens; ++t) {
        const int64_t page = page_table[slots[t] * per_sequence + positions[t] / 64];
        float* at = &want[(page * 64 + positions[t] % 64) * token_stride];
        std::copy_n(&want_latent[t * c.kv_lora], c.kv_lora, at);
        std::copy_n(&want_key[t * c.rope], c.rope, at + c.kv_lora);
      }

      std::vector<uint16_t> cache(want.size(), 0xffff);
      std::vector<float> l32 = strided(latent, tokens, c.kv_lora, latent_stride);
      std::vector<float> k32 = strided(key, tokens, c.rope, key_stride);
      std::vector<uint16_t> l16 = to_bf16(l32), k16 = to_bf16(k32);
      const bool narrow = c.x_type == kBF16;
      run(level, "latent_write",
          LatentWriteParams{c.kv_lora, c.rope, c.norm, c.rotate, c.interleaved, 1e-5, latent_stride,
                            key_stride, c.x_type, token_stride, per_sequence},
          {},
          {narrow ? static_cast<void*>(l16.data()) : l32.data(),
           narrow ? static_cast<void*>(k16.data()) : k32.data(), const_cast<float*>(weight.data()),
           table.data(), positions.data(), slots.data(), page_table.data(), cache.data()},
          {tokens, 1, 192}, tokens);
      const std::vector<float> got = from_bf16(cache);
      for (size_t i = 0; i < want.size(); ++i) {
        ASSERT_EQ(std::isnan(got[i]), std::isnan(want[i])) << "element " << i;
        if (!std::isnan(want[i]))
          ASSERT_NEAR(got[i], want[i], 1e-6 + 0.00391 * std::abs(want[i])) << "element " << i;
      }
    }
}

} // namespace
} // namespace r1::test
