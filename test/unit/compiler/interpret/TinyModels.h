// Small configurations of every kind the family has, and weights for them that are a function of their names.
// For tests that import a model and compute with it; nothing is written to disk.
#pragma once
#include "compiler/checkpoint/ExpectedTensors.h"
#include "compiler/import/ImportModel.h"
#include "compiler/interpret/Logits.h"
#include "kernels/common/numeric.h"
#include "mlir/IR/MLIRContext.h"
#include "test/unit/compiler/interpret/Compare.h"
#include <cmath>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <random>

namespace r1::interpret::test {

using nlohmann::json;

// R1 in small: q_lora, groups, bias, YaRN, a dense first layer, one shared expert.
inline json tinyR1() {
  return json::parse(
      R"({"model_type": "deepseek_v3", "hidden_size": 96, "intermediate_size": 160, "moe_intermediate_size": 48,
    "num_hidden_layers": 3, "first_k_dense_replace": 1, "num_attention_heads": 4, "q_lora_rank": 48, "kv_lora_rank": 64,
    "qk_nope_head_dim": 32, "qk_rope_head_dim": 16, "v_head_dim": 32, "n_routed_experts": 16, "n_shared_experts": 1,
    "num_experts_per_tok": 4, "n_group": 4, "topk_group": 2, "topk_method": "noaux_tc", "scoring_func": "sigmoid",
    "norm_topk_prob": true, "routed_scaling_factor": 2.5, "rms_norm_eps": 1e-6, "rope_theta": 10000, "vocab_size": 96,
    "max_position_embeddings": 4096, "bos_token_id": 0, "eos_token_id": 1, "torch_dtype": "bfloat16", "hidden_act": "silu",
    "rope_scaling": {"type": "yarn", "factor": 40, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0,
                     "original_max_position_embeddings": 64}})");
}

inline json with(json config, const json& changes) {
  config.update(changes);
  return config;
}

inline json fp8(json config) {
  config["quantization_config"] = {{"quant_method", "fp8"},
                                   {"fmt", "e4m3"},
                                   {"activation_scheme", "dynamic"},
                                   {"weight_block_size", {128, 128}}};
  return config;
}

inline json moonlight() { // no q_lora, no YaRN, no groups, two shared experts
  return with(tinyR1(), {{"q_lora_rank", nullptr},
                         {"rope_scaling", nullptr},
                         {"n_group", 1},
                         {"topk_group", 1},
                         {"n_shared_experts", 2},
                         {"rms_norm_eps", 1e-5}});
}

inline json tinyV2() { // softmax over groups scored by their maximum, no bias, weights not normalised
  return with(tinyR1(), {{"model_type", "deepseek_v2"},
                         {"topk_method", "group_limited_greedy"},
                         {"scoring_func", "softmax"},
                         {"norm_topk_prob", false},
                         {"routed_scaling_factor", 16.0},
                         {"n_shared_experts", 2}});
}

inline json oddSizes() { // no dimension is a multiple of 16, nope != v, FP8 blocks are cut off everywhere
  return fp8(with(tinyR1(), {{"hidden_size", 140},
                             {"intermediate_size", 203},
                             {"moe_intermediate_size", 27},
                             {"kv_lora_rank", 50},
                             {"q_lora_rank", 37},
                             {"qk_nope_head_dim", 26},
                             {"qk_rope_head_dim", 10},
                             {"v_head_dim", 22},
                             {"num_attention_heads", 3},
                             {"vocab_size", 101},
                             {"num_hidden_layers", 2}}));
}

inline json alignedFp8() { // q_lora is one scale block high, so that q_a and kv_a may be stacked
  return fp8(
      with(tinyR1(),
           {{"hidden_size", 160}, {"q_lora_rank", 128}, {"kv_lora_rank", 144}, {"num_hidden_layers", 2}}));
}

// Values in [-1, 1) * sqrt(3 / columns), norms near 1, FP8 weights e4m3 codes with scales of their own;
// rounded to the stored type.
class SyntheticWeights : public WeightSource {
public:
  SyntheticWeights(const checkpoint::Checkpoint& checkpoint, uint32_t seed)
      : checkpoint(checkpoint), seed(seed) {}

