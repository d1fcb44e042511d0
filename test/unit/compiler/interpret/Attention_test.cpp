// Cache and attention: values by hand, causality, sequences apart, and the absorbed form equal to the plain
// one.
#include "test/unit/compiler/interpret/Support.h"
#include <random>

namespace r1::interpret::test {
namespace {

// One head of nope 1, rope 2, v 1 over kv_lora 2.
const char* const kAttend =
    R"(func.func @f(%q: tensor<?x3xf32>, %latent: tensor<?x2xf32>, %key: tensor<?x2xf32>, %kv_b: tensor<2x2xf32>,
    %p: tensor<?xi32>, %c: !r1.cache<layers = 2, kv_lora = 2, rope = 2>) -> tensor<?x1xf32> {
  %c1 = r1.cache_append %c, %latent, %key, %p {layer = 1}
    : (!r1.cache<layers = 2, kv_lora = 2, rope = 2>, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?xi32>) -> !r1.cache<layers = 2, kv_lora = 2, rope = 2>
  %y = r1.attention %q, %kv_b, %c1, %p {layer = 1, heads = 1, nope = 1, v = 1, scale = 0.5 : f64}
    : (tensor<?x3xf32>, tensor<2x2xf32>, !r1.cache<layers = 2, kv_lora = 2, rope = 2>, tensor<?xi32>) -> tensor<?x1xf32>
  return %y : tensor<?x1xf32>
})";

TEST(Attention, ScoresAreScaledAndSoftmaxed) {
  Program program(kAttend);
  LatentCache cache(2, 2, 2, 1);
  // W_UK = (1, 0): the key is the latent's first element. W_UV = (0, 1): the value is its second.
  RuntimeValue kvB = floats({2, 2}, {1, 0, 0, 1});
  auto results = program.floatsOf({floats({2, 3}, {0, 0, 0, 2, 0, 1}), floats({2, 2}, {1, 10, 3, 20}),
                                   floats({2, 2}, {5, 4, 6, 2}), kvB, ints({2}, {0, 1}), cache.now()});
  // Token 1: scores 0.5 * (2 * 1 + 1 * 4) = 3 and 0.5 * (2 * 3 + 1 * 2) = 4. Token 0 sees itself alone.
  float p = 1 / (1 + std::exp(-1.0f));
  expectNear(results[0], {10, 10 * (1 - p) + 20 * p}, 1e-5);
}

TEST(Attention, LaterTokensAndOtherSequencesAreNotSeen) {
  Program program(kAttend);
  LatentCache cache(2, 2, 2, 3);
  RuntimeValue kvB = floats({2, 2}, {0, 0, 0, 1}); // all scores 0: the mean of the values seen
  auto step = [&](std::vector<float> values, std::vector<int32_t> positions, std::vector<int32_t> slots) {
    int64_t tokens = values.size();
    std::vector<float> latents;
    for (float value : values)
      latents.insert(latents.end(), {0, value});
    std::vector<float> zeros(tokens * 3, 0.0f);
    return program.floatsOf({floats({tokens, 3}, zeros), floats({tokens, 2}, latents),
                             floats({tokens, 2}, std::vector<float>(tokens * 2)), kvB,
                             ints({tokens}, positions), cache.now()},
                            slots)[0];
  };
  expectNear(step({2, 4, 9}, {0, 1, 2}, {0}), {2, 3, 5}, 1e-6);
  expectNear(step({100}, {0}, {2}), {100}, 1e-6);
  // Decode: one token of each of two sequences, each at its own position.
  expectNear(step({200, 5}, {1, 3}, {2, 0}), {150, 5}, 1e-6);
  EXPECT_EQ(cache.slots(), 3);
  Program again(kAttend);
  std::string error = again.errorOf({floats({1, 3}, {0, 0, 0}), floats({1, 2}, {0, 0}),
                                     floats({1, 2}, {0, 0}), kvB, ints({1}, {2}), cache.now()},
                                    {1});
  EXPECT_NE(error.find("reads position 0 of slot 1 in layer 1, where nothing was stored"), std::string::npos)
      << error;
}

