// Matrix units multiply bf16; the residual stream, norms, softmax and routing stay float. A linear layer's
// input is rounded by an explicit r1.cast (so that interpretation shows the effect), attention works on bf16
// throughout, as R1's own code does, and so do the latents and keys in the cache. What interpretation does
// not show: prefill's kernel rounds the keys and values it expands.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_BF16ACTIVATIONS
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

struct Bf16Activations : impl::Bf16ActivationsBase<Bf16Activations> {
  void runOnOperation() override {
    // Attention produces bf16, and so does the rotation that feeds it.
    getOperation().walk([&](Operation* op) {
      if (isa<ir::AttentionOp, ir::AbsorbQueryOp, ir::LatentAttentionOp, ir::ExpandValueOp>(op))
        narrow(op->getResult(0));
      if (auto rope = dyn_cast<ir::RopeOp>(op))
        if (llvm::any_of(rope->getUsers(),
                         llvm::IsaPred<ir::AttentionOp, ir::AbsorbQueryOp, ir::LatentAttentionOp>))
          narrow(rope.getResult());
    });
    // The cache holds bf16: its norm and its rotation store rounded, anything else is rounded on the way in.
    getOperation().walk([&](ir::CacheAppendOp op) {
      for (Value value : {Value(op.getLatent()), Value(op.getKey())})
        if (isa_and_nonnull<ir::RmsNormOp, ir::RopeOp>(value.getDefiningOp()) && value.hasOneUse())
          narrow(value);
    });
    llvm::DenseMap<Value, Value> rounded;
    getOperation().walk([&](Operation* op) {
      if (isa<ir::LinearOp, ir::ExpertLinearOp, ir::AttentionOp, ir::AbsorbQueryOp, ir::ExpandValueOp>(op))
        op->setOperand(0, round(op->getOperand(0), rounded));
      if (isa<ir::LatentAttentionOp>(op))
        for (unsigned i : {0u, 1u})
          op->setOperand(i, round(op->getOperand(i), rounded));
      if (isa<ir::CacheAppendOp>(op))
        for (unsigned i : {1u, 2u})
          op->setOperand(i, round(op->getOperand(i), rounded));
    });
    // A linear layer's result meets floats again, except where its only readers round it.
    getOperation().walk([&](ir::RouterLogitsOp op) { op->setOperand(0, widen(op.getX())); });
    getOperation().walk([&](Operation* op) {
      if (isa<ir::AddOp, ir::SiluMulOp>(op))
        for (OpOperand& operand : op->getOpOperands())
          operand.set(widen(operand.get()));
    });
  }

  static RankedTensorType withElement(Value value, Type element) {
    return cast<RankedTensorType>(value.getType()).clone(element);
  }
  void narrow(Value result) { result.setType(withElement(result, Builder(&getContext()).getBF16Type())); }

  Value round(Value value, llvm::DenseMap<Value, Value>& rounded) {
    if (!cast<RankedTensorType>(value.getType()).getElementType().isF32())
      return value;
    Value& cast = rounded[value];
    if (!cast) {
      OpBuilder builder(&getContext());
      builder.setInsertionPointAfterValue(value);
      cast = ir::CastOp::create(builder, value.getLoc(), withElement(value, builder.getBF16Type()), value);
    }
    return cast;
  }

  Value widen(Value value) {
    if (cast<RankedTensorType>(value.getType()).getElementType().isF32())
      return value;
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(value);
    return ir::CastOp::create(builder, value.getLoc(), withElement(value, builder.getF32Type()), value);
  }
};

} // namespace
} // namespace r1::optimize
