#include "compiler/checkpoint/ExpectedTensors.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringSet.h"
#include <cmath>

using namespace llvm;

namespace r1::checkpoint {
namespace {

constexpr int64_t kBlock = 128;
int64_t blocks(int64_t size) { return (size + kBlock - 1) / kBlock; }

// Appends tensors under a common prefix.
class Lister {
public:
  explicit Lister(const ModelConfig& config) : config(config) {}
  std::vector<ExpectedTensor> list;

  void model() {
    add("model.embed_tokens.weight", {config.vocabSize, config.hiddenSize}, TensorKind::Embedding);
    for (int64_t i = 0; i < config.numLayers; ++i)
      layer(i);
    add("model.norm.weight", {config.hiddenSize}, TensorKind::Norm);
    // With tied embeddings a checkpoint may still hold a copy; the embedding is what counts.
    add("lm_head.weight", {config.vocabSize, config.hiddenSize}, TensorKind::Embedding,
        config.tieWordEmbeddings);
    inMtp = true;
    for (int64_t i = config.numLayers; i < config.numLayers + config.mtpLayers; ++i) {
      std::string prefix = ("model.layers." + Twine(i) + ".").str();
      norm(prefix + "enorm", config.hiddenSize);
      norm(prefix + "hnorm", config.hiddenSize);
      linear(prefix + "eh_proj", config.hiddenSize, 2 * config.hiddenSize);
      layer(i);
      norm(prefix + "shared_head.norm", config.hiddenSize);
      // Copies of the main model's (README_WEIGHTS.md of DeepSeek-V3): without them those are used.
      add(prefix + "embed_tokens.weight", {config.vocabSize, config.hiddenSize}, TensorKind::Embedding, true);
      add(prefix + "shared_head.head.weight", {config.vocabSize, config.hiddenSize}, TensorKind::Embedding,
          true);
    }
  }

private:
  void add(std::string name, SmallVector<int64_t, 2> shape, TensorKind kind, bool optional = false) {
    list.push_back({std::move(name), std::move(shape), kind, optional, inMtp});
  }
  void norm(const std::string& module, int64_t size) { add(module + ".weight", {size}, TensorKind::Norm); }
  void linear(const std::string& module, int64_t rows, int64_t cols) {
    add(module + ".weight", {rows, cols}, TensorKind::Linear);
    add(module + ".weight_scale_inv", {blocks(rows), blocks(cols)}, TensorKind::Scale, true);
  }
  void feedForward(const std::string& module, int64_t inner) {
    linear(module + ".gate_proj", inner, config.hiddenSize);
    linear(module + ".up_proj", inner, config.hiddenSize);
    linear(module + ".down_proj", config.hiddenSize, inner);
  }
  void layer(int64_t index) {
    std::string prefix = ("model.layers." + Twine(index) + ".").str(), attention = prefix + "self_attn.",
                mlp = prefix + "mlp";
    int64_t hidden = config.hiddenSize, queries = config.heads * config.qkHeadDim();
    norm(prefix + "input_layernorm", hidden);
    if (config.qLoraRank) {
      linear(attention + "q_a_proj", *config.qLoraRank, hidden);
      norm(attention + "q_a_layernorm", *config.qLoraRank);
      linear(attention + "q_b_proj", queries, *config.qLoraRank);
    } else {
      linear(attention + "q_proj", queries, hidden);
    }
    linear(attention + "kv_a_proj_with_mqa", config.kvLoraRank + config.qkRopeHeadDim, hidden);
    norm(attention + "kv_a_layernorm", config.kvLoraRank);
    linear(attention + "kv_b_proj", config.heads * (config.qkNopeHeadDim + config.vHeadDim),
           config.kvLoraRank);
    linear(attention + "o_proj", hidden, config.heads * config.vHeadDim);
    norm(prefix + "post_attention_layernorm", hidden);
    if (!config.isMoeLayer(index))
      return feedForward(mlp, config.intermediateSize);
    add(mlp + ".gate.weight", {config.routedExperts, hidden}, TensorKind::Gate);
    if (config.routerBias)
      add(mlp + ".gate.e_score_correction_bias", {config.routedExperts}, TensorKind::Bias);
    for (int64_t expert = 0; expert < config.routedExperts; ++expert)
      feedForward((Twine(mlp) + ".experts." + Twine(expert)).str(), config.moeIntermediateSize);
    if (config.sharedExperts > 0)
      feedForward(mlp + ".shared_experts", config.sharedIntermediateSize());
  }