  llvm::Expected<std::vector<float>> read(llvm::StringRef name, llvm::ArrayRef<int64_t> shape) override {
    const checkpoint::TensorInfo* tensor = checkpoint.find(name);
    if (!tensor || llvm::ArrayRef<int64_t>(tensor->shape) != shape)
      return checkpoint::fail("the graph asks for tensor '" + name + "' in a shape that it has not");
    std::vector<float>& values = known[name];
    if (!values.empty())
      return values;
    std::string text = name.str();
    std::seed_seq sequence(text.begin(), text.end());
    std::mt19937 random(std::mt19937(sequence)() + seed);
    auto unit = [&] { return std::uniform_real_distribution<float>(-1, 1)(random); };
    values.resize(tensor->elements());
    float amplitude = std::sqrt(3.0f / static_cast<float>(shape.back()));
    for (float& value : values) {
      if (name.ends_with("_scale_inv"))
        value = (1.5f + unit()) * std::sqrt(3.0f / 128) / 448;
      else if (tensor->dtype == checkpoint::DType::F8E4M3)
        value = kernels::f32_from_e4m3(kernels::e4m3_from_f32(448 * unit()));
      else if (name.contains("norm"))
        value = 1 + unit() / 8;
      else if (name.ends_with("bias"))
        value = unit() / 4;
      else
        value = name.contains("embed_tokens") ? unit() * std::sqrt(3.0f) : unit() * amplitude;
      if (tensor->dtype == checkpoint::DType::BF16)
        value = kernels::f32_from_bf16(kernels::bf16_from_f32(value));
    }
    return values;
  }

private:
  const checkpoint::Checkpoint& checkpoint;
  uint32_t seed;
  llvm::StringMap<std::vector<float>> known;
};

// A configuration with a checkpoint of synthetic weights.
struct TinyModel {
  explicit TinyModel(const json& text, uint32_t seed = 1)
      : config(parse(text)), declared(checkpoint::declaredCheckpoint(config)), weights(declared, seed) {}

  mlir::OwningOpRef<mlir::ModuleOp> import(mlir::MLIRContext& context, bool withMtp = false) const {
    auto module = r1::import::importModel(context, config, declared, r1::import::StepLimits(), withMtp);
    if (!module) {
      ADD_FAILURE() << llvm::toString(module.takeError());
      return nullptr;
    }
    return std::move(*module);
  }

  // Logits of `count` tokens: a prompt in chunks of 7, the rest from `decodeFrom` on through decode.
  std::vector<float> logits(mlir::ModuleOp module, int64_t count, int64_t decodeFrom, int64_t chunk = 7) {
    LogitsRequest request{{}, chunk, decodeFrom};
    for (int64_t i = 0; i < count; ++i)
      request.tokens.push_back(static_cast<int32_t>((i * 37 + 11) % config.vocabSize));
    auto result = interpretLogits(module, weights, request);
    if (!result) {
      ADD_FAILURE() << llvm::toString(result.takeError());
      return {};
    }
    return std::move(result->data);
  }

  // One chunk of `chunk` tokens after another, of each the logits of the rows wanted.
  std::vector<std::vector<float>> chosenLogits(mlir::ModuleOp module, int32_t chunk,
                                               const std::vector<std::vector<int32_t>>& wanted) {
    WeightStore store(weights);
    auto interpreter = Interpreter::create(module.lookupSymbol<mlir::func::FuncOp>("prefill"), store);
    EXPECT_TRUE(static_cast<bool>(interpreter));
    LatentCache cache(config.numLayers, config.kvLoraRank, config.qkRopeHeadDim, 1);
    std::vector<std::vector<float>> found;
    const std::vector<int32_t> slot = {0};
    for (const std::vector<int32_t>& rows : wanted) {
      std::vector<int32_t> ids, positions;
      for (int32_t i = 0; i < chunk; ++i) {
        positions.push_back(int32_t(found.size()) * chunk + i);
        ids.push_back((positions.back() * 37 + 11) % int32_t(config.vocabSize));
      }
      auto part = interpreter->step({ids, positions, rows, slot}, cache);
      if (!part)
        ADD_FAILURE() << llvm::toString(part.takeError());
      found.push_back(part ? (*part)->data : std::vector<float>());
      EXPECT_EQ(found.back().size(), rows.size() * config.vocabSize);
    }
    return found;
  }

  static checkpoint::ModelConfig parse(const json& text) {
    auto parsed = checkpoint::ModelConfig::parse(text.dump(), "config.json");
    if (!parsed) {
      ADD_FAILURE() << llvm::toString(parsed.takeError());
      return {};
    }
    return std::move(*parsed);
  }

  checkpoint::ModelConfig config;
  checkpoint::Checkpoint declared;
  SyntheticWeights weights;
};

} // namespace r1::interpret::test
