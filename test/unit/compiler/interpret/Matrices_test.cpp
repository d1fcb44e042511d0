// Linear layers, experts and the router give the numbers of their definitions, the gate with every step that
// others got wrong.
#include "test/unit/compiler/interpret/Support.h"

namespace r1::interpret::test {
namespace {

TEST(Matrices, LinearMultipliesWithTheTransposedWeight) {
  Program program(R"(func.func @f(%x: tensor<?x3xf32>) -> tensor<?x2xf32> {
    %w = r1.weight "w" : tensor<2x3xf16>
    %y = r1.linear %x, %w : (tensor<?x3xf32>, tensor<2x3xf16>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })");
  program.weights.tensors["w"] = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(program.floatsOf({floats({2, 3}, {1, 0, 0, 1, 1, 1})})[0], (std::vector<float>{1, 4, 6, 15}));
}

// Scales multiply (though called "inv"), one a 128x128 block, the last blocks smaller.
TEST(Matrices, BlockScalesMultiplyTheirBlocks) {
  Program program(R"(func.func @f(%x: tensor<?x130xf32>) -> tensor<?x129xf32> {
    %w = r1.weight "w" : tensor<129x130xf8E4M3FN>
    %s = r1.weight "s" : tensor<2x2xf32>
    %y = r1.linear %x, %w scale %s : (tensor<?x130xf32>, tensor<129x130xf8E4M3FN>, tensor<2x2xf32>) -> tensor<?x129xf32>
    return %y : tensor<?x129xf32>
  })");
  program.weights.tensors = {{"w", std::vector<float>(129 * 130, 1.0f)}, {"s", {1, 100, 10000, 1000000}}};
  std::vector<float> y = program.floatsOf({floats({1, 130}, std::vector<float>(130, 1.0f))})[0];
  ASSERT_EQ(y.size(), 129u);
  EXPECT_EQ(y[0], 128 + 200);
  EXPECT_EQ(y[127], 128 + 200);
  EXPECT_EQ(y[128], 1280000 + 2000000);
}

TEST(Matrices, ExpertLinearTakesTokensOrPairs) {
  std::string text = R"(func.func @f(%x: tensor<?xIN, %ids: tensor<?x2xi32>) -> tensor<?x2x1xf32> {
    %w = r1.expert_weight "e." ".w" : tensor<3x1x2xf32>
    %y = r1.expert_linear %x, %ids, %w : (tensor<?xIN, tensor<?x2xi32>, tensor<3x1x2xf32>) -> tensor<?x2x1xf32>
    return %y : tensor<?x2x1xf32>
  })";
  auto of = [&](const std::string& type) {
    std::string copy = text;
    for (size_t at; (at = copy.find("IN,")) != std::string::npos;)
      copy.replace(at, 2, type);
    return copy;
  };
  Program tokens(of("2xf32>")), pairs(of("2x2xf32>"));
  for (Program* program : {&tokens, &pairs})
    program->weights.tensors = {{"e.0.w", {1, 2}}, {"e.2.w", {100, 1000}}};
  RuntimeValue ids = ints({2, 2}, {2, 0, 0, 2});
  EXPECT_EQ(tokens.floatsOf({floats({2, 2}, {1, 1, 3, 5}), ids})[0], (std::vector<float>{1100, 3, 13, 5300}));
  EXPECT_EQ(tokens.weights.reads, 2) << "expert 1 is chosen by nobody";
  EXPECT_EQ(pairs.floatsOf({floats({2, 2, 2}, {1, 0, 0, 1, 1, 1, 2, 2}), ids})[0],
            (std::vector<float>{100, 2, 3, 2200}));
  EXPECT_NE(
      tokens.errorOf({floats({1, 2}, {1, 1}), ints({1, 2}, {0, 3})}).find("expert 3 at 1 is not in [0, 3)"),
      std::string::npos);
  EXPECT_NE(tokens.errorOf({floats({1, 2}, {1, 1}), ints({2, 2}, {0, 0, 0, 0})}).find("1 rows, expected 2"),
            std::string::npos);
}

TEST(Matrices, ExpertsHaveTheirOwnScales) {
  Program program(R"(func.func @f(%x: tensor<?x1xf32>, %ids: tensor<?x2xi32>) -> tensor<?x2x1xf32> {
    %w = r1.expert_weight "e." ".w" : tensor<2x1x1xf8E4M3FN>
    %s = r1.expert_weight "e." ".s" : tensor<2x1x1xf32>
    %y = r1.expert_linear %x, %ids, %w scale %s
      : (tensor<?x1xf32>, tensor<?x2xi32>, tensor<2x1x1xf8E4M3FN>, tensor<2x1x1xf32>) -> tensor<?x2x1xf32>
    return %y : tensor<?x2x1xf32>
  })");
  program.weights.tensors = {{"e.0.w", {3}}, {"e.0.s", {10}}, {"e.1.w", {5}}, {"e.1.s", {100}}};
  EXPECT_EQ(program.floatsOf({floats({1, 1}, {2}), ints({1, 2}, {1, 0})})[0], (std::vector<float>{1000, 60}));
}

