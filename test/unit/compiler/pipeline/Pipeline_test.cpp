// Phase optimize as a whole: whatever fusions are on, on models of random shapes, interpretation gives the
// same numbers; and what rounding to bf16 costs stays within what bf16 has.
#include "compiler/pipeline/Pipeline.h"
#include "mlir/Pass/PassManager.h"
#include "test/unit/compiler/interpret/TinyModels.h"

namespace r1::pipeline {
namespace {

using namespace r1::interpret::test;
constexpr int64_t kTokens = 12, kDecodeFrom = 7;
// A bf16 number has 8 significant bits; a few dozen roundings in a row of layers stay below 2 %.
constexpr double kBf16 = 2e-2;

FusionChoice fusions(const std::string& text) {
  auto choice = FusionChoice::parse(text);
  EXPECT_TRUE(bool(choice));
  return choice ? *choice : FusionChoice();
}

std::vector<float> optimized(TinyModel& model, const std::string& text) {
  mlir::MLIRContext context;
  auto module = model.import(context);
  mlir::PassManager passes(&context);
  addPasses(Phase::Optimize, passes, fusions(text));
  EXPECT_TRUE(mlir::succeeded(passes.run(*module))) << text;
  return model.logits(*module, kTokens, kDecodeFrom);
}

// A configuration of any shape the family allows, from a seed.
json randomModel(uint32_t seed) {
  std::mt19937 random(seed);
  auto pick = [&](std::initializer_list<int> values) { return *(values.begin() + random() % values.size()); };
  auto between = [&](int low, int high) { return low + int(random() % (high - low + 1)); };
  int groups = pick({1, 2, 4}), experts = groups * between(2, 5), kept = between(1, groups);
  json config =
      with(pick({0, 1}) ? tinyR1() : tinyV2(), {{"hidden_size", between(20, 150)},
                                                {"intermediate_size", between(20, 150)},
                                                {"moe_intermediate_size", between(9, 70)},
                                                {"num_hidden_layers", between(1, 3)},
                                                {"first_k_dense_replace", between(0, 2)},
                                                {"num_attention_heads", between(1, 5)},
                                                {"kv_lora_rank", between(10, 140)},
                                                {"qk_nope_head_dim", between(5, 40)},
                                                {"qk_rope_head_dim", 2 * between(2, 12)},
                                                {"v_head_dim", between(5, 40)},
                                                {"vocab_size", between(20, 90)},
                                                {"n_routed_experts", experts},
                                                {"n_group", groups},
                                                {"topk_group", kept},
                                                {"num_experts_per_tok", between(1, experts / groups * kept)},
                                                {"n_shared_experts", between(0, 2)}});
  config["q_lora_rank"] = pick({0, 1}) ? json(pick({16, 37, 128})) : json(nullptr);
  if (pick({0, 1}))
    config["rope_scaling"] = nullptr;
  return pick({0, 1}) ? fp8(config) : config;
}

class RandomModels : public testing::TestWithParam<uint32_t> {};

// Every subset of the grouping fusions computes the same bits as none of them.
TEST_P(RandomModels, SubsetsOfFusionsGiveTheSameBits) {
  json text = randomModel(GetParam());
  TinyModel model(text, GetParam());
  std::vector<float> none = optimized(model, "-all");
  std::mt19937 random(GetParam());
  for (std::string choice : {"-absorb-kv-b", "", ""}) {
    if (choice.empty()) {
      choice = "-absorb-kv-b";
      for (const char* name : {"merge-qkv-a", "router-topk", "gate-up-silu-mul", "rope-cache-write",
                               "combine-residual", "residual-norm", "norm-into-linear", "cast-into-producer"})
        if (random() % 2)
          choice += std::string(",-") + name;
    }
    EXPECT_EQ(optimized(model, choice), none) << choice << " on " << text.dump();
  }
}

// Whatever phase optimize leaves, select finds kernels for it and plan places them: with each fusion alone
// switched off, and with all of them.
TEST_P(RandomModels, AreSelectedAndPlannedWithoutAnyOneFusion) {
  TinyModel model(randomModel(GetParam()), GetParam());
  std::vector<std::string> choices = {"", "-all"};
  for (const char* name :
       {"merge-qkv-a", "absorb-kv-b", "router-topk", "gate-up-silu-mul", "rope-cache-write",
        "combine-residual", "residual-norm", "norm-into-linear", "cast-into-producer"})
    choices.push_back("-" + std::string(name));
  for (const std::string& choice : choices) {
    mlir::MLIRContext context;
    auto module = model.import(context);
    mlir::PassManager passes(&context);
    for (Phase phase : {Phase::Optimize, Phase::Select, Phase::Plan})
      addPasses(phase, passes, fusions(choice));
    EXPECT_TRUE(mlir::succeeded(passes.run(*module))) << "--fusions=" << choice << " on seed " << GetParam();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomModels, testing::Range(1u, 9u));

// Without routing, where a rounding may choose another expert, rounding and absorption move the logits by
// what bf16 costs.
TEST(Optimize, RoundingCostsWhatBf16Has) {
  for (json text :
       {with(tinyR1(), {{"first_k_dense_replace", 3}}), with(oddSizes(), {{"first_k_dense_replace", 2}})}) {
    TinyModel model(text);
    mlir::MLIRContext context;
    auto module = model.import(context);
    std::vector<float> exact = model.logits(*module, kTokens, kDecodeFrom);
    std::vector<float> rounded = optimized(model, "-all"), all = optimized(model, "");
    EXPECT_LE(relativeError(rounded, exact), kBf16);
    EXPECT_LE(relativeError(all, exact), kBf16);
    EXPECT_GT(relativeError(rounded, exact), 1e-4) << "nothing was rounded?";
    EXPECT_NE(all, rounded) << "nothing was absorbed?";
  }
}

// The multi-token-prediction layer is optimized like the others: one step over random hidden states.
TEST(Optimize, MtpGivesTheSameBits) {
  TinyModel model(with(tinyR1(), {{"num_nextn_predict_layers", 1}}));
  auto run = [&](const std::string& text) {
    mlir::MLIRContext context;
    auto module = model.import(context, /*withMtp=*/true);
    mlir::PassManager passes(&context);
    addPasses(Phase::Optimize, passes, fusions(text));
    EXPECT_TRUE(mlir::succeeded(passes.run(*module))) << text;
    interpret::WeightStore store(model.weights);
    auto mtp = interpret::Interpreter::create(module->lookupSymbol<mlir::func::FuncOp>("mtp_3"), store);
    EXPECT_TRUE(bool(mtp)) << toString(mtp.takeError());
    interpret::LatentCache cache(4, model.config.kvLoraRank, model.config.qkRopeHeadDim, 1);
    std::vector<float> hidden(3 * model.config.hiddenSize);
    std::mt19937 random(5);
    for (float& element : hidden)
      element = std::normal_distribution<float>()(random);
    std::vector<int32_t> slot = {0};
    using interpret::ints;
    auto results =
        mtp->run({ints({3}, {7, 8, 9}), ints({3}, {0, 1, 2}), ints({2}, {0, 2}), ints({1}, slot),
                  ints({0, 0}, {}), cache.now(), interpret::floats({3, model.config.hiddenSize}, hidden)},
                 slot);
    EXPECT_TRUE(bool(results)) << toString(results.takeError());
    return results ? std::get<interpret::TensorPtr>((*results)[0])->data : std::vector<float>();
  };
  std::vector<float> none = run("-all");
  EXPECT_EQ(none.size(), size_t(2 * model.config.vocabSize));
  EXPECT_EQ(run("-absorb-kv-b"), none);
  EXPECT_NE(run(""), none) << "nothing was absorbed?";
}

TEST(Fusions, TextIsParsedLeftToRight) {
  EXPECT_TRUE(fusions("").isOn("absorb-kv-b"));
  EXPECT_FALSE(fusions("-all,+router-topk").isOn("absorb-kv-b"));
  EXPECT_TRUE(fusions("-all,+router-topk").isOn("router-topk"));
  EXPECT_FALSE(fusions("-router-topk").isOn("router-topk"));
  EXPECT_TRUE(fusions("-router-topk,+all").isOn("router-topk"));
  EXPECT_EQ(fusions("-router-topk, -merge-qkv-a").text(), "-merge-qkv-a,-router-topk");
  // One that is off by default has to be named: all is what runs by default.
  EXPECT_FALSE(fusions("").isOn("quantize-activations"));
  EXPECT_FALSE(fusions("+all").isOn("quantize-activations"));
  EXPECT_TRUE(fusions("+quantize-activations").isOn("quantize-activations"));
  EXPECT_FALSE(fusions("+quantize-activations,+all").isOn("quantize-activations"));
  EXPECT_EQ(fusions("-router-topk,+quantize-activations").text(), "+quantize-activations,-router-topk");
  EXPECT_EQ(fusions("+quantize-activations,-quantize-activations").text(), "");
  auto unknown = FusionChoice::parse("-rooter-topk");
  ASSERT_FALSE(bool(unknown));
  std::string message = llvm::toString(unknown.takeError());
  EXPECT_NE(message.find("'rooter-topk'"), std::string::npos) << message;
  EXPECT_NE(message.find("router-topk"), std::string::npos) << message;
}

TEST(Phases, NamesAreParsedBack) {
  for (Phase phase : kPhases) {
    EXPECT_EQ(parsePhase(nameOf(phase)), phase);
    EXPECT_FALSE(sentenceOf(phase).empty());
  }
  EXPECT_EQ(parsePhase("imports"), std::nullopt);
}

} // namespace
} // namespace r1::pipeline
