// Every config.json of the family comes to one normal form; every other one is refused in one line that says
// why.
#include "compiler/checkpoint/ModelConfig.h"
#include "test/unit/compiler/checkpoint/ConfigRows.h"

using namespace r1::checkpoint;
using namespace r1::checkpoint::test;
using nlohmann::json;

namespace {

ModelConfig mustParse(const std::string& text) {
  auto config = ModelConfig::parse(text, "config.json");
  if (config)
    return *config;
  ADD_FAILURE() << messageOf(std::move(config));
  return {};
}

std::string publishedConfig(const std::string& model) {
  return sharedPath("models/" + model + "/config.json");
}

TEST(ModelConfig, ReadsPublishedR1AndV3) {
  std::string r1 = publishedConfig("deepseek-ai/DeepSeek-R1"),
              v3 = publishedConfig("deepseek-ai/DeepSeek-V3");
  if (r1.empty())
    GTEST_SKIP() << "R1C_SHARED names no folder with data/models";
  for (const std::string& path : {r1, v3}) {
    ModelConfig c = mustParse(readAll(path));
    EXPECT_EQ(c.type, ModelType::DeepseekV3);
    EXPECT_EQ(c.hiddenSize, 7168);
    EXPECT_EQ(c.numLayers, 61);
    EXPECT_EQ(c.vocabSize, 129280);
    EXPECT_EQ(c.maxPositions, 163840);
    EXPECT_EQ(c.heads, 128);
    EXPECT_EQ(c.qLoraRank, 1536);
    EXPECT_EQ(c.kvLoraRank, 512);
    EXPECT_EQ(c.qkHeadDim(), 192);
    EXPECT_EQ(c.vHeadDim, 128);
    EXPECT_EQ(c.intermediateSize, 18432);
    EXPECT_EQ(c.moeIntermediateSize, 2048);
    EXPECT_EQ(c.routedExperts, 256);
    EXPECT_EQ(c.sharedExperts, 1);
    EXPECT_EQ(c.topK, 8);
    EXPECT_EQ(c.groups, 8);
    EXPECT_EQ(c.topKGroups, 4);
    EXPECT_EQ(c.scoring, Scoring::Sigmoid);
    EXPECT_EQ(c.choice, Choice::GroupTop2Sum);
    EXPECT_TRUE(c.routerBias && c.normTopKProb && c.ropeInterleave);
    EXPECT_EQ(c.routedScalingFactor, 2.5);
    EXPECT_EQ(c.mtpLayers, 1);
    EXPECT_EQ(c.quantization, Quantization::Fp8Block128);
    EXPECT_EQ(c.bos, 0);
    EXPECT_EQ(c.eos, std::vector<int64_t>{1});
    EXPECT_EQ(c.weightType, DType::BF16);
    EXPECT_FALSE(c.isMoeLayer(2));
    EXPECT_TRUE(c.isMoeLayer(3) && c.isMoeLayer(61));
    ASSERT_TRUE(c.yarn.has_value());
    EXPECT_EQ(c.yarn->factor, 40);
    EXPECT_EQ(c.yarn->originalMaxPosition, 4096);
    EXPECT_TRUE(c.notes.empty());
  }
}

TEST(ModelConfig, ReadsPublishedV2LiteAndKimi) {
  std::string lite = publishedConfig("deepseek-ai/DeepSeek-V2-Lite"),
              kimi = publishedConfig("moonshotai/Kimi-K2-Instruct");
  if (lite.empty())
    GTEST_SKIP() << "R1C_SHARED names no folder with data/models";
  ModelConfig c = mustParse(readAll(lite));
  EXPECT_EQ(c.type, ModelType::DeepseekV2);
  EXPECT_FALSE(c.qLoraRank.has_value());
  EXPECT_EQ(c.scoring, Scoring::Softmax);
  EXPECT_EQ(c.choice, Choice::Greedy);
  EXPECT_FALSE(c.routerBias || c.normTopKProb);
  EXPECT_EQ(c.sharedIntermediateSize(), 2816);
  EXPECT_EQ(c.quantization, Quantization::None);
  EXPECT_EQ(c.yarn->mscale, 0.707);
  EXPECT_EQ(c.mtpLayers, 0);
  c = mustParse(readAll(kimi));
  EXPECT_EQ(c.type, ModelType::KimiK2);
  EXPECT_EQ(c.routedExperts, 384);
  EXPECT_EQ(c.heads, 64);
  EXPECT_EQ(c.choice, Choice::Greedy) << "one group chooses nothing";
  EXPECT_TRUE(c.routerBias);
  EXPECT_EQ(c.ropeTheta, 50000);
  EXPECT_EQ(c.yarn->betaFast, c.yarn->betaSlow);
  EXPECT_EQ(c.routedScalingFactor, 2.827);
  EXPECT_EQ(c.mtpLayers, 0);
}

TEST(ModelConfig, RefusesPublishedConfigsOutOfTheFamily) {
  std::string sparse = publishedConfig("deepseek-ai/DeepSeek-V3.2");
  std::string qwen =
      sharedPath("models/deepseek-ai/derived/DeepSeek-R1-Distill-Qwen-1.5B.config.derived.json");
  std::string demo = sharedPath("models/deepseek-ai/DeepSeek-V3-inference-config_671B.json");
  if (sparse.empty())
    GTEST_SKIP() << "R1C_SHARED names no folder with data/models";
  expectLine(messageOf(ModelConfig::parse(readAll(sparse), "config.json")),
             {"config.json", "deepseek_v32", "sparse", "choose"});
  expectLine(messageOf(ModelConfig::parse(readAll(qwen), "config.json")),
             {"qwen2", "latent attention", "choose"});
  expectLine(messageOf(ModelConfig::parse(readAll(demo), "config.json")),
             {"model_type is missing", "deepseek_v3"});
}

TEST(ModelConfig, ReadsTheOtherSpellings) {
  // As transformers 5 writes the same model: rope_parameters, dtype, num_mtp_layers, no scoring_func and no
  // topk_method.
  json modern = tinyR1();
  json rope = modern["rope_scaling"];
  rope.erase("type");
  rope["rope_type"] = "yarn";
  rope["rope_theta"] = 10000.0;
  for (const char* key : {"rope_scaling", "rope_theta", "torch_dtype", "scoring_func", "topk_method",
                          "num_nextn_predict_layers"})
    modern.erase(key);
  modern["rope_parameters"] = rope;
  modern["dtype"] = "float32";
  modern["num_mtp_layers"] = 1;
  modern["eos_token_id"] = {1, 7};
  modern["head_dim"] = 8;
  ModelConfig a = mustParse(tinyR1().dump()), b = mustParse(modern.dump());
  EXPECT_EQ(a.ropeTheta, b.ropeTheta);
  EXPECT_EQ(a.yarn->factor, b.yarn->factor);
  EXPECT_EQ(a.yarn->mscaleAllDim, b.yarn->mscaleAllDim);
  EXPECT_EQ(b.scoring, Scoring::Sigmoid);
  EXPECT_EQ(b.choice, Choice::GroupTop2Sum);
  EXPECT_EQ(b.mtpLayers, 1);
  EXPECT_EQ(b.weightType, DType::F32);
  EXPECT_EQ(b.eos, (std::vector<int64_t>{1, 7}));
  EXPECT_NE(a.sourceHash, b.sourceHash);
}

TEST(ModelConfig, FillsInDefaultsByType) {
  // GLM-4.7-Flash says neither scoring_func nor topk_method; it is sigmoid with a bias all the same.
  json glm = {{"model_type", "glm4_moe_lite"},
              {"hidden_size", 2048},
              {"num_hidden_layers", 47},
              {"vocab_size", 154880},
              {"num_attention_heads", 20},
              {"intermediate_size", 10240},
              {"moe_intermediate_size", 1536},
              {"rope_theta", 1000000},
              {"rope_scaling", nullptr},
              {"partial_rotary_factor", 1.0},
              {"num_nextn_predict_layers", 1},
              {"eos_token_id", {154820, 154827, 154829}},
              {"dtype", "bfloat16"}};
  ModelConfig c = mustParse(glm.dump());
  EXPECT_EQ(c.scoring, Scoring::Sigmoid);
  EXPECT_TRUE(c.routerBias && c.normTopKProb);
  EXPECT_EQ(c.routedScalingFactor, 1.8);
  EXPECT_EQ(c.qLoraRank, 768);
  EXPECT_EQ(c.qkNopeHeadDim, 192);
  EXPECT_EQ(c.vHeadDim, 256);
  EXPECT_EQ(c.epsilon, 1e-5);
  EXPECT_EQ(c.latentEpsilon, 1e-6) << "neither source gives the latent norms the config's epsilon";
  EXPECT_EQ(c.firstKDenseReplace, 1);
  EXPECT_FALSE(c.yarn.has_value());
  EXPECT_EQ(c.eos.size(), 3u);

  // Moonlight: deepseek_v3 without q_lora and without YaRN.
  c = mustParse(
      with(tinyR1(), {{"rope_scaling", nullptr}, {"quantization_config", nullptr}, {"rms_norm_eps", 1e-5}})
          .dump());
  EXPECT_FALSE(c.yarn.has_value());
  EXPECT_EQ(c.quantization, Quantization::None);
  json moonlight = tinyR1();
  moonlight["q_lora_rank"] = nullptr;
  EXPECT_FALSE(mustParse(moonlight.dump()).qLoraRank.has_value());
  moonlight.erase("q_lora_rank");
  EXPECT_EQ(mustParse(moonlight.dump()).qLoraRank, 1536) << "absent is the default, null is none";
}

TEST(ModelConfig, NormalisesRoutersAndLayers) {
  EXPECT_EQ(mustParse(with(tinyR1(), {{"topk_group", 4}}).dump()).choice, Choice::Greedy)
      << "all groups stay";
  json v2 = with(tinyR1(), {{"model_type", "deepseek_v2"},
                            {"scoring_func", "softmax"},
                            {"topk_method", "group_limited_greedy"},
                            {"norm_topk_prob", false}});
  ModelConfig c = mustParse(v2.dump());
  EXPECT_EQ(c.choice, Choice::GroupMax);
  EXPECT_EQ(c.groups, 4);
  EXPECT_FALSE(c.routerBias);
  c = mustParse(with(v2, {{"topk_method", "greedy"}, {"n_group", nullptr}, {"topk_group", nullptr}}).dump());
  EXPECT_EQ(c.choice, Choice::Greedy);
  c = mustParse(with(v2, {{"norm_topk_prob", true}}).dump());
  EXPECT_FALSE(c.normTopKProb) << "transformers never normalises V2's weights";
  EXPECT_EQ(c.notes.size(), 1u);
  c = mustParse(with(tinyR1(), {{"mlp_layer_types", {"dense", "dense", "sparse"}}}).dump());
  EXPECT_EQ(c.firstKDenseReplace, 2);
  json shared = tinyR1();
  shared["n_shared_experts"] = nullptr;
  EXPECT_EQ(mustParse(shared.dump()).sharedExperts, 0);
  c = mustParse(with(tinyR1(), {{"quantization_config", {{"scale_fmt", "ue8m0"}}}}).dump());
  EXPECT_EQ(c.quantization, Quantization::Fp8Block128Ue8m0);
  json quantized = tinyR1();
  quantized["quantization_config"] = {{"quant_method", "fp8"}};
  EXPECT_EQ(mustParse(quantized.dump()).quantization, Quantization::Fp8Block128);
  quantized["quantization_config"]["weight_block_size"] = nullptr;
  expectLine(messageOf(ModelConfig::parse(quantized.dump(), "config.json")),
             {"weight_block_size", "[128, 128]"});
  c = mustParse(with(tinyR1(), {{"eos_token_id", {1, 512}}, {"bos_token_id", 99999}}).dump());
  EXPECT_EQ(c.eos, std::vector<int64_t>{1});
  EXPECT_FALSE(c.bos.has_value());
  EXPECT_EQ(c.notes.size(), 2u);
}

TEST(ModelConfig, RefusesEachBadValueByName) {
  for (const Refused& row : refusedPatches()) {
    std::vector<std::string> parts = row.message;
    parts.push_back("config.json: ");
    parts.push_back("; ");
    expectLine(messageOf(ModelConfig::parse(with(tinyR1(), row.patch).dump(), "config.json")), parts);
  }
}

TEST(ModelConfig, RefusesWhatIsNotStrictJson) {
  for (const char* text :
       {"", "{", "[]", "3", "{\"model_type\":\"deepseek_v3\",\"model_type\":\"deepseek_v2\"}", "{} {}",
        "\xEF\xBB\xBF{}", "{\"a\":NaN}", "{\"a\":1e999}", "{'a':1}"})
    expectLine(messageOf(ModelConfig::parse(text, "config.json")), {"config.json: "});
  expectLine(messageOf(ModelConfig::parse(std::string(1'000'000, '['), "config.json")),
             {"nested deeper than 64"});
  expectLine(messageOf(ModelConfig::load("/nonexistent")), {"config.json", "cannot be opened"});
}

} // namespace
