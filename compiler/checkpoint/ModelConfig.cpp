#include "compiler/checkpoint/ModelConfig.h"
#include "compiler/checkpoint/ConfigReader.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"

using namespace llvm;
using nlohmann::json;

namespace r1::checkpoint {
namespace {

constexpr uint64_t kMaxConfigBytes = 16u << 20;

// Bounds that no member of the family comes near, chosen so that no product below overflows 63 bits: an
// expert has less than 2^39 weights, a layer less than 2^51, all layers less than 2^61.
constexpr int64_t kMaxWidth = 1 << 18, kMaxIntermediate = 1 << 20, kMaxHeadDim = 1 << 12, kMaxHeads = 1 << 10;
constexpr int64_t kMaxLayers = 1 << 10, kMaxExperts = 1 << 12, kMaxVocab = 1 << 24, kMaxPosition = 1 << 30;
constexpr int64_t kMaxExpertsInAll = 1 << 18;

// What a key means where it is absent: transformers' configuration class of the type (Kimi-K2 ships
// DeepSeek-V3's). Sizes that every published config states (hidden_size, ...) have no default here: a guess
// would be wrong without a sign.
struct Defaults {
  ModelType type;
  StringLiteral name;
  int64_t routedExperts = 256, sharedExperts = 1;
  std::optional<int64_t> topK = 8;
  int64_t groups = 8, topKGroups = 4, firstDense = 3;
  double scaling = 2.5;
  bool normTopK = true;
  StringLiteral scoring = "sigmoid", method = "noaux_tc";
  int64_t kvLora = 512, qLora = 1536, nope = 128, rope = 64, v = 128;
  int64_t maxPositions = 4096;
  double epsilon = 1e-6;
  int64_t bos = 0, eos = 1;
};

Defaults deepseekV2() {
  Defaults d{ModelType::DeepseekV2, "deepseek_v2"};
  d.routedExperts = 64;
  d.sharedExperts = 2;
  d.topK = std::nullopt;
  d.groups = d.topKGroups = 1;
  d.firstDense = 0;
  d.scaling = 1;
  d.normTopK = false;
  d.scoring = "softmax";
  d.method = "greedy";
  d.maxPositions = 2048;
  d.bos = 1;
  d.eos = 2;
  return d;
}

// Its published config has no scoring_func; taking it for softmax is a mistake others made (llama.cpp PR
// 18980).
Defaults glm4MoeLite() {
  Defaults d{ModelType::Glm4MoeLite, "glm4_moe_lite"};
  d.routedExperts = 64;
  d.topK = 4;
  d.groups = d.topKGroups = d.firstDense = 1;
  d.scaling = 1.8;
  d.qLora = 768;
  d.nope = 192;
  d.v = 256;
  d.maxPositions = 202752;
  d.epsilon = 1e-5;
  return d;
}

// In the order of ModelType.
const Defaults kTypes[] = {
    deepseekV2(), {ModelType::DeepseekV3, "deepseek_v3"}, {ModelType::KimiK2, "kimi_k2"}, glm4MoeLite()};

struct Refusal {
  StringLiteral type, reason;
};
constexpr Refusal kOutOfFamily[] = {
    {"deepseek_v32",
     "its attention is sparse (an indexer chooses 2048 tokens); choose DeepSeek-R1, V3 or V3.1"},
    {"glm_moe_dsa", "its attention is sparse (an indexer chooses tokens); choose GLM-4.7-Flash"},
    {"deepseek_v4",
     "it has hyper-connections, compressed attention and FP4 experts; choose DeepSeek-R1, V3 or V3.1"},
    {"kimi_k25",
     "it wraps the text model in a multimodal one and its experts are INT4; choose Kimi-K2-Instruct"},
    {"kimi_k3", "its layers are partly linear attention; choose Kimi-K2-Instruct"},
    {"kimi_linear", "its layers are partly linear attention; choose Kimi-K2-Instruct"},
    {"kimi_vl", "it wraps the text model in a multimodal one; choose Moonlight-16B-A3B"},
    {"deepseek_vl_v2", "it wraps the text model in a multimodal one; choose DeepSeek-V2 or V2-Lite"},
    {"deepseek", "it has no latent attention; choose DeepSeek-V2-Lite"},
    {"qwen2",
     "it has no latent attention (R1-Distill-Qwen is a Qwen2 model); choose DeepSeek-R1, V3 or V2-Lite"},
    {"qwen3",
     "it has no latent attention (R1-0528-Qwen3 is a Qwen3 model); choose DeepSeek-R1, V3 or V2-Lite"},
    {"llama",
     "it has no latent attention (R1-Distill-Llama is a Llama model); choose DeepSeek-R1, V3 or V2-Lite"},
};

const Defaults* findType(ConfigReader& reader) {
  constexpr StringLiteral kSupported = "deepseek_v2, deepseek_v3, glm4_moe_lite or kimi_k2";
  std::string name = reader.text("model_type", "");
  for (const Defaults& type : kTypes)
    if (type.name == name)
      return &type;
  for (const Refusal& refusal : kOutOfFamily)
    if (refusal.type == name) {
      reader.problem("model_type is '" + name + "', expected " + kSupported + ": " + refusal.reason);
      return nullptr;
    }
  reader.wrong("model_type", kSupported, "choose a model of the DeepSeek-R1 family");
  return nullptr;
}

void readAttention(ConfigReader& reader, const json& root, const Defaults& type, ModelConfig& config) {
  config.heads = reader.integer("num_attention_heads", std::nullopt, 1, kMaxHeads);
  int64_t keyHeads = reader.integer("num_key_value_heads", config.heads, 1, kMaxHeads);
  if (keyHeads != config.heads)
    reader.wrong("num_key_value_heads",
                 "num_attention_heads (" + Twine(config.heads) + "): latent attention shares no heads");
  // null says "one q_proj"; only an absent key means the default rank.
  if (!root.contains("q_lora_rank") || reader.has("q_lora_rank"))
    config.qLoraRank = reader.integer("q_lora_rank", type.qLora, 1, kMaxWidth);
  config.kvLoraRank = reader.integer("kv_lora_rank", type.kvLora, 1, kMaxWidth);
  config.qkNopeHeadDim = reader.integer("qk_nope_head_dim", type.nope, 1, kMaxHeadDim);
  config.qkRopeHeadDim = reader.integer("qk_rope_head_dim", type.rope, 2, kMaxHeadDim);
  config.vHeadDim = reader.integer("v_head_dim", type.v, 1, kMaxHeadDim);
  if (config.qkRopeHeadDim % 2 != 0)
    reader.wrong("qk_rope_head_dim", "an even number");
  for (StringRef key : {"attention_bias", "mlp_bias"})
    if (reader.boolean(key, false))
      reader.wrong(key, "false", "biases in projections are not supported; no model of the family has them");
  // DeepSeek-V3.2's key in a folder that calls itself something else: the graph would differ beyond 2048
  // tokens.
  if (reader.has("index_topk"))
    reader.wrong("index_topk", "no such key",
                 "sparse attention is not supported; choose DeepSeek-R1, V3 or V3.1");
}

// transformers: rope_scaling wins over rope_parameters, and inside it rope_type over type, rope_theta over
// the outer one.
void readRope(ConfigReader& reader, ModelConfig& config, StringRef file) {
  StringRef key = reader.has("rope_scaling") ? "rope_scaling" : "rope_parameters";
  const json empty = json::object();
  const json* section = reader.section(key);
  ConfigReader rope(section ? *section : empty, file, key.str() + ".");
  constexpr double kMaxTheta = 1e15;
  double outerTheta = reader.real("rope_theta", 10000, 1.0001, kMaxTheta);
  config.ropeTheta = rope.real("rope_theta", outerTheta, 1.0001, kMaxTheta);
  if (rope.real("partial_rotary_factor", reader.real("partial_rotary_factor", 1, 0, 1), 0, 1) != 1)
    (rope.has("partial_rotary_factor") ? rope : reader)
        .wrong("partial_rotary_factor", "1: the rotary part has its own head size");
  // differs: DeepSeek-V2's rotation is written for pairs (2i, 2i+1) only, in both sources; the key means
  // nothing there.
  config.ropeInterleave = config.type == ModelType::DeepseekV2 || reader.boolean("rope_interleave", true);

  StringRef typeKey = rope.has("rope_type") ? "rope_type" : "type";
  std::string type = rope.text(typeKey, "default");
  if (type == "yarn") {
    Yarn yarn;
    yarn.originalMaxPosition =
        rope.integer("original_max_position_embeddings", config.maxPositions, 1, kMaxPosition);
    double quotient =
        static_cast<double>(config.maxPositions) / static_cast<double>(yarn.originalMaxPosition);
    yarn.factor = rope.real("factor", quotient, 1, 1e6);
    // transformers takes 0 for "not given".
    auto orDefault = [](double value, double fallback) { return value == 0 ? fallback : value; };
    yarn.betaFast = orDefault(rope.real("beta_fast", 32, 0, 1e6), 32);
    yarn.betaSlow = orDefault(rope.real("beta_slow", 1, 0, 1e6), 1);
    if (yarn.betaFast < yarn.betaSlow)
      rope.wrong("beta_fast", "at least beta_slow (" + std::to_string(yarn.betaSlow) + ")");
    yarn.mscale = rope.real("mscale", 0, 0, 1e3);
    yarn.mscaleAllDim = rope.real("mscale_all_dim", 0, 0, 1e3);
    if (rope.has("attention_factor"))
      yarn.attentionFactor = rope.real("attention_factor", std::nullopt, 1e-6, 1e6);
    yarn.truncate = rope.boolean("truncate", true);
    config.yarn = yarn;
  } else if (type != "default") {
    rope.wrong(typeKey, "'yarn' or 'default'", "no model of the family scales its positions otherwise");
  }
  reader.absorb(rope);
}

void readRouter(ConfigReader& reader, const json& root, const Defaults& type, ModelConfig& config) {
  config.routedExperts = reader.integer("n_routed_experts", type.routedExperts, 1, kMaxExperts);
  // null says "none"; only an absent key means the default.
  config.sharedExperts =
      reader.integer("n_shared_experts", root.contains("n_shared_experts") ? 0 : type.sharedExperts, 0, 64);
  config.moeIntermediateSize = reader.integer("moe_intermediate_size", std::nullopt, 1, kMaxIntermediate);
  config.topK = reader.integer("num_experts_per_tok", type.topK, 1, config.routedExperts);
  config.groups = reader.integer("n_group", type.groups, 1, config.routedExperts);
  config.topKGroups =
      reader.integer("topk_group", std::min(type.topKGroups, config.groups), 1, config.groups);
  config.routedScalingFactor = reader.real("routed_scaling_factor", type.scaling, 1e-6, 1e6);
  config.normTopKProb = reader.boolean("norm_topk_prob", type.normTopK);

  bool second = config.type == ModelType::DeepseekV2;
  std::string scoring = reader.text("scoring_func", type.scoring),
              method = reader.text("topk_method", type.method);
  // differs: transformers ignores scoring_func, and topk_method except for V2; DeepSeek's own code knows just
  // these values.
  if (scoring != type.scoring)
    reader.wrong("scoring_func", "'" + type.scoring + "' for " + type.name);
  config.scoring = second ? Scoring::Softmax : Scoring::Sigmoid;
  if (second ? method != "greedy" && method != "group_limited_greedy" : method != "noaux_tc")
    reader.wrong("topk_method", second ? "'greedy' or 'group_limited_greedy' for deepseek_v2"
                                       : "'noaux_tc' for " + type.name.str());
  config.routerBias = !second;
  config.choice = !second ? Choice::GroupTop2Sum : method == "greedy" ? Choice::Greedy : Choice::GroupMax;
  // differs: for norm_topk_prob DeepSeek's V2 code divides by the sum and then does not scale; transformers
  // never divides and always scales. All published V2 models say false, where the two agree.
  if (second && config.normTopKProb) {
    config.normTopKProb = false;
    config.notes.push_back("norm_topk_prob is ignored for deepseek_v2, as in transformers");
  }
  // differs: with num_experts_per_tok 1 DeepSeek's code does not normalise, transformers does; no published
  // model has 1.

  if (reader.failed())
    return;
  int64_t groupSize = config.routedExperts / config.groups;
  if (config.choice == Choice::Greedy)
    config.groups = config.topKGroups = 1;
  if (config.routedExperts % config.groups != 0)
    return reader.wrong("n_group", "a divisor of n_routed_experts (" + Twine(config.routedExperts) + ")");
  if (config.topK > config.topKGroups * (config.routedExperts / config.groups))
    return reader.wrong("num_experts_per_tok", "at most topk_group * n_routed_experts / n_group (" +
                                                   Twine(config.topKGroups * groupSize) + ")");
  if (config.topKGroups == config.groups) { // every group stays: the first step chooses nothing
    config.groups = config.topKGroups = 1;
    config.choice = Choice::Greedy;
  }
  if (config.choice == Choice::GroupTop2Sum && groupSize < 2)
    reader.wrong("n_group", "groups of at least two experts, for their two best are added");
}

void readLayers(ConfigReader& reader, const json& root, const Defaults& type, ModelConfig& config) {
  config.intermediateSize = reader.integer("intermediate_size", std::nullopt, 1, kMaxIntermediate);
  config.firstKDenseReplace =
      reader.integer("first_k_dense_replace", std::min(type.firstDense, config.numLayers), 0, kMaxLayers);
  // differs: transformers ignores moe_layer_freq, DeepSeek's code obeys it; every published model says 1.
  config.moeLayerFreq = reader.integer("moe_layer_freq", 1, 1, kMaxLayers);
  // glm4_moe_lite as transformers saves it: a word a layer in place of first_k_dense_replace.
  if (const json* words = reader.find("mlp_layer_types")) {
    auto dense = [](const json& word) { return word == "dense"; };
    bool known = words->is_array() && static_cast<int64_t>(words->size()) == config.numLayers &&
                 all_of(*words, [](const json& word) { return word == "dense" || word == "sparse"; });
    auto sparse = known ? std::find_if_not(words->begin(), words->end(), dense) : words->end();
    if (!known || std::any_of(sparse, words->end(), dense))
      reader.wrong("mlp_layer_types", "one word a layer, first 'dense', then 'sparse'");
    else
      config.firstKDenseReplace = sparse - words->begin();
  }
  if (config.firstKDenseReplace < config.numLayers + config.mtpLayers)
    readRouter(reader, root, type, config);
  if ((config.numLayers + config.mtpLayers) * config.routedExperts > kMaxExpertsInAll)
    reader.wrong("n_routed_experts",
                 "at most " + Twine(kMaxExpertsInAll) + " experts in all layers together");
}

void readQuantization(ConfigReader& reader, ModelConfig& config, StringRef file) {
  const json* section = reader.section("quantization_config");
  if (!section)
    return;
  ConfigReader quant(*section, file, "quantization_config.");
  std::string method = quant.text("quant_method", "");
  constexpr StringLiteral kCure = "use the FP8 or BF16 checkpoint of the model";
  if (method != "fp8")
    quant.wrong("quant_method",
                "'fp8' (e4m3 with 128x128 blocks): INT4, FP4 and other formats are not supported", kCure);
  if (quant.text("fmt", "e4m3") != "e4m3")
    quant.wrong("fmt", "'e4m3'", kCure);
  if (quant.text("activation_scheme", "dynamic") != "dynamic")
    quant.wrong("activation_scheme", "'dynamic'", kCure);
  // transformers takes an absent key for 128x128 and null for one scale a tensor.
  const std::vector<int64_t> block{128, 128};
  std::vector<int64_t> absent = section->contains("weight_block_size") ? std::vector<int64_t>{} : block;
  if (quant.integers("weight_block_size", absent) != block)
    quant.wrong("weight_block_size", "[128, 128]", kCure);
  if (quant.text("expert_dtype", "fp8") != "fp8")
    quant.wrong("expert_dtype", "'fp8'", kCure);
  std::string scales = quant.text("scale_fmt", "float");
  if (scales != "float" && scales != "ue8m0")
    quant.wrong("scale_fmt", "'ue8m0' or no such key", kCure);
  config.quantization = scales == "ue8m0" ? Quantization::Fp8Block128Ue8m0 : Quantization::Fp8Block128;
  if (const json* modules = quant.find("modules_to_not_convert")) {
    if (!modules->is_array() || !all_of(*modules, [](const json& name) { return name.is_string(); }))
      quant.wrong("modules_to_not_convert", "a list of names");
    else
      config.unquantizedModules = modules->get<std::vector<std::string>>();
  }
  reader.absorb(quant);
}

void readTokens(ConfigReader& reader, const Defaults& type, const json& root, ModelConfig& config) {
  // null says "none"; only an absent key means the default.
  std::vector<int64_t> bos = reader.integers("bos_token_id", {}), eos = reader.integers("eos_token_id", {});
  if (!root.contains("bos_token_id"))
    bos = {type.bos};
  if (!root.contains("eos_token_id"))
    eos = {type.eos};
  if (bos.size() > 1)
    reader.wrong("bos_token_id", "one token");
  auto outside = [&](int64_t token) { return token < 0 || token >= config.vocabSize; };
  for (int64_t token : bos)
    if (outside(token))
      config.notes.push_back("bos_token_id " + std::to_string(token) +
                             " lies outside the vocabulary and is ignored");
    else
      config.bos = token;
  for (int64_t token : eos)
    if (outside(token))
      config.notes.push_back("eos_token_id " + std::to_string(token) +
                             " lies outside the vocabulary and is ignored");
    else
      config.eos.push_back(token);
}

void readTypes(ConfigReader& reader, ModelConfig& config) {
  if (reader.text("hidden_act", "silu") != "silu")
    reader.wrong("hidden_act", "'silu'", "no model of the family has another activation");
  StringRef key = reader.has("dtype") ? "dtype" : "torch_dtype";
  std::string type = reader.text(key, "bfloat16");
  if (type == "bfloat16")
    config.weightType = DType::BF16;
  else if (type == "float16")
    config.weightType = DType::F16;
  else if (type == "float32")
    config.weightType = DType::F32;
  else
    reader.wrong(key, "'bfloat16', 'float16' or 'float32'");
}

} // namespace

StringRef nameOf(ModelType type) { return kTypes[static_cast<size_t>(type)].name; }

Expected<ModelConfig> ModelConfig::parse(StringRef text, StringRef file) {
  Expected<json> root = parseJson(text, file);
  if (!root)
    return root.takeError();
  if (!root->is_object())
    return fail(Twine(file) +
                ": is not a JSON object, expected a model's configuration; fetch the file again");
  ConfigReader reader(*root, file);
  const Defaults* type = findType(reader);
  if (!type)
    return reader.takeError();

  ModelConfig config;
  config.type = type->type;
  config.sourceHash = blake2b({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  config.hiddenSize = reader.integer("hidden_size", std::nullopt, 1, kMaxWidth);
  config.numLayers = reader.integer("num_hidden_layers", std::nullopt, 1, kMaxLayers);
  config.vocabSize = reader.integer("vocab_size", std::nullopt, 1, kMaxVocab);
  config.maxPositions = reader.integer("max_position_embeddings", type->maxPositions, 1, kMaxPosition);
  config.epsilon = reader.real("rms_norm_eps", type->epsilon, 1e-12, 1);
  // Neither source hands rms_norm_eps to the two latent norms: they keep their class's 1e-6, also in
  // Moonlight and GLM (1e-5).
  config.latentEpsilon = 1e-6;
  config.tieWordEmbeddings = reader.boolean("tie_word_embeddings", false);
  // Absent means none: whether MTP layers exist is a fact about the checkpoint, and configs of all kinds
  // carry the key.
  StringRef mtpKey = reader.has("num_nextn_predict_layers") ? "num_nextn_predict_layers" : "num_mtp_layers";
  config.mtpLayers = reader.integer(mtpKey, 0, 0, 16);
  readAttention(reader, *root, *type, config);
  readRope(reader, config, file);
  readLayers(reader, *root, *type, config);
  readQuantization(reader, config, file);
  readTokens(reader, *type, *root, config);
  readTypes(reader, config);
  if (reader.failed())
    return reader.takeError();
  return config;
}

Expected<ModelConfig> ModelConfig::load(StringRef folder) {
  SmallString<256> path(folder);
  sys::path::append(path, "config.json");
  Expected<std::string> text = readTextFile(path, kMaxConfigBytes);
  if (!text)
    return text.takeError();
  return parse(*text, path);
}

} // namespace r1::checkpoint