TEST(Matrices, CombineWeighsAndSumsTheExperts) {
  Program program(R"(func.func @f(%y: tensor<?x2x3xf32>, %w: tensor<?x2xf32>) -> tensor<?x3xf32> {
    %r = r1.combine %y, %w : (tensor<?x2x3xf32>, tensor<?x2xf32>) -> tensor<?x3xf32>
    return %r : tensor<?x3xf32>
  })");
  EXPECT_EQ(program.floatsOf({floats({1, 2, 3}, {1, 2, 3, 10, 20, 30}), floats({1, 2}, {2, 0.5f})})[0],
            (std::vector<float>{7, 14, 21}));
}

TEST(Matrices, RouterLogitsAreFloatProducts) {
  Program program(R"(func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %w = r1.weight "w" : tensor<2x2xbf16>
    %y = r1.router_logits %x, %w : (tensor<?x2xf32>, tensor<2x2xbf16>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })");
  program.weights.tensors["w"] = {1, 1, 1, -1};
  // 1 + 2^-10 is no bf16 number.
  EXPECT_EQ(program.floatsOf({floats({1, 2}, {1 + 0x1p-10f, 1})})[0],
            (std::vector<float>{2 + 0x1p-10f, 0x1p-10f}));
}

struct Gate {
  std::vector<int32_t> ids;
  std::vector<float> weights;
};

Gate gate(const std::string& attributes, std::vector<float> logits, const std::vector<float>& bias,
          int64_t topK) {
  std::string e = std::to_string(logits.size()), k = std::to_string(topK);
  std::string biasArgument = bias.empty() ? "" : ", %b: tensor<" + e + "xf32>",
              biasUse = bias.empty() ? "" : " bias %b",
              biasType = bias.empty() ? "" : ", tensor<" + e + "xf32>";
  Program program("func.func @f(%l: tensor<?x" + e + "xf32>" + biasArgument + ") -> (tensor<?x" + k +
                  "xi32>, tensor<?x" + k + "xf32>) {\n %i, %w = r1.router_gate %l" + biasUse + " {" +
                  attributes + "} : (tensor<?x" + e + "xf32>" + biasType + ") -> (tensor<?x" + k +
                  "xi32>, tensor<?x" + k + "xf32>)\n return %i, %w : tensor<?x" + k + "xi32>, tensor<?x" + k +
                  "xf32>\n}");
  int64_t experts = logits.size();
  std::vector<RuntimeValue> arguments = {floats({1, experts}, std::move(logits))};
  if (!bias.empty())
    arguments.push_back(floats({experts}, bias));
  auto results = program.run(arguments);
  if (!results) {
    ADD_FAILURE() << llvm::toString(results.takeError());
    return {};
  }
  return {std::get<IntTensorPtr>((*results)[0])->data, std::get<TensorPtr>((*results)[1])->data};
}

std::string attributes(const std::string& scoring, const std::string& groupScore, int groups, int kept,
                       bool normalize, double scale) {
  return "scoring = #r1.scoring<" + scoring + ">, group_score = #r1.group_score<" + groupScore +
         ">, groups = " + std::to_string(groups) + ", topk_group = " + std::to_string(kept) +
         ", normalize = " + (normalize ? "true" : "false") + ", scale = " + std::to_string(scale) + " : f64";
}

float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
float logit(float p) { return std::log(p / (1 - p)); }

// transformers PR 41647, vLLM PR 12002: the bias chooses, but the weights are the scores without it.
TEST(Gate, BiasChoosesAndDoesNotWeigh) {
  Gate g = gate(attributes("sigmoid", "none", 1, 1, false, 2.5), {2, 1, 0, -1}, {0, 0, 0, 10}, 2);
  EXPECT_EQ(g.ids, (std::vector<int32_t>{3, 0}));
  expectNear(g.weights, {2.5f * sigmoid(-1), 2.5f * sigmoid(2)}, 1e-6);
}

// flashinfer PR 3875: a score far below the bias survives only if it is gathered, not recovered as biased -
// bias.
TEST(Gate, FaintScoresKeepTheirRatio) {
  Gate g = gate(attributes("sigmoid", "none", 1, 1, true, 1), {-20, -21, -30}, {5, 5, 5}, 2);
  expectNear(g.weights, {1 / (1 + std::exp(-1.0f)), 1 - 1 / (1 + std::exp(-1.0f))}, 1e-4);
}

