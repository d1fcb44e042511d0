// Every config.json of the family comes to one normal form; every other one is refused in one line that says why.
#include "compiler/checkpoint/ModelConfig.h"
#include "test/unit/compiler/checkpoint/Support.h"

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

// R1's published keys in small.
json tinyR1() {
  return {{"model_type", "deepseek_v3"}, {"hidden_size", 128}, {"num_hidden_layers", 3}, {"vocab_size", 512},
          {"num_attention_heads", 4}, {"num_key_value_heads", 4}, {"intermediate_size", 256}, {"moe_intermediate_size", 64},
          {"q_lora_rank", 32}, {"kv_lora_rank", 32}, {"qk_nope_head_dim", 16}, {"qk_rope_head_dim", 8}, {"v_head_dim", 24},
          {"n_routed_experts", 8}, {"n_shared_experts", 1}, {"num_experts_per_tok", 2}, {"n_group", 4}, {"topk_group", 2},
          {"scoring_func", "sigmoid"}, {"topk_method", "noaux_tc"}, {"norm_topk_prob", true}, {"routed_scaling_factor", 2.5},
          {"first_k_dense_replace", 1}, {"moe_layer_freq", 1}, {"max_position_embeddings", 163840}, {"rms_norm_eps", 1e-6},
          {"rope_theta", 10000}, {"bos_token_id", 0}, {"eos_token_id", 1}, {"hidden_act", "silu"}, {"attention_bias", false},
          {"num_nextn_predict_layers", 1}, {"tie_word_embeddings", false}, {"torch_dtype", "bfloat16"},
          {"rope_scaling",
           {{"type", "yarn"}, {"factor", 40}, {"beta_fast", 32}, {"beta_slow", 1}, {"mscale", 1.0}, {"mscale_all_dim", 1.0},
            {"original_max_position_embeddings", 4096}}},
          {"quantization_config",
           {{"quant_method", "fp8"}, {"fmt", "e4m3"}, {"activation_scheme", "dynamic"}, {"weight_block_size", {128, 128}}}}};
}

json with(json base, const json& patch) {
  base.merge_patch(patch); // null in a patch removes the key
  return base;
}

std::string publishedConfig(const std::string& model) { return sharedPath("models/" + model + "/config.json"); }

TEST(ModelConfig, ReadsPublishedR1AndV3) {
  std::string r1 = publishedConfig("deepseek-ai/DeepSeek-R1"), v3 = publishedConfig("deepseek-ai/DeepSeek-V3");
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
  std::string lite = publishedConfig("deepseek-ai/DeepSeek-V2-Lite"), kimi = publishedConfig("moonshotai/Kimi-K2-Instruct");
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
  std::string qwen = sharedPath("models/deepseek-ai/derived/DeepSeek-R1-Distill-Qwen-1.5B.config.derived.json");
  std::string demo = sharedPath("models/deepseek-ai/DeepSeek-V3-inference-config_671B.json");
  if (sparse.empty())
    GTEST_SKIP() << "R1C_SHARED names no folder with data/models";
  expectLine(messageOf(ModelConfig::parse(readAll(sparse), "config.json")), {"config.json", "deepseek_v32", "sparse", "choose"});
  expectLine(messageOf(ModelConfig::parse(readAll(qwen), "config.json")), {"qwen2", "latent attention", "choose"});
  expectLine(messageOf(ModelConfig::parse(readAll(demo), "config.json")), {"model_type is missing", "deepseek_v3"});
}

