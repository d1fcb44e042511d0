// The imported graph says what the configuration means. Each test is named after what is easily, or was
// publicly, got wrong (R1.md 1.3 to 1.5); most of these also move a golden, see
// test/oracle/golden/mistakes.md.
#include "compiler/checkpoint/Rotary.h"
#include "compiler/import/ImportModel.h"
#include "dialects/R1/R1.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "test/unit/compiler/interpret/TinyModels.h"

namespace r1::import {
namespace {

using namespace r1::interpret::test;

struct Imported {
  explicit Imported(const json& text, bool withMtp = false)
      : model(text), module(model.import(context, withMtp)) {}

  // The operations of one kind in a function, in order.
  template <typename OpT> std::vector<OpT> all(llvm::StringRef function) {
    std::vector<OpT> found;
    module->lookupSymbol<mlir::func::FuncOp>(function).walk([&](OpT op) { found.push_back(op); });
    return found;
  }
  // The one whose location in the model is `place`.
  template <typename OpT> OpT at(llvm::StringRef function, llvm::StringRef place) {
    for (OpT op : all<OpT>(function))
      if (auto name = llvm::dyn_cast<mlir::NameLoc>(op->getLoc()); name && name.getName() == place)
        return op;
    ADD_FAILURE() << "nothing at " << place.str();
    return {};
  }

