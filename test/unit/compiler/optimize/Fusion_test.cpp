// Each fusion fires where it should, says so or why not, and computes what was computed before. Most only
// group operations: then interpretation gives the same bits. absorb-kv-b reassociates sums: within float
// rounding.
#include "compiler/target/Target.h"
#include "test/unit/compiler/optimize/Alone.h"

namespace r1::optimize::test {
namespace {

constexpr double kReassociated = 1e-5; // sums of floats in another order

TEST(MergeQkvA, SameBits) { expectSameBits("merge-qkv-a"); }
TEST(FuseRouterTopk, SameBits) { expectSameBits("router-topk"); }
TEST(FuseGateUpSiluMul, SameBits) { expectSameBits("gate-up-silu-mul"); }
TEST(FuseRopeCacheWrite, SameBits) { expectSameBits("rope-cache-write"); }
TEST(FuseCombineResidual, SameBits) { expectSameBits("combine-residual"); }
TEST(FuseResidualNorm, SameBits) { expectSameBits("residual-norm"); }
TEST(FuseNormIntoLinear, SameBits) { expectSameBits("norm-into-linear"); }
TEST(FuseCastIntoProducer, SameBits) { expectSameBits("cast-into-producer"); }

TEST(AbsorbKvB, EqualWithinFloatRounding) {
  for (const auto& [what, text] : models()) {
    Alone run(text, "absorb-kv-b", /*rounded=*/false);
    EXPECT_LE(relativeError(run.after, run.before), kReassociated) << what;
    EXPECT_NE(run.before, run.after) << what << ": nothing was reassociated?";
  }
}

TEST(AbsorbKvB, DecodeIsAbsorbedAndPrefillKeepsThePlainForm) {
  Alone run(tinyR1(), "absorb-kv-b", false);
  EXPECT_EQ(countOf<ir::AttentionOp>(*run.module, "decode"), 0);
  EXPECT_EQ(countOf<ir::LatentAttentionOp>(*run.module, "decode"), 3);
  EXPECT_EQ(countOf<ir::AttentionOp>(*run.module, "prefill"), 3);
  EXPECT_EQ(run.listening.count(true, "absorb-kv-b", "decode", "80 cached elements a token for all 4 heads"),
            3);
  EXPECT_EQ(run.listening.count(false, "absorb-kv-b", "prefill", "many queries share the keys"), 3);
}

TEST(MergeQkvA, StacksWhatReadsTheSameRow) {
  for (const auto& [text, rows] :
       {std::pair(tinyR1(), "48 + 80"), std::pair(moonlight(), "192 + 80"), std::pair(alignedFp8(), "fp8")}) {
    Alone run(text, "merge-qkv-a", false);
    int layers = run.model.config.numLayers;
    for (const char* entry : {"prefill", "decode"}) {
      EXPECT_EQ(
          run.listening.count(true, "merge-qkv-a", entry, "2 linear layers over the same input are one"),
          layers)
          << rows;
      EXPECT_EQ(countOf<ir::ConcatRowsOp>(*run.module, entry),
                llvm::StringRef(rows) == "fp8" ? 2 * layers : layers)
          << rows;
    }
  }
}

TEST(MergeQkvA, LeavesWhatWouldCutAScaleBlock) {
  Alone run(oddSizes(), "merge-qkv-a", false);
  EXPECT_EQ(run.listening.count(false, "merge-qkv-a", "decode",
                                "37 rows are not a multiple of 128, the height of a scale block"),
            2);
  EXPECT_EQ(countOf<ir::ConcatRowsOp>(*run.module, "decode"), 0);
}

// Three bits of mantissa: 2.6 % of each input in the quadratic mean, ten of them in a row. Measured 9.6 %.
constexpr double kE4m3 = 0.15;

TEST(QuantizeActivations, CostsWhatE4m3HasInPrefillOfAGpuAlone) {
  for (bool ue8m0 : {false, true}) {
    json text = with(alignedFp8(), {{"first_k_dense_replace", 2}});
    if (ue8m0)
      text["quantization_config"]["scale_fmt"] = "ue8m0";
    TinyModel& model = Baseline::of(text).model;
    Listening listening;
    auto module = model.import(listening.context);
    roundActivations(*module);
    runFusion(*module, "quantize-activations"); // for a CPU, as nothing is said
    EXPECT_EQ(countOf<ir::QuantizeRowsOp>(*module, "prefill"), 0);
    setMachine(*module, Machine::Cuda, 90);
    runFusion(*module, "quantize-activations");
    // Inputs of q_a and kv_a, q_b, o, gate and up, down; lm_head is bf16.
    EXPECT_EQ(countOf<ir::QuantizeRowsOp>(*module, "prefill"), 2 * 5);
    EXPECT_EQ(countOf<ir::QuantizeRowsOp>(*module, "decode"), 0);
    EXPECT_EQ(listening.count(true, "quantize-activations", "prefill"), 2 * 5);
    EXPECT_EQ(listening.count(false, "quantize-activations", "prefill", "a CPU's kernels"), 1);
    EXPECT_EQ(listening.count(false, "quantize-activations", "prefill", "the weight is"), 1);
    EXPECT_EQ(listening.count(false, "quantize-activations", "decode", "few rows"), 1);
    module->walk([&](ir::QuantizeRowsOp op) { EXPECT_EQ(op.getUe8m0(), ue8m0); });
    double cost = relativeError(model.logits(*module, kTokens, kDecodeFrom), Baseline::of(text).rounded);
    EXPECT_LE(cost, kE4m3);
    EXPECT_GT(cost, 2e-3) << "nothing was quantised?";
  }
}

TEST(FuseRouterTopk, FiresOnSmallRoutersAndSaysWhyNotOnLargeOnes) {
  Alone small(tinyR1(), "router-topk", true);
  for (const char* entry : {"prefill", "decode"}) {
    EXPECT_EQ(fusedWith(*small.module, entry, "router-topk"), 2);
    EXPECT_EQ(small.listening.count(true, "router-topk", entry, "logits of 16 experts"), 2);
  }
  Listening listening;
  TinyModel large(with(tinyR1(), {{"hidden_size", 4096}, {"n_routed_experts", 256}}));
  auto module = large.import(listening.context);
  runFusion(*module, "router-topk");
  EXPECT_EQ(fusedWith(*module, "decode", "router-topk"), 0);
  EXPECT_EQ(listening.count(false, "router-topk", "decode", "2097152 bytes of router weight on one thread"),
            2);
  EXPECT_EQ(fusedWith(*module, "prefill", "router-topk"), 2);
}

TEST(FuseGateUpSiluMul, FiresOnDenseSharedAndRoutedExperts) {
  Alone run(tinyR1(), "gate-up-silu-mul", true);
  for (const char* entry : {"prefill", "decode"}) {
    EXPECT_EQ(fusedWith(*run.module, entry, "gate-up-silu-mul"), 1 + 2 * 2);
    EXPECT_EQ(run.listening.count(true, "gate-up-silu-mul", entry), 1 + 2 * 2);
  }
}

TEST(FuseRopeCacheWrite, FiresInEveryLayer) {
  Alone run(tinyR1(), "rope-cache-write", true);
  EXPECT_EQ(fusedWith(*run.module, "decode", "rope-cache-write"), 3);
  EXPECT_EQ(run.listening.count(true, "rope-cache-write", "decode"), 3);
}

TEST(FuseCombineResidual, TakesSharedExpertAndResidual) {
  Alone run(tinyR1(), "combine-residual", true);
  EXPECT_EQ(fusedWith(*run.module, "prefill", "combine-residual"), 2);
  EXPECT_EQ(run.listening.count(true, "combine-residual", "prefill", "2 additions"), 2);
  Alone unshared(with(tinyR1(), {{"n_shared_experts", 0}}), "combine-residual", true);
  EXPECT_EQ(unshared.before, unshared.after);
  EXPECT_EQ(unshared.listening.count(true, "combine-residual", "prefill", "1 additions"), 2);
}

TEST(FuseResidualNorm, FiresWhereAnAdditionFeedsANorm) {
  Alone run(tinyR1(), "residual-norm", true);
  // Three post-attention norms and the input norms of layers 1 and 2; not the first, after the embedding, nor
  // the last, after the gather.
  EXPECT_EQ(fusedWith(*run.module, "decode", "residual-norm"), 5);
  EXPECT_EQ(run.listening.count(true, "residual-norm", "decode"), 5);
  EXPECT_EQ(run.listening.count(false, "residual-norm", "decode", "no addition feeds this norm"), 2);
}

TEST(FuseNormIntoLinear, FiresInDecodeOnNormsWithOneReader) {
  Alone run(tinyR1(), "norm-into-linear", true);
  EXPECT_EQ(fusedWith(*run.module, "decode", "norm-into-linear"),
            3 + 1); // q_a_layernorm of each layer, the last norm
  EXPECT_EQ(run.listening.count(true, "norm-into-linear", "decode"), 4);
  EXPECT_EQ(fusedWith(*run.module, "prefill", "norm-into-linear"), 0);
  EXPECT_EQ(run.listening.count(false, "norm-into-linear", "prefill", "normalise all rows again"), 4);
  EXPECT_EQ(run.listening.count(false, "norm-into-linear", "decode", "several readers"), 6);
}

TEST(FuseCastIntoProducer, FiresBehindNormsAndProducts) {
  Alone run(tinyR1(), "cast-into-producer", true);
  EXPECT_GE(fusedWith(*run.module, "decode", "cast-into-producer"), 3 * 3);
  EXPECT_EQ(run.listening.count(true, "cast-into-producer", "decode"),
            fusedWith(*run.module, "decode", "cast-into-producer"));
}

// The kernel would compute `up` with the experts of `gate`.
TEST(FuseGateUpSiluMul, LeavesExpertsThatDiffer) {
  std::string text =
      R"(func.func @decode(%x: tensor<?x8xf32>, %a: tensor<?x2xi32>, %b: tensor<?x2xi32>) -> tensor<?x2x4xf32> {
    %g = r1.expert_weight "g." ".w" : tensor<3x4x8xf32>
    %u = r1.expert_weight "u." ".w" : tensor<3x4x8xf32>
    %gate = r1.expert_linear %x, %a, %g : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<3x4x8xf32>) -> tensor<?x2x4xf32>
    %up = r1.expert_linear %x, %IDS, %u : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<3x4x8xf32>) -> tensor<?x2x4xf32>
    %y = r1.silu_mul %gate, %up : tensor<?x2x4xf32>
    return %y : tensor<?x2x4xf32>
  })";
  for (const char* ids : {"a", "b"}) {
    std::string copy = text;
    Listening listening;
    auto module = parse(listening.context, copy.replace(copy.find("IDS"), 3, ids));
    runFusion(*module, "gate-up-silu-mul");
    bool same = ids[0] == 'a';
    EXPECT_EQ(fusedWith(*module, "decode", "gate-up-silu-mul"), same ? 1 : 0);
    EXPECT_EQ(listening.count(false, "gate-up-silu-mul", "decode", "differ in input, experts"), same ? 0 : 1);
  }
}

