#include "compiler/import/ImportModel.h"

#include "compiler/checkpoint/Rotary.h"
#include "dialects/R1/R1.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace r1::import {
namespace {

using checkpoint::Checkpoint;
using checkpoint::DType;
using checkpoint::ModelConfig;
using checkpoint::TensorInfo;

struct Weight {
  Value weight, scale;
};

/// Builds the function of one entry. Member names follow the checkpoint's.
class GraphBuilder {
public:
  GraphBuilder(ModuleOp module, const ModelConfig& config, const Checkpoint& checkpoint,
               const StepLimits& limits)
      : config(config), checkpoint(checkpoint), limits(limits), builder(module.getContext()), module(module),
        f32(builder.getF32Type()) {}

  void entry(StringRef name, int64_t maxTokens, int64_t maxLogitRows);
  void mtp(int64_t layer);

private:
  static constexpr int64_t kDynamic = ShapedType::kDynamic;

  RankedTensorType activation(int64_t cols) { return RankedTensorType::get({kDynamic, cols}, f32); }
  Location at(const Twine& module) { return NameLoc::get(builder.getStringAttr(module)); }
  /// "model.layers.3.mlp." reads as "layers.3.mlp" in messages, remarks and profiles.
  Location locate(StringRef prefix) {
    prefix.consume_front("model.");
    prefix.consume_back(".");
    return at(prefix);
  }

  Type elementType(DType type) {
    switch (type) {
    case DType::BF16:
      return builder.getBF16Type();
    case DType::F16:
      return builder.getF16Type();
    case DType::F8E4M3:
      return Float8E4M3FNType::get(builder.getContext());
    default:
      return f32;
    }
  }

  Value weight(const std::string& name) {
    const TensorInfo* info = checkpoint.find(name);
    auto type = RankedTensorType::get(info->shape, elementType(info->dtype));
    return ir::WeightOp::create(builder, at(name), type, name);
  }
  Weight matrix(const std::string& module) {
    std::string name = module + ".weight";
    bool f8 = checkpoint.find(name)->dtype == DType::F8E4M3;
    return {weight(name), f8 ? weight(name + "_scale_inv") : Value()};
  }
  Weight expertMatrix(const std::string& prefix, const std::string& suffix) {
    auto stack = [&](const std::string& last) -> Value {
      const TensorInfo* info = checkpoint.find(prefix + "0" + last);
      SmallVector<int64_t> shape = {config.routedExperts};
      llvm::append_range(shape, info->shape);
      return ir::ExpertWeightOp::create(builder, locate(prefix),
                                        RankedTensorType::get(shape, elementType(info->dtype)), prefix, last);
    };
    bool f8 = checkpoint.find(prefix + "0" + suffix)->dtype == DType::F8E4M3;
    return {stack(suffix), f8 ? stack(suffix + "_scale_inv") : Value()};
  }

  Value linear(Value x, const std::string& module) {
    Weight w = matrix(module);
    int64_t out = cast<RankedTensorType>(w.weight.getType()).getDimSize(0);
    return ir::LinearOp::create(builder, locate(module), activation(out), x, w.weight, w.scale,
                                /*x_scale=*/Value());
  }
  Value norm(Value x, const std::string& module, double epsilon) {
    return ir::RmsNormOp::create(builder, locate(module), x.getType(), x, weight(module + ".weight"),
                                 llvm::APFloat(epsilon));
  }
  Value add(Value a, Value b, StringRef where) { return ir::AddOp::create(builder, locate(where), a, b); }
  Value slice(Value x, int64_t offset, int64_t cols) {
    return ir::SliceOp::create(builder, x.getLoc(), activation(cols), x, offset);
  }

  void begin(StringRef name);
  void finish(ValueRange results);
  Value choose(Value logits);
  Value attention(Value x, const std::string& prefix, int64_t cacheLayer);
  Value feedForward(Value x, const std::string& prefix);
  Value experts(Value x, const std::string& prefix);
  Value layer(Value x, int64_t index, int64_t cacheLayer);

  const ModelConfig& config;
  const Checkpoint& checkpoint;
  const StepLimits& limits;
  OpBuilder builder;
  ModuleOp module;
  Type f32;

