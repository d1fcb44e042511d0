// Router logits in float, for both weight types and odd sizes; the fused kernel equals logits followed by
// topk bit for bit.
#include "kernels/router/reference.h"
#include "test/unit/kernels/support.h"

R1_DECLARE_LEVELS(router_logits);
R1_DECLARE_LEVELS(router_topk);
R1_DECLARE_LEVELS(router_fused);

namespace r1::test {
namespace {

TEST(RouterLogits, MatchesReference) {
  Random random(61);
  for (const NativeLevel& level : supported(R1_LEVELS(router_logits)))
    for (const int64_t experts : {1, 16, 23, 64})
      for (const int64_t hidden : {1, 16, 40, 129, 256})
        for (const int64_t type : {kF32, kBF16}) {
          SCOPED_TRACE(testing::Message()
                       << level.name << " " << experts << "x" << hidden << " type " << type);
          const int64_t tokens = 7, stride = hidden + 3, columns = (experts + 15) / 16 * 16;
          const std::vector<float> x = random.normal(tokens * hidden);
          const std::vector<float> w = rounded(random.normal(experts * hidden, 1 / std::sqrt(float(hidden))));
          std::vector<uint16_t> narrow = to_bf16(w);
          std::vector<float> want(tokens * experts), got(tokens * columns, kNan),
              wide = strided(x, tokens, hidden, stride);
          reference::router_logits(x.data(), w.data(), tokens, hidden, experts, want.data());
          run(level, "router_logits", RouterParams{hidden, experts, 1, 1, 1, 0, 0, 0, 0, 1, stride, type}, {},
              {wide.data(), type == kBF16 ? static_cast<void*>(narrow.data()) : const_cast<float*>(w.data()),
               got.data()},
              {tokens, 1, 1}, tokens * columns / 16);
          expect_close("logits", dense(got, tokens, experts, columns), want, 2e-6, 2e-6);
        }
}

// R1's gate in bf16 loses differences of this size; the choice must be made in float (R1.md 1.5, item 2).
TEST(RouterLogits, ArithmeticIsFloatNotBf16) {
  for (const NativeLevel& level : supported(R1_LEVELS(router_logits))) {
    const int64_t hidden = 64;
    std::vector<float> x(hidden, 1.0f), got(16);
    std::vector<uint16_t> w(2 * hidden, bf16_from_f32(1.0f));
    w[hidden] = bf16_from_f32(1.0078125f); // 64 and 64.0078125 are the same bf16
    run(level, "router_logits", RouterParams{hidden, 2, 1, 1, 1, 0, 0, 0, 0, 1, hidden, kBF16}, {},
        {x.data(), w.data(), got.data()}, {1, 1, 1}, 1);
    EXPECT_EQ(got[1] - got[0], 0.0078125f) << level.name;
  }
}

TEST(RouterFused, EqualsLogitsThenTopk) {
  Random random(62);
  const std::vector<NativeLevel> logits = supported(R1_LEVELS(router_logits)),
                                 topk = supported(R1_LEVELS(router_topk)),
                                 fused = supported(R1_LEVELS(router_fused));
  for (size_t i = 0; i < fused.size(); ++i)
    for (const int64_t type : {kF32, kBF16})
      for (const int64_t sigmoid : {0, 1}) {
        const int64_t tokens = 13, hidden = 200, experts = 40, top_k = 6;
        const RouterParams params{hidden,        experts, top_k, 4,   2,      sigmoid,
                                  kGroupTop2Sum, 1,       1,     2.5, hidden, type};
        std::vector<float> x = random.normal(tokens * hidden), w = random.normal(experts * hidden);
        std::vector<float> bias = random.normal(experts), between(tokens * 48);
        std::vector<uint16_t> narrow = to_bf16(w);
        void* weights = type == kBF16 ? static_cast<void*>(narrow.data()) : w.data();
        std::vector<int32_t> ids[2] = {std::vector<int32_t>(tokens * top_k),
                                       std::vector<int32_t>(tokens * top_k)};
        std::vector<float> scores[2] = {std::vector<float>(tokens * top_k),
                                        std::vector<float>(tokens * top_k)};
        run(logits[i], "router_logits", params, {}, {x.data(), weights, between.data()}, {tokens, 1, 1},
            tokens * 3);
        run(topk[i], "router_topk", params, {},
            {between.data(), bias.data(), ids[0].data(), scores[0].data()}, {tokens, 1, 1}, tokens);
        run(fused[i], "router_fused", params, {},
            {x.data(), weights, bias.data(), ids[1].data(), scores[1].data()}, {tokens, 1, 1}, tokens);
        EXPECT_EQ(ids[0], ids[1]) << fused[i].name;
        EXPECT_EQ(scores[0], scores[1]) << fused[i].name;
      }
}

} // namespace
} // namespace r1::test