TEST(FuseRouterTopk, LeavesLogitsWithOtherReaders) {
  Listening listening;
  auto module = parse(listening.context, R"(func.func @decode(%x: tensor<?x8xf32>)
      -> (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>) {
    %w = r1.weight "w" : tensor<4x8xf32>
    %l = r1.router_logits %x, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
    %i, %g = r1.router_gate %l {scoring = #r1.scoring<sigmoid>, group_score = #r1.group_score<none>, groups = 1, topk_group = 1,
                                normalize = true, scale = 1.0 : f64} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    return %l, %i, %g : tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>
  })");
  runFusion(*module, "router-topk");
  EXPECT_EQ(fusedWith(*module, "decode", "router-topk"), 0);
  EXPECT_EQ(listening.count(false, "router-topk", "decode", "not computed for this choice alone"), 1);
}

TEST(FuseCombineResidual, LeavesASumThatNothingIsAddedTo) {
  Listening listening;
  auto module = parse(listening.context,
                      R"(func.func @decode(%y: tensor<?x2x4xf32>, %w: tensor<?x2xf32>) -> tensor<?x4xf32> {
    %s = r1.combine %y, %w : (tensor<?x2x4xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
    return %s : tensor<?x4xf32>
  })");
  runFusion(*module, "combine-residual");
  EXPECT_EQ(listening.count(false, "combine-residual", "decode", "nothing is added"), 1);
}

TEST(Fusion, EveryRemarkNamesAPlaceInTheModel) {
  Listening listening;
  TinyModel model(tinyR1());
  auto module = model.import(listening.context);
  std::vector<std::unique_ptr<mlir::Pass>> passes;
  for (const Fusion& fusion : fusions())
    passes.push_back(fusion.create());
  runPasses(*module, std::move(passes));
  EXPECT_GT(listening.remarks.size(), 50u);
  for (const Remark& remark : listening.remarks) {
    EXPECT_FALSE(remark.location.empty()) << remark.fusion << ": " << remark.text;
    EXPECT_FALSE(remark.text.empty()) << remark.fusion;
  }
}

} // namespace
} // namespace r1::optimize::test