TEST(ModelConfig, ReadsTheOtherSpellings) {
  // As transformers 5 writes the same model: rope_parameters, dtype, num_mtp_layers, no scoring_func and no topk_method.
  json modern = tinyR1();
  json rope = modern["rope_scaling"];
  rope.erase("type");
  rope["rope_type"] = "yarn";
  rope["rope_theta"] = 10000.0;
  for (const char* key : {"rope_scaling", "rope_theta", "torch_dtype", "scoring_func", "topk_method", "num_nextn_predict_layers"})
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
  json glm = {{"model_type", "glm4_moe_lite"}, {"hidden_size", 2048}, {"num_hidden_layers", 47}, {"vocab_size", 154880},
              {"num_attention_heads", 20}, {"intermediate_size", 10240}, {"moe_intermediate_size", 1536},
              {"rope_theta", 1000000}, {"rope_scaling", nullptr}, {"partial_rotary_factor", 1.0}, {"num_nextn_predict_layers", 1},
              {"eos_token_id", {154820, 154827, 154829}}, {"dtype", "bfloat16"}};
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
  c = mustParse(with(tinyR1(), {{"rope_scaling", nullptr}, {"quantization_config", nullptr}, {"rms_norm_eps", 1e-5}}).dump());
  EXPECT_FALSE(c.yarn.has_value());
  EXPECT_EQ(c.quantization, Quantization::None);
  json moonlight = tinyR1();
  moonlight["q_lora_rank"] = nullptr;
  EXPECT_FALSE(mustParse(moonlight.dump()).qLoraRank.has_value());
  moonlight.erase("q_lora_rank");
  EXPECT_EQ(mustParse(moonlight.dump()).qLoraRank, 1536) << "absent is the default, null is none";
}

