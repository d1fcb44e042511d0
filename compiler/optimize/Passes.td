// Passes of the phase `optimize` (r1 -> r1). Flag, file, test and remark carry one name: r1-merge-qkv-a is
// MergeQkvA.cpp, test/lit/compiler/optimize/merge-qkv-a.mlir, and `merge-qkv-a` in --fusions and in remarks.
#ifndef OPTIMIZE_PASSES_TD
#define OPTIMIZE_PASSES_TD

include "mlir/Pass/PassBase.td"

class FusionPass<string flag> : Pass<flag, "::mlir::func::FuncOp"> {
  let dependentDialects = ["::r1::ir::R1Dialect"];
}

def PruneUnreadRows : FusionPass<"r1-prune-unread-rows"> {
  let summary = "Prefill: the last layer computes the rows whose logits are wanted, not every token's";
}
def MergeQkvA : FusionPass<"r1-merge-qkv-a"> {
  let summary = "Linear layers over the same input become one (q_a_proj and kv_a_proj_with_mqa)";
}
def AbsorbKvB : FusionPass<"r1-absorb-kv-b"> {
  let summary = "Decode attends over latents: kv_b_proj moves into the query and the output";
  let description = [{
    q_nope . (W_UK c) = (q_nope W_UK) . c, and sum_s p_s (W_UV c_s) = W_UV (sum_s p_s c_s). The latents are read
    once for all heads, keys and values are never expanded. Prefill keeps the plain form, which needs fewer
    operations when many queries share the keys.
  }];
}
def Bf16Activations : FusionPass<"r1-bf16-activations"> {
  let summary = "Round to bf16 what matrix units multiply; everything else stays float";
}
def QuantizeActivations : FusionPass<"r1-quantize-activations"> {
  let summary = "GPU prefill: the input of linear layers with e4m3 weights becomes e4m3, with a scale for each 128 columns";
  let options = [Option<"decline", "decline", "bool", "false", "Change nothing, say what there is to gain">];
}
def FuseRouterTopk : FusionPass<"r1-fuse-router-topk"> {
  let summary = "Router logits and expert choice in one kernel";
}
def FuseGateUpSiluMul : FusionPass<"r1-fuse-gate-up-silu-mul"> {
  let summary = "gate_proj, up_proj and silu(gate) * up in one kernel, weights interleaved";
}
def FuseRopeCacheWrite : FusionPass<"r1-fuse-rope-cache-write"> {
  let summary = "Latent norm, key rotation and cache append in one kernel";
}
def FuseCombineResidual : FusionPass<"r1-fuse-combine-residual"> {
  let summary = "Weighted sum of experts, shared expert and residual in one kernel";
}
def FuseResidualNorm : FusionPass<"r1-fuse-residual-norm"> {
  let summary = "Residual addition and the norm that follows in one kernel";
}
def FuseNormIntoLinear : FusionPass<"r1-fuse-norm-into-linear"> {
  let summary = "Decode: a norm with one reader becomes that linear layer's prologue";
}
def FuseCastIntoProducer : FusionPass<"r1-fuse-cast-into-producer"> {
  let summary = "Rounding happens where a value is stored";
}
def VerifyOptimized : Pass<"r1-verify-optimized", "::mlir::func::FuncOp"> {
  let summary = "What selection may assume: bf16 for matrix units, f32 for the router, caches in order";
}

#endif
