// mla_decode with mla_combine agrees with the absorbed reference: odd sizes, several sequences, scattered
// pages, any split.
#include "test/unit/kernels/mla/query.h"

R1_DECLARE_LEVELS(mla_decode);
R1_DECLARE_LEVELS(mla_combine);

namespace r1::test {
namespace {

const std::vector<NativeLevel> kDecode = supported(R1_LEVELS(mla_decode)),
                               kCombine = supported(R1_LEVELS(mla_combine));

TEST(MlaDecode, MatchesReference) {
  Random random(81);
  for (const Dimensions d :
       {Dimensions{16, 512, 64, 128, 128}, Dimensions{3, 40, 24, 32, 32}, Dimensions{4, 64, 16, 16, 16},
        Dimensions{20, 128, 64, 192, 256}, Dimensions{1, 65, 6, 8, 8}, Dimensions{33, 72, 40, 16, 16}}) {
    Problem p = make_problem(random, d, {1, 7, 64, 65, 129, 300});
    const Query q = make_query(random, p);
    for (size_t i = 0; i < kDecode.size(); ++i)
      for (const int64_t split : {64, 320}) {
        SCOPED_TRACE(testing::Message() << kDecode[i].name << " heads " << d.heads << " kv_lora " << d.kv_lora
                                        << " split " << split);
        p.params.split_tokens = split;
        const std::vector<float> got =
            decode(kDecode[i], kCombine[i], p, q.slots, q.positions, q.latent, q.rope);
        expect_close("decode", got, q.want, 8e-3, 8e-3);
        expect_frobenius("decode", got, q.want, 4e-3);
      }
  }
}

TEST(MlaDecode, ManyHeadsOfR1) {
  Random random(82);
  Problem p = make_problem(random, {128, 512, 64, 128, 128}, {100});
  const Query q = make_query(random, p);
  for (size_t i = 0; i < kDecode.size(); ++i)
    expect_frobenius(kDecode[i].name,
                     decode(kDecode[i], kCombine[i], p, q.slots, q.positions, q.latent, q.rope), q.want,
                     4e-3);
}

// A sequence's result has the same bits alone and beside others.
TEST(MlaDecode, BatchDoesNotChangeBits) {
  for (size_t i = 0; i < kDecode.size(); ++i) {
    Random random(83);
    Problem p = make_problem(random, {4, 64, 32, 64, 64}, {130, 7, 300});
    const Query q = make_query(random, p);
    const std::vector<float> all = decode(kDecode[i], kCombine[i], p, q.slots, q.positions, q.latent, q.rope);
    const int64_t width = 4 * 64, rope = 4 * 32;
    for (int64_t t = 0; t < 3; ++t) {
      const std::vector<float> latent(&q.latent[t * width], &q.latent[t * width] + width);
      const std::vector<float> key(&q.rope[t * rope], &q.rope[t * rope] + rope);
      const std::vector<float> alone =
          decode(kDecode[i], kCombine[i], p, {q.slots[t]}, {q.positions[t]}, latent, key);
      EXPECT_TRUE(std::equal(alone.begin(), alone.end(), all.begin() + t * width)) << kDecode[i].name;
    }
  }
}

// R1's softmax scale is 192^-0.5 * mscale^2 = 0.1352, not 0.0722 (mobius PR 548): the parameter is taken as
// it is.
TEST(MlaDecode, ScaleIsTheParameter) {
  for (size_t i = 0; i < kDecode.size(); ++i) {
    Random random(84);
    Problem p = make_problem(random, {2, 64, 32, 128, 64}, {90});
    p.params.scale = 0.1352338;
    const Query q = make_query(random, p);
    const std::vector<float> got = decode(kDecode[i], kCombine[i], p, q.slots, q.positions, q.latent, q.rope);
    expect_frobenius(kDecode[i].name, got, q.want, 4e-3);
    reference::MlaShape wrong = p.shape(1);
    wrong.scale = 0.0721688;
    std::vector<float> other(q.want.size());
    reference::mla_absorbed(q.latent.data(), q.rope.data(), p.latent[0].data(), p.key[0].data(),
                            q.positions.data(), wrong, other.data());
    EXPECT_GT(frobenius(got, other), 0.05) << kDecode[i].name;
  }
}

// Scores far beyond what exp can hold must not overflow: the maximum is taken out, across splits too.
TEST(MlaDecode, LargeScoresStayFinite) {
  for (size_t i = 0; i < kDecode.size(); ++i) {
    Random random(85);
    Problem p = make_problem(random, {3, 64, 32, 64, 64}, {200});
    p.params.split_tokens = 64;
    p.params.scale = 40;
    const Query q = make_query(random, p);
    const std::vector<float> got = decode(kDecode[i], kCombine[i], p, q.slots, q.positions, q.latent, q.rope);
    for (const float v : got)
      ASSERT_TRUE(std::isfinite(v)) << kDecode[i].name;
  }
}

TEST(MlaDecode, NanInTheCacheOrQueryComesOut) {
  for (size_t i = 0; i < kDecode.size(); ++i)
    for (const int64_t position : {0, 63, 64, 199}) {
      Random random(86);
      Problem p = make_problem(random, {3, 64, 32, 64, 64}, {200, 50});
      p.params.split_tokens = 64;
      p.token(0, position)[5] = 0x7fc0;
      Query q = make_query(random, p);
      q.slots = {0, 1}, q.positions = {199, 49};
      const std::vector<float> got =
          decode(kDecode[i], kCombine[i], p, q.slots, q.positions, q.latent, q.rope);
      for (int64_t c = 0; c < 3 * 64; ++c) {
        ASSERT_TRUE(std::isnan(got[c])) << kDecode[i].name << " position " << position << " column " << c;
        ASSERT_FALSE(std::isnan(got[3 * 64 + c])) << "another sequence's NaN";
      }
    }
}

} // namespace
} // namespace r1::test
