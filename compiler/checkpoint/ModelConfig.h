// What a config.json of the R1 family says, brought to one form: every default filled in, every synonym
// resolved, every range checked. Nothing after this file asks which model type it was.
//
// Where Hugging Face's transformers (read at 5.23) and DeepSeek's own code (configuration_deepseek.py and
// modeling_deepseek.py beside the checkpoints; deepseek-ai/DeepSeek-V3 inference/model.py) disagree,
// transformers is followed, because it is what answers are compared with; the places are marked "differs:" in
// ModelConfig.cpp and Rotary.h.
#pragma once
#include "compiler/checkpoint/Safetensors.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace r1::checkpoint {

enum class ModelType { DeepseekV2, DeepseekV3, KimiK2, Glm4MoeLite };
enum class Scoring { Softmax, Sigmoid };
enum class Choice {
  Greedy,      // top_k over all experts
  GroupMax,    // first topk_group groups by their best expert, then top_k within them
  GroupTop2Sum // groups by the sum of their two best
};
enum class Quantization {
  None,
  Fp8Block128,
  Fp8Block128Ue8m0
}; // e4m3, one float scale (ue8m0: a power of two) a 128x128 block
llvm::StringRef nameOf(ModelType type); // "deepseek_v3"

struct Yarn {
  double factor = 1;
  double betaFast = 32, betaSlow = 1;
  double mscale = 0, mscaleAllDim = 0; // 0: not given
  int64_t originalMaxPosition = 0;
  std::optional<double> attentionFactor; // overrides the quotient of the two mscales
  bool truncate = true;                  // the correction range is rounded to whole dimensions
};

struct ModelConfig {
  ModelType type = ModelType::DeepseekV3;
  int64_t hiddenSize = 0, numLayers = 0, vocabSize = 0, maxPositions = 0;

  // Attention. Without qLoraRank there is one q_proj in place of q_a_proj, q_a_layernorm, q_b_proj.
  int64_t heads = 0;
  std::optional<int64_t> qLoraRank;
  int64_t kvLoraRank = 0, qkNopeHeadDim = 0, qkRopeHeadDim = 0, vHeadDim = 0;
  double ropeTheta = 10000;
  bool ropeInterleave = true; // pairs (2i, 2i+1); false: (i, i + rope/2)
  std::optional<Yarn> yarn;

  // Feed-forward. Layer i is dense where !isMoeLayer(i).
  int64_t intermediateSize = 0, moeIntermediateSize = 0;
  int64_t firstKDenseReplace = 0, moeLayerFreq = 1;
  int64_t routedExperts = 0, sharedExperts = 0, topK = 0;
  Scoring scoring = Scoring::Sigmoid;
  Choice choice = Choice::Greedy; // Greedy also where groups make no difference
  int64_t groups = 1, topKGroups = 1;
  bool routerBias = false; // e_score_correction_bias: added for the choice, not to the weights
  bool normTopKProb = false;
  double routedScalingFactor = 1; // multiplies the weights, after normalisation

  double epsilon = 1e-6;       // input, post-attention, final and MTP norms
  double latentEpsilon = 1e-6; // q_a_layernorm, kv_a_layernorm: not the config's, see ModelConfig.cpp
  bool tieWordEmbeddings = false;
  // Multi-token-prediction layers, numbered from numLayers on; their tensors may be absent all the same.
  int64_t mtpLayers = 0;

  Quantization quantization = Quantization::None;
  // quantization_config.modules_to_not_convert: whole parts of tensor names, between dots.
  std::vector<std::string> unquantizedModules;
  DType weightType = DType::BF16; // dtype or torch_dtype: of what is not quantised

  std::optional<int64_t> bos;
  std::vector<int64_t> eos;

  Hash sourceHash{};              // of the config.json's bytes
  std::vector<std::string> notes; // what was read otherwise than it is written, one line each

  int64_t qkHeadDim() const { return qkNopeHeadDim + qkRopeHeadDim; }
  int64_t sharedIntermediateSize() const { return sharedExperts * moeIntermediateSize; }
  bool isMoeLayer(int64_t layer) const { return layer >= firstKDenseReplace && layer % moeLayerFreq == 0; }

  // Each failure is one line: file, key, found, expected, cure.
  static llvm::Expected<ModelConfig> parse(llvm::StringRef text, llvm::StringRef file);
  static llvm::Expected<ModelConfig> load(llvm::StringRef folder); // folder/config.json
};

} // namespace r1::checkpoint
