// A checkpoint has exactly the tensors that its configuration needs, or every difference is told.
#include "compiler/checkpoint/ExpectedTensors.h"
#include "test/unit/compiler/checkpoint/Support.h"
#include <cmath>
#include <limits>

using namespace r1::checkpoint;
using namespace r1::checkpoint::test;

namespace {

ModelConfig tiny(bool fp8, bool qLora = true) {
  ModelConfig c;
  c.hiddenSize = 160;
  c.numLayers = 2;
  c.vocabSize = 300;
  c.maxPositions = 1024;
  c.heads = 2;
  if (qLora)
    c.qLoraRank = 48;
  c.kvLoraRank = 32;
  c.qkNopeHeadDim = 16;
  c.qkRopeHeadDim = 8;
  c.vHeadDim = 24;
  c.intermediateSize = 200;
  c.moeIntermediateSize = 64;
  c.firstKDenseReplace = 1;
  c.routedExperts = 4;
  c.sharedExperts = 2;
  c.topK = 2;
  c.routerBias = true;
  c.mtpLayers = 1;
  c.quantization = fp8 ? Quantization::Fp8Block128 : Quantization::None;
  return c;
}

// What the folder would hold, from the declaration, changed by `edit`.
std::vector<Tensor> tensorsOf(const ModelConfig& config) {
  std::vector<Tensor> tensors;
  Checkpoint declared = declaredCheckpoint(config);
  for (const TensorInfo& tensor : declared.tensors())
    tensors.push_back({tensor.name, nameOf(tensor.dtype).str(), {tensor.shape.begin(), tensor.shape.end()}});
  return tensors;
}

TensorCheck checked(const ModelConfig& config, const std::vector<Tensor>& tensors) {
  Folder folder;
  folder.write("model.safetensors", safetensors(tensors));
  auto checkpoint = Checkpoint::open(folder.str());
  EXPECT_TRUE(static_cast<bool>(checkpoint));
  if (checkpoint)
    return checkTensors(config, *checkpoint);
  llvm::consumeError(checkpoint.takeError());
  return {};
}

Tensor& named(std::vector<Tensor>& tensors, const std::string& name) {
  for (Tensor& tensor : tensors)
    if (tensor.name == name)
      return tensor;
  ADD_FAILURE() << name << " is not declared";
  return tensors.front();
}

void remove(std::vector<Tensor>& tensors, const std::string& part) {
  std::erase_if(tensors, [&](const Tensor& tensor) { return tensor.name.find(part) != std::string::npos; });
}

TEST(ExpectedTensors, AcceptsWhatItDeclares) {
  for (bool fp8 : {false, true})
    for (bool qLora : {false, true}) {
      ModelConfig config = tiny(fp8, qLora);
      TensorCheck check = checked(config, tensorsOf(config));
      EXPECT_EQ(messageOf(check.takeError()), "");
      EXPECT_TRUE(check.hasMtp);
      EXPECT_TRUE(check.notes.empty()) << check.notes.front();
    }
}

TEST(ExpectedTensors, ScalesCoverPartialBlocks) {
  Checkpoint checkpoint = declaredCheckpoint(tiny(true));
  const TensorInfo* scale = checkpoint.find("model.layers.0.mlp.gate_proj.weight_scale_inv");
  ASSERT_NE(scale, nullptr);
  EXPECT_EQ(shapeText(scale->shape), "[2, 2]"); // 200 x 160
  EXPECT_EQ(scale->dtype, DType::F32);
  EXPECT_EQ(checkpoint.find("model.layers.1.mlp.experts.3.down_proj.weight")->dtype, DType::F8E4M3);
  EXPECT_EQ(checkpoint.find("model.layers.1.mlp.gate.weight")->dtype, DType::BF16);
  EXPECT_EQ(checkpoint.find("model.layers.2.eh_proj.weight")->dtype, DType::BF16);
  EXPECT_EQ(checkpoint.find("model.layers.1.mlp.gate.e_score_correction_bias")->dtype, DType::F32);
  ModelConfig some = tiny(true);
  some.unquantizedModules = {"model.layers.1.self_attn", "mlp.gate", "lm_head"};
  Checkpoint partly = declaredCheckpoint(some);
  EXPECT_EQ(partly.find("model.layers.1.self_attn.o_proj.weight")->dtype, DType::BF16);
  EXPECT_EQ(partly.find("model.layers.0.mlp.gate_proj.weight")->dtype, DType::F8E4M3)
      << "mlp.gate is not a part of mlp.gate_proj";
}

TEST(ExpectedTensors, AgreesWithR1sInventory) {
  std::string config = sharedPath("models/deepseek-ai/DeepSeek-R1/config.json");
  if (config.empty())
    GTEST_SKIP() << "R1C_SHARED names no folder with data/models";
  auto parsed = ModelConfig::parse(readAll(config), config);
  ASSERT_TRUE(static_cast<bool>(parsed));
  Checkpoint declared = declaredCheckpoint(*parsed);
  EXPECT_EQ(declared.tensors().size(), 91991u);
}

TEST(ExpectedTensors, NamesEveryDifference) {
  struct Row {
    std::function<void(std::vector<Tensor>&)> edit;
    std::vector<std::string> message;
    bool fp8 = true;
  };
  const Row rows[] = {
      {[](auto& t) { remove(t, "model.norm.weight"); }, {"'model.norm.weight'", "[160]", "missing"}},
      {[](auto& t) { remove(t, "lm_head.weight"); }, {"'lm_head.weight'", "missing"}},
      {[](auto& t) { named(t, "model.norm.weight").shape = {161}; },
       {"'model.norm.weight'", "model.safetensors", "[161]", "[160]"}},
      {[](auto& t) { named(t, "model.norm.weight").shape = {160, 1}; }, {"[160, 1]", "[160]"}},
      {[](auto& t) { named(t, "model.norm.weight").dtype = "I32"; },
       {"'model.norm.weight'", "I32", "F32, BF16 or F16"}},
      {[](auto& t) { named(t, "model.layers.1.mlp.gate.weight").dtype = "F8_E4M3"; },
       {"mlp.gate.weight", "F8_E4M3", "F32, BF16 or F16"}},
      {[](auto& t) { named(t, "model.layers.0.self_attn.o_proj.weight").dtype = "F8_E5M2"; },
       {"o_proj", "F8_E5M2", "or F8_E4M3"}},
      {[](auto& t) { remove(t, "layers.0.self_attn.o_proj.weight_scale_inv"); },
       {"o_proj.weight'", "without scales", "weight_scale_inv"}},
      {[](auto& t) { named(t, "model.layers.0.mlp.up_proj.weight_scale_inv").shape = {1, 2}; },
       {"up_proj.weight_scale_inv", "[1, 2]", "[2, 2]"}},
      {[](auto& t) { named(t, "model.layers.0.mlp.up_proj.weight_scale_inv").dtype = "BF16"; },
       {"scale_inv", "BF16", "expected F32"}},
      {[](auto& t) { named(t, "model.layers.0.self_attn.o_proj.weight").dtype = "F8_E4M3"; },
       {"o_proj", "no quantization_config"},
       false},
      {[](auto& t) { remove(t, "model.layers.2.eh_proj"); }, {"'model.layers.2.eh_proj.weight'", "missing"}},
      {[](auto& t) { remove(t, "model.layers.1.mlp.experts.2."); }, {"experts.2.gate_proj", "missing"}},
  };
  for (const Row& row : rows) {
    ModelConfig config = tiny(row.fp8);
    std::vector<Tensor> tensors = tensorsOf(config);
    row.edit(tensors);
    TensorCheck check = checked(config, tensors);
    ASSERT_FALSE(check.problems.empty()) << row.message.front();
    expectLine(check.problems.front(), row.message);
  }
}

TEST(ExpectedTensors, CountsWhatItDoesNotShow) {
  ModelConfig config = tiny(false);
  std::vector<Tensor> tensors = tensorsOf(config);
  remove(tensors, "experts.");
  TensorCheck check = checked(config, tensors);
  EXPECT_EQ(check.problems.size(), 2 * (4 * 3 + 3u));
  std::string message = messageOf(check.takeError(2));
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 0)
      << "one line, whatever the number of problems";
  EXPECT_NE(message.find("and 28 more"), std::string::npos) << message;
}