TEST(ModelConfig, NormalisesRoutersAndLayers) {
  EXPECT_EQ(mustParse(with(tinyR1(), {{"topk_group", 4}}).dump()).choice, Choice::Greedy) << "all groups stay";
  json v2 = with(tinyR1(), {{"model_type", "deepseek_v2"}, {"scoring_func", "softmax"}, {"topk_method", "group_limited_greedy"},
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
  c = mustParse(with(tinyR1(), {{"eos_token_id", {1, 512}}, {"bos_token_id", 99999}}).dump());
  EXPECT_EQ(c.eos, std::vector<int64_t>{1});
  EXPECT_FALSE(c.bos.has_value());
  EXPECT_EQ(c.notes.size(), 2u);
}

TEST(ModelConfig, RefusesEachBadValueByName) {
  struct Row {
    json patch;
    std::vector<std::string> message;
  };
  const Row rows[] = {
      {{{"hidden_size", 0}}, {"hidden_size is 0", "from 1 to"}},
      {{{"hidden_size", nullptr}}, {"hidden_size is missing"}},
      {{{"hidden_size", "128"}}, {"hidden_size is '128'", "an integer"}},
      {{{"hidden_size", 128.0}}, {"hidden_size is 128.0", "an integer"}},
      {{{"hidden_size", 18446744073709551615u}}, {"hidden_size is 18446744073709551615"}},
      {{{"hidden_size", true}}, {"hidden_size is true"}},
      {{{"hidden_size", {1, 2}}}, {"hidden_size is a list"}},
      {{{"num_hidden_layers", -1}}, {"num_hidden_layers is -1"}},
      {{{"num_key_value_heads", 1}}, {"num_key_value_heads is 1", "(4)"}},
      {{{"qk_rope_head_dim", 7}}, {"qk_rope_head_dim is 7", "even"}},
      {{{"num_experts_per_tok", 9}}, {"num_experts_per_tok is 9", "from 1 to 8"}},
      {{{"num_experts_per_tok", 5}}, {"num_experts_per_tok is 5", "(4)"}},
      {{{"n_group", 3}}, {"n_group is 3", "divisor", "(8)"}},
      {{{"n_group", 8}}, {"n_group is 8", "at least two experts"}},
      {{{"topk_group", 5}}, {"topk_group is 5", "from 1 to 4"}},
      {{{"scoring_func", "softmax"}}, {"scoring_func is 'softmax'", "'sigmoid'"}},
      {{{"topk_method", "greedy"}}, {"topk_method is 'greedy'", "'noaux_tc'"}},
      {{{"routed_scaling_factor", 0}}, {"routed_scaling_factor is 0"}},
      {{{"routed_scaling_factor", "2"}}, {"routed_scaling_factor is '2'", "a number"}},
      {{{"n_routed_experts", 100000}}, {"n_routed_experts is 100000"}},
      {{{"rms_norm_eps", 0}}, {"rms_norm_eps is 0"}},
      {{{"rms_norm_eps", -1e-6}}, {"rms_norm_eps is -1e-06"}},
      {{{"rope_theta", 1}}, {"rope_theta is 1"}},
      {{{"rope_scaling", {{"type", "llama3"}}}}, {"rope_scaling.type is 'llama3'", "'yarn'"}},
      {{{"rope_scaling", {{"factor", 0.5}}}}, {"rope_scaling.factor is 0.5"}},
      {{{"rope_scaling", {{"beta_fast", 0.5}}}}, {"rope_scaling.beta_fast is 0.5", "beta_slow"}},
      {{{"rope_scaling", {{"original_max_position_embeddings", 0}}}}, {"rope_scaling.original_max_position_embeddings is 0"}},
      {{{"rope_scaling", 40}}, {"rope_scaling is 40", "an object"}},
      {{{"partial_rotary_factor", 0.5}}, {"partial_rotary_factor is 0.5", "expected 1"}},
      {{{"hidden_act", "gelu"}}, {"hidden_act is 'gelu'", "'silu'"}},
      {{{"attention_bias", true}}, {"attention_bias is true", "biases", "not supported"}},
      {{{"attention_bias", 1}}, {"attention_bias is 1", "true or false"}},
      {{{"torch_dtype", "int8"}}, {"torch_dtype is 'int8'", "'bfloat16'"}},
      {{{"eos_token_id", "1"}}, {"eos_token_id is '1'"}},
      {{{"bos_token_id", {1, 2}}}, {"bos_token_id is a list", "one token"}},
      {{{"mlp_layer_types", {"dense", "sparse", "dense"}}}, {"mlp_layer_types is a list", "first 'dense'"}},
      {{{"index_topk", 2048}}, {"index_topk is 2048", "sparse"}},
      {{{"quantization_config", {{"quant_method", "compressed-tensors"}}}}, {"quant_method is 'compressed-tensors'", "INT4"}},
      {{{"quantization_config", {{"weight_block_size", {1, 128}}}}}, {"weight_block_size is a list", "[128, 128]"}},
      {{{"quantization_config", {{"fmt", "e5m2"}}}}, {"quantization_config.fmt is 'e5m2'"}},
      {{{"quantization_config", {{"activation_scheme", "static"}}}}, {"activation_scheme is 'static'"}},
      {{{"quantization_config", {{"scale_fmt", "e8"}}}}, {"scale_fmt is 'e8'", "'ue8m0'"}},
      {{{"model_type", "mystery"}}, {"model_type is 'mystery'", "deepseek_v2, deepseek_v3, glm4_moe_lite or kimi_k2"}},
      {{{"model_type", "deepseek_v4"}}, {"deepseek_v4", "hyper-connections"}},
      {{{"model_type", "kimi_k25"}}, {"kimi_k25", "INT4"}},
      {{{"model_type", nullptr}}, {"model_type is missing"}},
      {{{"model_type", 3}}, {"model_type is 3", "text"}},
  };
  for (const Row& row : rows) {
    std::vector<std::string> parts = row.message;
    parts.push_back("config.json: ");
    parts.push_back("; ");
    expectLine(messageOf(ModelConfig::parse(with(tinyR1(), row.patch).dump(), "config.json")), parts);
  }
}

TEST(ModelConfig, RefusesWhatIsNotStrictJson) {
  for (const char* text : {"", "{", "[]", "3", "{\"model_type\":\"deepseek_v3\",\"model_type\":\"deepseek_v2\"}", "{} {}", "\xEF\xBB\xBF{}",
                           "{\"a\":NaN}", "{\"a\":1e999}", "{'a':1}"})
    expectLine(messageOf(ModelConfig::parse(text, "config.json")), {"config.json: "});
  expectLine(messageOf(ModelConfig::parse(std::string(1'000'000, '['), "config.json")), {"nested deeper than 64"});
  expectLine(messageOf(ModelConfig::load("/nonexistent")), {"config.json", "cannot be opened"});
}

} // namespace
