// mla_prefill agrees with the plain reference: odd sizes, history from earlier chunks, any query block; it is
// causal, and equal to decoding token by token.
#include "test/unit/kernels/mla/problem.h"

R1_DECLARE_LEVELS(mla_prefill);
R1_DECLARE_LEVELS(mla_decode);
R1_DECLARE_LEVELS(mla_combine);

namespace r1::test {
namespace {

const std::vector<NativeLevel> kPrefill = supported(R1_LEVELS(mla_prefill));

std::vector<float> expected(const Problem& p, int64_t slot, const std::vector<int32_t>& positions,
                            const std::vector<float>& q) {
  const int64_t tokens = int64_t(positions.size());
  std::vector<float> want(tokens * p.params.heads * p.params.v);
  reference::mla_plain(q.data(), p.latent[slot].data(), p.key[slot].data(), p.w_uk.data(), p.w_uv.data(),
                       positions.data(), p.shape(tokens), want.data());
  return want;
}

std::vector<float> queries(Random& random, const Problem& p, int64_t tokens) {
  return rounded(random.normal(tokens * p.params.heads * (p.params.nope + p.params.rope)));
}

TEST(MlaPrefill, MatchesReference) {
  Random random(91);
  for (const Dimensions d : {Dimensions{2, 512, 64, 128, 128}, Dimensions{3, 40, 24, 24, 40},
                             Dimensions{1, 64, 16, 192, 256}, Dimensions{2, 72, 6, 9, 17}})
    for (const int64_t tokens : {1, 7, 65, 129})
      for (const int64_t first : {0, 5, 64, 100}) {
        if (d.kv_lora == 512 && (tokens != 65 || first > 5))
          continue; // the reference is slow at this size
        Problem p = make_problem(random, d, {3, first + tokens});
        const std::vector<float> q = queries(random, p, tokens),
                                 want = expected(p, 1, ascending(first, tokens), q);
        for (const NativeLevel& level : kPrefill)
          for (const int64_t block : {16, 64, 256}) {
            SCOPED_TRACE(testing::Message() << level.name << " kv_lora " << d.kv_lora << " block " << block
                                            << " tokens " << tokens << " first " << first);
            p.params.q_block = block;
            const std::vector<float> got = prefill(level, p, 1, ascending(first, tokens), q);
            expect_close("prefill", got, want, 3e-2, 2e-2);
            expect_frobenius("prefill", got, want, 6e-3);
          }
      }
}

// Queries of some tokens of a prompt: gaps of more than a page, several in one page, the last alone.
TEST(MlaPrefill, SomeTokens) {
  for (const NativeLevel& level : kPrefill)
    for (const std::vector<int32_t>& positions : std::vector<std::vector<int32_t>>{
             {0, 200},
             {299},
             {3, 63, 64, 65, 190, 191, 192, 298},
             {1, 2, 4, 8, 16, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 250}}) {
      Random random(96);
      Problem p = make_problem(random, {2, 64, 32, 48, 32}, {300});
      const std::vector<float> q = queries(random, p, int64_t(positions.size()));
      for (const int64_t block : {16, 64}) {
        SCOPED_TRACE(testing::Message() << level.name << " last " << positions.back() << " block " << block);
        p.params.q_block = block;
        const std::vector<float> got = prefill(level, p, 0, positions, q),
                                 want = expected(p, 0, positions, q);
        expect_close("prefill", got, want, 3e-2, 2e-2);
        expect_frobenius("prefill", got, want, 6e-3);
      }
    }
}

// A prompt in chunks gives what the whole prompt at once gives: earlier chunks are history in the cache.
TEST(MlaPrefill, ChunksEqualOneShot) {
  for (const NativeLevel& level : kPrefill) {
    Random random(92);
    const int64_t tokens = 200;
    Problem p = make_problem(random, {2, 64, 32, 48, 32}, {tokens});
    const std::vector<float> q = queries(random, p, tokens);
    const std::vector<float> whole = prefill(level, p, 0, ascending(0, tokens), q);
    const int64_t q_width = 2 * 80, width = 2 * 32;
    for (const int64_t chunk : {1, 33, 64, 150}) {
      std::vector<float> pieces;
      for (int64_t t = 0; t < tokens; t += chunk) {
        const int64_t count = std::min(chunk, tokens - t);
        const std::vector<float> part(&q[t * q_width], &q[t * q_width] + count * q_width);
        const std::vector<float> out = prefill(level, p, 0, ascending(t, count), part);
        pieces.insert(pieces.end(), out.begin(), out.begin() + count * width);
      }
      SCOPED_TRACE(testing::Message() << level.name << " chunk " << chunk);
      expect_frobenius("chunks", pieces, whole, 3e-3);
    }
  }
}

// Later tokens change no bit of earlier results.
TEST(MlaPrefill, IsCausal) {
  for (const NativeLevel& level : kPrefill) {
    Random random(93);
    const int64_t tokens = 150, changed = 70;
    Problem p = make_problem(random, {2, 64, 32, 48, 32}, {tokens});
    const std::vector<float> q = queries(random, p, tokens);
    const std::vector<float> before = prefill(level, p, 0, ascending(0, tokens), q);
    for (int64_t c = changed; c < tokens; ++c)
      for (int64_t i = 0; i < 96; ++i)
        p.token(0, c)[i] = bf16_from_f32(random.uniform(-50, 50));
    const std::vector<float> after = prefill(level, p, 0, ascending(0, tokens), q);
    const int64_t width = 2 * 32;
    EXPECT_TRUE(std::equal(before.begin(), before.begin() + changed * width, after.begin())) << level.name;
    EXPECT_FALSE(std::equal(before.begin() + changed * width, before.end(), after.begin() + changed * width));
  }
}

// The plain and the absorbed form are the same function: prefill of a prompt, and decoding its tokens one by
// one with absorbed weights.
TEST(MlaPrefill, EqualsAbsorbedDecode) {
  const std::vector<NativeLevel> decode_levels = supported(R1_LEVELS(mla_decode)),
                                 combine_levels = supported(R1_LEVELS(mla_combine));
  for (size_t i = 0; i < kPrefill.size(); ++i) {
    Random random(94);
    const int64_t tokens = 140, heads = 3;
    const Dimensions d{heads, 128, 32, 64, 48};
    Problem p = make_problem(random, d, {tokens});
    const std::vector<float> q = queries(random, p, tokens);
    const std::vector<float> plain = prefill(kPrefill[i], p, 0, ascending(0, tokens), q);

    std::vector<float> q_latent(tokens * heads * d.kv_lora), q_rope, out(tokens * heads * d.v);
    reference::mla_absorb_query(q.data(), d.nope + d.rope, p.w_uk.data(), p.shape(tokens), q_latent.data());
    for (int64_t row = 0; row < tokens * heads; ++row) {
      const float* from = &q[row * (d.nope + d.rope) + d.nope];
      q_rope.insert(q_rope.end(), from, from + d.rope);
    }
    std::vector<int32_t> positions(tokens), slots(tokens, 0);
    for (int64_t t = 0; t < tokens; ++t)
      positions[t] = int32_t(t);
    const std::vector<float> latent =
        decode(decode_levels[i], combine_levels[i], p, slots, positions, q_latent, q_rope);
    reference::mla_expand_output(latent.data(), p.w_uv.data(), p.shape(tokens), out.data());
    expect_frobenius(kPrefill[i].name, plain, out, 8e-3);
  }
}

TEST(MlaPrefill, NanComesOutWhereItIsSeen) {
  for (const NativeLevel& level : kPrefill) {
    Random random(95);
    const int64_t tokens = 130;
    Problem p = make_problem(random, {1, 64, 32, 48, 32}, {tokens});
    const std::vector<float> q = queries(random, p, tokens);
    p.token(0, 100)[70] = 0x7fc0;
    const std::vector<float> got = prefill(level, p, 0, ascending(0, tokens), q);
    for (int64_t t = 100; t < tokens; ++t)
      ASSERT_TRUE(std::isnan(got[t * 32])) << level.name << " token " << t;
    for (int64_t t = 0; t < 64; ++t)
      ASSERT_FALSE(std::isnan(got[t * 32])) << level.name << " token " << t;
  }
}

} // namespace
} // namespace r1::test