// transformers issue 45440, vLLM PR 13474: experts of lost groups are out even where every choice of the kept
// groups is negative.
TEST(Gate, LostGroupsAreMinusInfinityNotZero) {
  std::vector<float> bias = {-3, -3, -3, -3, -9, -9};
  Gate g = gate(attributes("sigmoid", "top2_sum", 3, 1, true, 1), {1, 2, 0, 0, 5, 5}, bias, 2);
  EXPECT_EQ(g.ids, (std::vector<int32_t>{1, 0}));
}

// V3: the two best of a group, with bias, are added; V2: its best one alone.
TEST(Gate, GroupsAreScoredByTheirTwoBestOrTheBest) {
  std::vector<float> logits = {logit(0.9f), logit(0.1f), logit(0.6f), logit(0.6f)};
  EXPECT_EQ(gate(attributes("sigmoid", "top2_sum", 2, 1, true, 1), logits, {}, 1).ids,
            (std::vector<int32_t>{2}));
  EXPECT_EQ(gate(attributes("sigmoid", "max", 2, 1, true, 1), logits, {}, 1).ids, (std::vector<int32_t>{0}));
  // The bias takes part in the group's score.
  EXPECT_EQ(gate(attributes("sigmoid", "top2_sum", 2, 1, true, 1), logits, {0, 0.5f, 0, 0}, 1).ids,
            (std::vector<int32_t>{0}));
}

// R1.md 1.3: divided by the sum of the chosen scores, then scaled.
TEST(Gate, NormalisedWeightsAddUpToTheScale) {
  Gate g = gate(attributes("sigmoid", "none", 1, 1, true, 2.5), {1, 2, 3, 4}, {0.1f, 0.2f, 0.3f, 0.4f}, 3);
  EXPECT_EQ(g.ids, (std::vector<int32_t>{3, 2, 1}));
  EXPECT_NEAR(g.weights[0] + g.weights[1] + g.weights[2], 2.5, 1e-6);
  EXPECT_NEAR(g.weights[0] / g.weights[2], sigmoid(4) / sigmoid(2), 1e-6);
}

// llama.cpp PR 18980: softmax and sigmoid models differ. V2 takes softmax over all experts and does not
// renormalise.
TEST(Gate, SoftmaxIsOverAllExpertsAndNotRenormalised) {
  Gate g = gate(attributes("softmax", "none", 1, 1, false, 16), {0, std::log(2.0f), std::log(5.0f)}, {}, 2);
  EXPECT_EQ(g.ids, (std::vector<int32_t>{2, 1}));
  expectNear(g.weights, {10, 4}, 1e-5);
}

TEST(Gate, TiesGoToTheLowerIndex) {
  EXPECT_EQ(gate(attributes("sigmoid", "none", 1, 1, true, 1), {1, 2, 2, 2}, {}, 2).ids,
            (std::vector<int32_t>{1, 2}));
}

// Greedy takes the lower of two equals; top-k 1 draws it, whatever the draw; a row that wants no id gets none, nor does NaN.
TEST(Matrices, SampleChoosesByRow) {
  Program program(
      R"(func.func @f(%l: tensor<?x3xf32>, %o: tensor<?x4xi32>, %d: tensor<?x2xi32>) -> tensor<?xi32> {
    %i = r1.sample %l, %o, %d : (tensor<?x3xf32>, tensor<?x4xi32>, tensor<?x2xi32>) -> tensor<?xi32>
    return %i : tensor<?xi32>
  })");
  const int32_t one = 0x3ff00000; // the high half of 1.0
  RuntimeValue options = ints({4, 4}, {0, 0, 0, 0, 0, one, 1, 0, 0, one, -1, 0, 0, 0, 0, 0}),
               draws = ints({4, 2}, {0, 0, -1, 0x1fffff, 0, 0, 0, 0}),
               logits = floats({4, 3}, {1, 2, 2, 3, 3, 1, 1, 2, 3, 1, NAN, 2});
  auto results = program.run({logits, options, draws});
  ASSERT_TRUE(bool(results)) << llvm::toString(results.takeError());
  EXPECT_EQ(std::get<IntTensorPtr>(results->front())->data, (std::vector<int32_t>{1, 0, -1, -1}));
  EXPECT_NE(
      program.errorOf({logits, ints({1, 4}, {0, 0, 0, 0}), draws}).find("options has 1 rows, expected 4"),
      std::string::npos);
}

} // namespace
} // namespace r1::interpret::test