TEST(ExpectedTensors, ToleratesAbsentMtpTiedHeadAndExtras) {
  ModelConfig config = tiny(true);
  std::vector<Tensor> tensors = tensorsOf(config);
  remove(tensors, "model.layers.2.");
  tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", "F32", {4}});
  TensorCheck check = checked(config, tensors);
  EXPECT_EQ(messageOf(check.takeError()), "");
  EXPECT_FALSE(check.hasMtp);
  ASSERT_EQ(check.notes.size(), 2u);
  expectLine(check.notes[0], {"multi-token-prediction"});
  expectLine(check.notes[1], {"1 tensors", "inv_freq"});

  config.tieWordEmbeddings = true;
  remove(tensors, "lm_head");
  EXPECT_EQ(messageOf(checked(config, tensors).takeError()), "");

  config = tiny(false);
  tensors = tensorsOf(config);
  remove(tensors, "model.layers.2.embed_tokens");
  remove(tensors, "model.layers.2.shared_head.head");
  for (Tensor& tensor : tensors)
    tensor.dtype = tensor.name.size() % 2 ? "F32" : "F16";
  check = checked(config, tensors);
  EXPECT_EQ(messageOf(check.takeError()), "");
  EXPECT_TRUE(check.hasMtp);
}

TEST(ExpectedTensors, RefusesScalesThatAreNotNumbers) {
  TensorInfo tensor;
  tensor.name = "x.weight_scale_inv";
  tensor.shape = {4, 4};
  float good[] = {0.f, 1e-30f, 3.f};
  EXPECT_EQ(messageOf(checkScales(tensor, 4, good)), "");
  for (float bad : {std::nanf(""), -std::nanf(""), std::numeric_limits<float>::infinity(), -1.f}) {
    float scales[] = {1.f, 1.f, bad};
    expectLine(messageOf(checkScales(tensor, 4, scales)), {"'x.weight_scale_inv'", "index 6", "16"});
  }
}

} // namespace