  func::FuncOp function;
  Value ids, positions, logitRows, ropeTable, cache;
};

void GraphBuilder::begin(StringRef name) {
  builder.setInsertionPointToEnd(module.getBody());
  auto ints = RankedTensorType::get({kDynamic}, builder.getI32Type());
  auto pages = RankedTensorType::get({kDynamic, kDynamic}, builder.getI32Type());
  auto cacheType =
      ir::CacheType::get(builder.getContext(), config.numLayers + (name.starts_with("mtp") ? 1 : 0),
                         config.kvLoraRank, config.qkRopeHeadDim);
  auto type = builder.getFunctionType({ints, ints, ints, ints, pages, cacheType},
                                      {activation(config.vocabSize), cacheType});
  function = func::FuncOp::create(builder, locate(name), name, type);
  Block* body = function.addEntryBlock();
  builder.setInsertionPointToStart(body);
  ids = body->getArgument(0);
  positions = body->getArgument(1);
  logitRows = body->getArgument(2);
  cache = body->getArgument(5);
  std::vector<float> frequencies = checkpoint::inverseFrequencies(config);
  ropeTable = ir::RopeTableOp::create(builder, at("rope"), activation(config.qkRopeHeadDim), positions,
                                      frequencies, llvm::APFloat(checkpoint::cosSinFactor(config)));
}

void GraphBuilder::finish(ValueRange results) { func::ReturnOp::create(builder, function.getLoc(), results); }

/// What a step says of each row of logits joins the arguments, and the ids join the results.
Value GraphBuilder::choose(Value logits) {
  auto words = [&](int64_t count) { return RankedTensorType::get({kDynamic, count}, builder.getI32Type()); };
  for (int64_t count : {4, 2})
    (void)function.insertArgument(function.getNumArguments(), words(count), {}, function.getLoc());
  auto idsType = RankedTensorType::get({kDynamic}, builder.getI32Type());
  (void)function.insertResult(function.getNumResults(), idsType, {});
  ArrayRef<BlockArgument> arguments = function.getArguments();
  return ir::SampleOp::create(builder, at("sample"), idsType, logits, arguments[arguments.size() - 2],
                              arguments.back());
}

Value GraphBuilder::attention(Value x, const std::string& prefix, int64_t cacheLayer) {
  Location loc = locate(prefix);
  Value q = config.qLoraRank
                ? linear(norm(linear(x, prefix + "q_a_proj"), prefix + "q_a_layernorm", config.latentEpsilon),
                         prefix + "q_b_proj")
                : linear(x, prefix + "q_proj");
  Value kv = linear(x, prefix + "kv_a_proj_with_mqa");
  Value latent = norm(slice(kv, 0, config.kvLoraRank), prefix + "kv_a_layernorm", config.latentEpsilon);
  Value key = slice(kv, config.kvLoraRank, config.qkRopeHeadDim);
  auto rope = [&](Value value, int64_t heads, int64_t offset) {
    return ir::RopeOp::create(builder, loc, value.getType(), value, ropeTable, heads, offset,
                              config.ropeInterleave)
        .getResult();
  };
  cache = ir::CacheAppendOp::create(builder, loc, cache.getType(), cache, latent, rope(key, 1, 0), positions,
                                    cacheLayer);
  Weight kvB = matrix(prefix + "kv_b_proj");
  Value attended = ir::AttentionOp::create(
      builder, loc, activation(config.heads * config.vHeadDim), rope(q, config.heads, config.qkNopeHeadDim),
      kvB.weight, kvB.scale, cache, positions, /*rows=*/Value(), cacheLayer, config.heads,
      config.qkNopeHeadDim, config.vHeadDim, llvm::APFloat(checkpoint::softmaxScale(config)));
  return linear(attended, prefix + "o_proj");
}

Value GraphBuilder::feedForward(Value x, const std::string& prefix) {
  Value gate = linear(x, prefix + "gate_proj"), up = linear(x, prefix + "up_proj");
  return linear(ir::SiluMulOp::create(builder, locate(prefix), gate, up), prefix + "down_proj");
}

Value GraphBuilder::experts(Value x, const std::string& prefix) {
  Location gateLoc = locate(prefix + "gate"), loc = locate(prefix + "experts");
  Value logits = ir::RouterLogitsOp::create(builder, gateLoc, activation(config.routedExperts), x,
                                            weight(prefix + "gate.weight"));
  Value bias = config.routerBias ? weight(prefix + "gate.e_score_correction_bias") : Value();
  if (bias && !cast<RankedTensorType>(bias.getType()).getElementType().isF32())
    bias.setType(
        cast<RankedTensorType>(bias.getType()).clone(f32)); // packed as float whatever its type on disk
  auto groupScore = config.choice == checkpoint::Choice::Greedy     ? ir::GroupScore::None
                    : config.choice == checkpoint::Choice::GroupMax ? ir::GroupScore::Max
                                                                    : ir::GroupScore::Top2Sum;
  auto scoring = config.scoring == checkpoint::Scoring::Softmax ? ir::Scoring::Softmax : ir::Scoring::Sigmoid;
  auto idsType = RankedTensorType::get({kDynamic, config.topK}, builder.getI32Type());
  bool grouped = groupScore != ir::GroupScore::None;
  auto gate =
      ir::RouterGateOp::create(builder, gateLoc, idsType, activation(config.topK), logits, bias, scoring,
                               groupScore, grouped ? config.groups : 1, grouped ? config.topKGroups : 1,
                               config.normTopKProb, llvm::APFloat(config.routedScalingFactor));
  auto pairs = [&](int64_t cols) { return RankedTensorType::get({kDynamic, config.topK, cols}, f32); };
  auto expert = [&](Value input, const std::string& name, int64_t cols) -> Value {
    Weight w = expertMatrix(prefix + "experts.", "." + name + ".weight");
    return ir::ExpertLinearOp::create(builder, loc, pairs(cols), input, gate.getIds(), w.weight, w.scale,
                                      /*x_scale=*/Value());
  };
  Value inner = ir::SiluMulOp::create(builder, loc, expert(x, "gate_proj", config.moeIntermediateSize),
                                      expert(x, "up_proj", config.moeIntermediateSize));
  Value routed = ir::CombineOp::create(builder, loc, activation(config.hiddenSize),
                                       expert(inner, "down_proj", config.hiddenSize), gate.getWeights());
  return config.sharedExperts ? add(routed, feedForward(x, prefix + "shared_experts."), prefix + "experts")
                              : routed;
}

Value GraphBuilder::layer(Value x, int64_t index, int64_t cacheLayer) {
  std::string prefix = "model.layers." + std::to_string(index) + ".";
  Value attended =
      attention(norm(x, prefix + "input_layernorm", config.epsilon), prefix + "self_attn.", cacheLayer);
  x = add(x, attended, prefix + "self_attn");
  Value normed = norm(x, prefix + "post_attention_layernorm", config.epsilon);
  Value fed =
      config.isMoeLayer(index) ? experts(normed, prefix + "mlp.") : feedForward(normed, prefix + "mlp.");
  return add(x, fed, prefix + "mlp");
}

void GraphBuilder::entry(StringRef name, int64_t maxTokens, int64_t maxLogitRows) {
  begin(name);
  function->setAttr("r1.entry", builder.getStringAttr(name));
  function->setAttr("r1.max_tokens", builder.getI64IntegerAttr(maxTokens));
  function->setAttr("r1.max_logit_rows", builder.getI64IntegerAttr(maxLogitRows));
  function->setAttr("r1.max_context", builder.getI64IntegerAttr(limits.maxContext));
  function->setAttr("r1.max_batch", builder.getI64IntegerAttr(limits.maxBatch));
  Value x = ir::EmbedOp::create(builder, at("embed_tokens"), activation(config.hiddenSize), ids,
                                weight("model.embed_tokens.weight"));
  for (int64_t i = 0; i < config.numLayers; ++i)
    x = layer(x, i, i);
  Value rows = ir::GatherRowsOp::create(builder, at("norm"), x.getType(), x, logitRows);
  Value normed = norm(rows, "model.norm", config.epsilon);
  std::string head = config.tieWordEmbeddings ? "model.embed_tokens" : "lm_head";
  Value logits = linear(normed, head);
  finish({logits, cache, choose(logits)});
}

// h' = eh_proj(concat(enorm(embedding of the next token), hnorm(hidden))), one decoder layer, shared head
// (DeepSeek-V3, arXiv 2412.19437, 2.2; embedding half first as in vLLM's deepseek_mtp). The function's last
// argument is the main model's hidden state of every token.
void GraphBuilder::mtp(int64_t index) {
  begin("mtp_" + std::to_string(index));
  function->setAttr("r1.entry", builder.getStringAttr("mtp"));
  std::string prefix = "model.layers." + std::to_string(index) + ".";
  (void)function.insertArgument(function.getNumArguments(), activation(config.hiddenSize), {},
                                function.getLoc());
  Value hidden = function.getArguments().back();
  bool own = checkpoint.find(prefix + "embed_tokens.weight");
  Value embedded =
      ir::EmbedOp::create(builder, locate(prefix), activation(config.hiddenSize), ids,
                          weight(own ? prefix + "embed_tokens.weight" : "model.embed_tokens.weight"));
  Value joined =
      ir::ConcatColumnsOp::create(builder, locate(prefix + "eh_proj"), activation(2 * config.hiddenSize),
                                  ValueRange{norm(embedded, prefix + "enorm", config.epsilon),
                                             norm(hidden, prefix + "hnorm", config.epsilon)});
  Value x = layer(linear(joined, prefix + "eh_proj"), index, config.numLayers);
  Value rows = ir::GatherRowsOp::create(builder, locate(prefix), x.getType(), x, logitRows);
  Value normed = norm(rows, prefix + "shared_head.norm", config.epsilon);
  bool ownHead = checkpoint.find(prefix + "shared_head.head.weight");
  Value logits = linear(normed, ownHead                    ? prefix + "shared_head.head"
                                : config.tieWordEmbeddings ? "model.embed_tokens"
                                                           : "lm_head");
  finish({logits, cache});
}

/// Experts of a layer are stacked, so they must agree in type.
llvm::Error checkExperts(const ModelConfig& config, const Checkpoint& checkpoint, int64_t layers) {
  for (int64_t layer = 0; layer < layers; ++layer)
    for (const char* name : {"gate_proj", "up_proj", "down_proj"}) {
      if (!config.isMoeLayer(layer))
        continue;
      auto expert = [&](int64_t e) {
        return checkpoint.find("model.layers." + std::to_string(layer) + ".mlp.experts." + std::to_string(e) +
                               "." + name + ".weight");
      };
      for (int64_t e = 1; e < config.routedExperts; ++e)
        if (expert(e)->dtype != expert(0)->dtype)
          return llvm::createStringError(
              "tensor '" + expert(e)->name + "' has type " + checkpoint::nameOf(expert(e)->dtype).str() +
              ", expert 0 of that layer " + checkpoint::nameOf(expert(0)->dtype).str() +
              "; experts of a layer must have one type: convert the checkpoint");
    }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<OwningOpRef<ModuleOp>> importModel(MLIRContext& context, const ModelConfig& config,
                                                  const Checkpoint& checkpoint, const StepLimits& limits,
                                                  bool withMtp) {
  context.loadDialect<ir::R1Dialect, func::FuncDialect>();
  int64_t layers = config.numLayers + (withMtp ? config.mtpLayers : 0);
  if (llvm::Error error = checkExperts(config, checkpoint, layers))
    return std::move(error);
  OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
  if (config.quantization == checkpoint::Quantization::Fp8Block128Ue8m0)
    module.get()->setAttr(ir::kUe8m0Attr, UnitAttr::get(&context));
  GraphBuilder graph(*module, config, checkpoint, limits);
  graph.entry("prefill", limits.prefillChunk, std::min(limits.prefillChunk, StepLimits::kPrefillLogitRows));
  graph.entry("decode", limits.maxBatch, limits.maxBatch);
  for (int64_t i = config.numLayers; i < layers; ++i)
    graph.mtp(i);
  if (failed(verify(*module)))
    return llvm::createStringError("the imported graph does not verify; this is a defect of r1c");
  return std::move(module);
}

} // namespace r1::import