TEST(Attention, WrongArgumentsAreOneLine) {
  Program program(kAttend);
  LatentCache cache(2, 2, 2, 1), other(1, 2, 2, 1);
  auto with = [&](CacheValue value, std::vector<int32_t> positions, std::vector<int32_t> slots) {
    int64_t tokens = positions.size();
    return program.errorOf({floats({1, 3}, {0, 0, 0}), floats({1, 2}, {0, 0}), floats({1, 2}, {0, 0}),
                            floats({2, 2}, {0, 0, 0, 0}), ints({tokens}, positions), value},
                           slots);
  };
  auto expect = [](const std::string& error, const std::string& part) {
    EXPECT_NE(error.find(part), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  };
  expect(with(other.now(), {0}, {0}),
         "argument 5 is a cache of 1 layers, kv_lora 2, rope 2, expected !r1.cache<");
  expect(with(CacheValue(), {0}, {0}), "argument 5");
  expect(with(cache.now(), {0, 1}, {0}), "latent has 1 rows, expected 2");
  expect(with(cache.now(), {0}, {1}), "slot 1 does not exist, the cache has 1");
  expect(with(cache.now(), {-1}, {0}), "position -1 is outside");
  expect(with(cache.now(), {0}, {0, 0}), "there are 2 slots for 1 tokens");
}

// q_nope . (W_UK c) = (q_nope W_UK) . c and sum_s p_s (W_UV c_s) = W_UV (sum_s p_s c_s), for nope != v,
// several heads, block scales.
TEST(Attention, AbsorbedEqualsPlain) {
  Program program(
      R"(func.func @f(%q: tensor<?x27xf32>, %latent: tensor<?x4xf32>, %key: tensor<?x4xf32>, %w: tensor<21x4xf8E4M3FN>,
      %s: tensor<1x1xf32>, %p: tensor<?xi32>, %c: !r1.cache<layers = 1, kv_lora = 4, rope = 4>) -> (tensor<?x6xf32>, tensor<?x6xf32>) {
    %c1 = r1.cache_append %c, %latent, %key, %p {layer = 0}
      : (!r1.cache<layers = 1, kv_lora = 4, rope = 4>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> !r1.cache<layers = 1, kv_lora = 4, rope = 4>
    %y = r1.attention %q, %w scale %s, %c1, %p {layer = 0, heads = 3, nope = 5, v = 2, scale = 0.7 : f64}
      : (tensor<?x27xf32>, tensor<21x4xf8E4M3FN>, tensor<1x1xf32>, !r1.cache<layers = 1, kv_lora = 4, rope = 4>, tensor<?xi32>) -> tensor<?x6xf32>
    %a = r1.absorb_query %q, %w scale %s {heads = 3, nope = 5, rope = 4, v = 2}
      : (tensor<?x27xf32>, tensor<21x4xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x12xf32>
    %l = r1.latent_attention %a, %q, %c1, %p {layer = 0, heads = 3, nope = 5, scale = 0.7 : f64}
      : (tensor<?x12xf32>, tensor<?x27xf32>, !r1.cache<layers = 1, kv_lora = 4, rope = 4>, tensor<?xi32>) -> tensor<?x12xf32>
    %z = r1.expand_value %l, %w scale %s {heads = 3, nope = 5, v = 2}
      : (tensor<?x12xf32>, tensor<21x4xf8E4M3FN>, tensor<1x1xf32>) -> tensor<?x6xf32>
    return %y, %z : tensor<?x6xf32>, tensor<?x6xf32>
  })");
  std::mt19937 random(17);
  auto some = [&](Shape shape) {
    Tensor tensor{shape, {}};
    tensor.data.resize(tensor.rows() * tensor.columns());
    for (float& element : tensor.data)
      element = std::normal_distribution<float>()(random);
    return RuntimeValue(std::make_shared<const Tensor>(std::move(tensor)));
  };
  LatentCache cache(1, 4, 4, 1);
  auto results = program.floatsOf({some({6, 27}), some({6, 4}), some({6, 4}), some({21, 4}),
                                   floats({1, 1}, {0.8f}), ints({6}, {0, 1, 2, 3, 4, 5}), cache.now()});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_LE(relativeError(results[1], results[0]), 1e-6);
  EXPECT_GT(std::abs(results[0][20]), 1e-3);
}

} // namespace
} // namespace r1::interpret::test