  const ModelConfig& config;
  bool inMtp = false;
};

bool isQuantized(const ModelConfig& config, StringRef name) {
  // eh_proj stays BF16 in R1's checkpoint although no list says so.
  return config.quantization != Quantization::None && !name.contains(".eh_proj.") &&
         none_of(config.unquantizedModules, [&](const std::string& module) {
           return ("." + name).str().find("." + module + ".") != std::string::npos;
         });
}

bool isPlainFloat(DType type) { return type == DType::F32 || type == DType::BF16 || type == DType::F16; }

// Empty if `tensor` is what `wanted` asks for.
std::string mismatch(const ModelConfig& config, const Checkpoint& checkpoint, const ExpectedTensor& wanted,
                     const TensorInfo& tensor) {
  std::string place = checkpoint.hasData() ? " in " + checkpoint.files()[tensor.file].name : "";
  std::string subject = "tensor " + quote(wanted.name) + place;
  if (ArrayRef<int64_t>(tensor.shape) != ArrayRef<int64_t>(wanted.shape))
    return subject + " has shape " + shapeText(tensor.shape) + ", expected " + shapeText(wanted.shape) +
           " by config.json";
  std::string has = subject + " has type " + nameOf(tensor.dtype).str() + ", expected ";
  if (wanted.kind == TensorKind::Scale)
    return tensor.dtype == DType::F32 ? "" : has + "F32";
  if (isPlainFloat(tensor.dtype))
    return "";
  if (wanted.kind != TensorKind::Linear || tensor.dtype != DType::F8E4M3)
    return has + (wanted.kind == TensorKind::Linear ? "F32, BF16, F16 or F8_E4M3" : "F32, BF16 or F16");
  if (config.quantization == Quantization::None)
    return has + "F32, BF16 or F16: config.json has no quantization_config, so nothing says what scales mean";
  if (!checkpoint.find(wanted.name + "_scale_inv"))
    return subject + " has type F8_E4M3 without scales, expected " + quote(wanted.name + "_scale_inv") +
           " beside it";
  return "";
}

} // namespace

std::vector<ExpectedTensor> expectedTensors(const ModelConfig& config) {
  Lister lister(config);
  lister.model();
  return std::move(lister.list);
}

Checkpoint declaredCheckpoint(const ModelConfig& config) {
  std::vector<TensorInfo> tensors;
  bool quantized = false;
  for (ExpectedTensor& wanted : expectedTensors(config)) {
    TensorInfo tensor;
    tensor.dtype = config.weightType;
    if (wanted.kind == TensorKind::Linear)
      quantized = isQuantized(config, wanted.name);
    if (wanted.kind == TensorKind::Scale ? !quantized : wanted.optional && !wanted.mtp)
      continue;
    if (wanted.kind == TensorKind::Scale || wanted.kind == TensorKind::Bias)
      tensor.dtype = DType::F32;
    else if (wanted.kind == TensorKind::Linear && quantized)
      tensor.dtype = DType::F8E4M3;
    tensor.name = std::move(wanted.name);
    tensor.shape.assign(wanted.shape.begin(), wanted.shape.end());
    tensor.bytes = static_cast<uint64_t>(tensor.elements()) * bitsOf(tensor.dtype) / 8;
    tensors.push_back(std::move(tensor));
  }
  return Checkpoint::declared(std::move(tensors));
}

Error TensorCheck::takeError(size_t shown) const {
  if (problems.empty())
    return Error::success();
  std::string text;
  for (const std::string& problem : ArrayRef(problems).take_front(shown))
    text += (text.empty() ? "" : "; ") + problem;
  if (problems.size() > shown)
    text += ("; and " + Twine(problems.size() - shown) + " more tensors").str();
  return fail(text + "; config.json and weights are not of the same model or the download is incomplete, "
                     "fetch the folder again");
}

TensorCheck checkTensors(const ModelConfig& config, const Checkpoint& checkpoint) {
  TensorCheck check;
  std::vector<std::string> mtpMissing;
  size_t mtpFound = 0;
  StringSet<> known;
  for (const ExpectedTensor& wanted : expectedTensors(config)) {
    known.insert(wanted.name);
    const TensorInfo* tensor = checkpoint.find(wanted.name);
    if (!tensor) {
      if (!wanted.optional)
        (wanted.mtp ? mtpMissing : check.problems)
            .push_back("tensor " + quote(wanted.name) + " of shape " + shapeText(wanted.shape) +
                       " is missing");
      continue;
    }
    mtpFound += wanted.mtp;
    if (std::string problem = mismatch(config, checkpoint, wanted, *tensor); !problem.empty())
      check.problems.push_back(std::move(problem));
  }
  check.hasMtp = config.mtpLayers > 0 && mtpMissing.empty();
  if (mtpFound > 0)
    append_range(check.problems, mtpMissing);
  else if (config.mtpLayers > 0)
    check.notes.push_back("config.json names " + std::to_string(config.mtpLayers) +
                          " multi-token-prediction layers, the checkpoint has none: compiled without");

  size_t extra = 0;
  StringRef example;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    // The fused originals of per-expert tensors are used under the other names.
    bool fused = tensor.shape.size() == 3 && StringRef(tensor.name).contains(".mlp.experts.");
    if (!fused && !known.contains(tensor.name) && extra++ == 0)
      example = tensor.name;
  }
  if (extra)
    check.notes.push_back(
        (Twine(extra) + " tensors are not part of the graph and are ignored, for instance " + quote(example))
            .str());
  return check;
}

Error checkScales(const TensorInfo& tensor, uint64_t first, ArrayRef<float> scales) {
  for (size_t i = 0; i < scales.size(); ++i)
    if (!(std::isfinite(scales[i]) && scales[i] >= 0))
      return fail("tensor " + quote(tensor.name) + " has scale " + std::to_string(scales[i]) + " at index " +
                  Twine(first + i) + " of " + Twine(tensor.elements()) +
                  ", expected a finite number not below 0; the file is damaged, fetch it again");
  return Error::success();
}

} // namespace r1::checkpoint