  TinyModel model;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

std::string weightName(mlir::Value value) {
  auto weight = value ? value.getDefiningOp<ir::WeightOp>() : nullptr;
  return weight ? weight.getName().str() : "";
}

json fullR1() { // R1's own numbers where they decide the graph, one layer
  return with(tinyR1(), {{"qk_nope_head_dim", 128},
                         {"qk_rope_head_dim", 64},
                         {"v_head_dim", 128},
                         {"num_hidden_layers", 1},
                         {"max_position_embeddings", 163840},
                         {"rope_scaling",
                          {{"type", "yarn"},
                           {"factor", 40},
                           {"beta_fast", 32},
                           {"beta_slow", 1},
                           {"mscale", 1.0},
                           {"mscale_all_dim", 1.0},
                           {"original_max_position_embeddings", 4096}}}});
}

// onnxruntime/mobius PR 548: 0.0721688 without mscale^2; the demo's code applies it only beyond 4096
// positions.
TEST(ImportModel, SoftmaxScaleHasMscaleSquared) {
  Imported r1(fullR1());
  for (const char* entry : {"prefill", "decode"})
    EXPECT_NEAR(r1.all<ir::AttentionOp>(entry)[0].getScale().convertToDouble(), 0.1352338, 1e-7);
  Imported plain(with(fullR1(), {{"rope_scaling", nullptr}}));
  EXPECT_NEAR(plain.all<ir::AttentionOp>("decode")[0].getScale().convertToDouble(), 0.0721688, 1e-7);
}

// kekzl/imp PR 880: cosines multiplied by 1.3689 as well. The two mscales cancel.
TEST(ImportModel, CosinesAreNotScaledAgain) {
  Imported r1(fullR1());
  auto tables = r1.all<ir::RopeTableOp>("decode");
  ASSERT_EQ(tables.size(), 1u) << "one table for all layers";
  EXPECT_EQ(tables[0].getScale().convertToDouble(), 1.0);
  // YaRN for R1: pairs below 10 keep their frequency, from 23 on it is divided by 40.
  llvm::ArrayRef<float> frequencies = tables[0].getInvFreq();
  ASSERT_EQ(frequencies.size(), 32u);
  EXPECT_EQ(frequencies[0], 1.0f);
  EXPECT_NEAR(frequencies[10], std::pow(10000.0, -20.0 / 64), 1e-8);
  EXPECT_NEAR(frequencies[31], std::pow(10000.0, -62.0 / 64) / 40, 1e-11);
}

// R1.md 1.5, item 3; optimum-intel PR 1877.
TEST(ImportModel, RotationIsOfNeighboursAndOfTheLastPartOfEachHead) {
  Imported r1(tinyR1());
  auto rotations = r1.all<ir::RopeOp>("prefill");
  ASSERT_EQ(rotations.size(), 6u);
  for (ir::RopeOp op : rotations) {
    EXPECT_TRUE(op.getInterleaved());
    bool key = op.getHeads() == 1;
    EXPECT_EQ(op.getHeads(), key ? 1u : 4u) << "one key for all heads";
    EXPECT_EQ(op.getOffset(), key ? 0u : 32u) << "rotated elements stand behind the others";
  }
  Imported halves(with(tinyR1(), {{"rope_interleave", false}}));
  EXPECT_FALSE(halves.all<ir::RopeOp>("prefill")[0].getInterleaved());
}

// The first kv_lora columns of kv_a_proj_with_mqa are normalised into the latent, the rest is the key,
// rotated and not normalised.
TEST(ImportModel, LatentIsNormalisedAndKeyIsNot) {
  Imported r1(tinyR1());
  auto append = r1.all<ir::CacheAppendOp>("decode")[1];
  auto norm = append.getLatent().getDefiningOp<ir::RmsNormOp>();
  ASSERT_TRUE(norm);
  EXPECT_EQ(weightName(norm.getWeight()), "model.layers.1.self_attn.kv_a_layernorm.weight");
  auto latent = norm.getX().getDefiningOp<ir::SliceOp>();
  auto key = append.getKey().getDefiningOp<ir::RopeOp>().getX().getDefiningOp<ir::SliceOp>();
  ASSERT_TRUE(latent && key);
  EXPECT_EQ(latent.getOffset(), 0u);
  EXPECT_EQ(key.getOffset(), 64u);
  EXPECT_EQ(latent.getX(), key.getX());
}

// transformers PR 44346, vLLM PR 35515: the latent norms have an epsilon of their own; ModelConfig says
// which.
TEST(ImportModel, NormsTakeTheirEpsilonFromTheConfig) {
  Imported moon(moonlight());
  for (ir::RmsNormOp op : moon.all<ir::RmsNormOp>("decode")) {
    bool latent = llvm::StringRef(weightName(op.getWeight())).contains("_a_layernorm");
    EXPECT_EQ(op.getEpsilon().convertToDouble(), latent ? moon.model.config.latentEpsilon : 1e-5)
        << weightName(op.getWeight());
  }
}

// llama.cpp PR 18980, ik_llama PR 1174: sigmoid models run as softmax. V2 has softmax, no bias and no
// normalisation.
TEST(ImportModel, GateIsTheModelTypes) {
  auto r1 = Imported(tinyR1());
  auto gate = r1.all<ir::RouterGateOp>("decode")[0];
  EXPECT_EQ(gate.getScoring(), ir::Scoring::Sigmoid);
  EXPECT_EQ(gate.getGroupScore(), ir::GroupScore::Top2Sum);
  EXPECT_EQ(std::pair(gate.getGroups(), gate.getTopkGroup()), std::pair(uint64_t{4}, uint64_t{2}));
  EXPECT_TRUE(gate.getNormalize());
  EXPECT_EQ(gate.getScale().convertToDouble(), 2.5);
  EXPECT_EQ(weightName(gate.getBias()), "model.layers.1.mlp.gate.e_score_correction_bias");

  Imported v2(tinyV2());
  gate = v2.all<ir::RouterGateOp>("decode")[0];
  EXPECT_EQ(gate.getScoring(), ir::Scoring::Softmax);
  EXPECT_EQ(gate.getGroupScore(), ir::GroupScore::Max);
  EXPECT_FALSE(gate.getNormalize());
  EXPECT_EQ(gate.getScale().convertToDouble(), 16.0);
  EXPECT_FALSE(gate.getBias());

  Imported moon(moonlight()); // one group: nothing to choose first, but a bias
  gate = moon.all<ir::RouterGateOp>("decode")[0];
  EXPECT_EQ(gate.getGroupScore(), ir::GroupScore::None);
  EXPECT_TRUE(gate.getBias());
}

// Routing is computed in float from the unrounded norm.
TEST(ImportModel, RouterReadsTheNormItself) {
  Imported r1(tinyR1());
  auto logits = r1.all<ir::RouterLogitsOp>("prefill")[0];
  auto norm = logits.getX().getDefiningOp<ir::RmsNormOp>();
  ASSERT_TRUE(norm);
  EXPECT_EQ(weightName(norm.getWeight()), "model.layers.1.post_attention_layernorm.weight");
}

// The shared experts are added to the routed sum, unscaled; only combine carries the factor.
TEST(ImportModel, SharedExpertsAreAddedAsTheyAre) {
  Imported r1(tinyR1());
  auto combine = r1.all<ir::CombineOp>("prefill")[0];
  ASSERT_TRUE(combine->hasOneUse());
  auto add = llvm::dyn_cast<ir::AddOp>(*combine->user_begin());
  ASSERT_TRUE(add);
  auto down = add.getRhs().getDefiningOp<ir::LinearOp>();
  ASSERT_TRUE(down);
  EXPECT_EQ(weightName(down.getWeight()), "model.layers.1.mlp.shared_experts.down_proj.weight");
  EXPECT_EQ(r1.all<ir::CombineOp>("prefill").size(), 2u) << "layer 0 is dense";
}

TEST(ImportModel, QuantisedWeightsBringTheirScales) {
  Imported odd(oddSizes());
  for (ir::LinearOp op : odd.all<ir::LinearOp>("decode")) {
    std::string name = weightName(op.getWeight());
    bool f8 = llvm::isa<mlir::Float8E4M3FNType>(
        llvm::cast<mlir::RankedTensorType>(op.getWeight().getType()).getElementType());
    EXPECT_EQ(f8, name != "lm_head.weight") << name;
    EXPECT_EQ(weightName(op.getScale()), f8 ? name + "_scale_inv" : "");
  }
  for (ir::ExpertLinearOp op : odd.all<ir::ExpertLinearOp>("decode"))
    EXPECT_TRUE(op.getScale());
  for (ir::AttentionOp op : odd.all<ir::AttentionOp>("decode"))
    EXPECT_TRUE(op.getKvBScale());
}

TEST(ImportModel, HeadIsItsOwnMatrixUnlessTied) {
  Imported own(tinyR1()), tied(with(tinyR1(), {{"tie_word_embeddings", true}}));
  EXPECT_EQ(weightName(own.all<ir::LinearOp>("decode").back().getWeight()), "lm_head.weight");
  EXPECT_EQ(weightName(tied.all<ir::LinearOp>("decode").back().getWeight()), "model.embed_tokens.weight");
}

TEST(ImportModel, LogitsAreComputedForTheAskedRowsOnly) {
  Imported r1(tinyR1());
  auto gather = r1.all<ir::GatherRowsOp>("prefill");
  ASSERT_EQ(gather.size(), 1u);
  EXPECT_EQ(gather[0].getRows(), r1.module->lookupSymbol<mlir::func::FuncOp>("prefill").getArgument(2));
}

TEST(ImportModel, EveryStepChoosesFromItsLogits) {
  Imported r1(with(tinyR1(), {{"num_nextn_predict_layers", 1}}), /*withMtp=*/true);
  for (const char* entry : {"prefill", "decode"}) {
    auto samples = r1.all<ir::SampleOp>(entry);
    ASSERT_EQ(samples.size(), 1u);
    auto results = r1.all<mlir::func::ReturnOp>(entry)[0].getOperands();
    ASSERT_EQ(results.size(), 3u) << "logits, cache, ids";
    EXPECT_EQ(samples[0].getLogits(), results[0]);
    EXPECT_EQ(samples[0].getIds(), results[2]);
  }
  EXPECT_TRUE(r1.all<ir::SampleOp>("mtp_3").empty());
}

// The MTP layer is no decoder layer of the main path, and puts the embedding's half first (vLLM
// deepseek_mtp).
TEST(ImportModel, MtpStandsBesideTheModel) {
  json text = with(tinyR1(), {{"num_nextn_predict_layers", 1}});
  Imported without(text), mtp(text, /*withMtp=*/true);
  EXPECT_FALSE(without.module->lookupSymbol("mtp_3"));
  for (const char* entry : {"prefill", "decode"})
    EXPECT_EQ(mtp.all<ir::AttentionOp>(entry).size(), 3u);
  auto joined = mtp.all<ir::ConcatColumnsOp>("mtp_3");
  ASSERT_EQ(joined.size(), 1u);
  EXPECT_EQ(weightName(joined[0].getParts()[0].getDefiningOp<ir::RmsNormOp>().getWeight()),
            "model.layers.3.enorm.weight");
  EXPECT_EQ(weightName(joined[0].getParts()[1].getDefiningOp<ir::RmsNormOp>().getWeight()),
            "model.layers.3.hnorm.weight");
  EXPECT_TRUE(joined[0].getParts()[0].getDefiningOp<ir::RmsNormOp>().getX().getDefiningOp<ir::EmbedOp>());
  // Its cache has a layer of its own behind the model's.
  EXPECT_EQ(mtp.all<ir::AttentionOp>("mtp_3")[0].getLayer(), 3u);
}

TEST(ImportModel, LocationsAreTheModulesNames) {
  Imported r1(tinyR1());
  EXPECT_TRUE(r1.at<ir::LinearOp>("prefill", "layers.2.self_attn.o_proj"));
  EXPECT_TRUE(r1.at<ir::CombineOp>("decode", "layers.1.mlp.experts"));
  EXPECT_TRUE(r1.at<ir::RouterGateOp>("decode", "layers.1.mlp.gate"));
}

TEST(ImportModel, ExpertsOfTwoTypesAreRefused) {
  auto config = TinyModel::parse(fp8(tinyR1()));
  checkpoint::Checkpoint declared = checkpoint::declaredCheckpoint(config);
  std::vector<checkpoint::TensorInfo> tensors = declared.tensors();
  for (checkpoint::TensorInfo& tensor : tensors)
    if (tensor.name == "model.layers.2.mlp.experts.5.up_proj.weight")
      tensor.dtype = checkpoint::DType::BF16;
  mlir::MLIRContext context;
  auto module = importModel(context, config, checkpoint::Checkpoint::declared(tensors), StepLimits(), false);
  ASSERT_FALSE(bool(module));
  std::string message = llvm::toString(module.takeError());
  EXPECT_NE(
      message.find(
          "'model.layers.2.mlp.experts.5.up_proj.weight' has type BF16, expert 0 of that layer F8_E4M3"),
      std::string::npos)
      << message;
}

} // namespace
} // namespace r1::import
