// The end of phase `optimize`: checks what selection assumes, so that a broken pass is named here and not by
// a wrong kernel.
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_VERIFYOPTIMIZED
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

/// The verifier has seen to it that a quantised x has its scale.
bool quantized(Operation* op) {
  if (auto linear = dyn_cast<ir::LinearOp>(op))
    return static_cast<bool>(linear.getXScale());
  auto experts = dyn_cast<ir::ExpertLinearOp>(op);
  return experts && experts.getXScale();
}

bool isElement(Value value, bool bf16) {
  Type element = cast<RankedTensorType>(value.getType()).getElementType();
  return bf16 ? element.isBF16() : element.isF32();
}

/// A cache is changed in place: whoever returns one has appended.
bool appends(Operation* op) { return llvm::any_of(op->getResultTypes(), llvm::IsaPred<ir::CacheType>); }

struct VerifyOptimized : impl::VerifyOptimizedBase<VerifyOptimized> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([&](Operation* op) -> WalkResult {
      if (isa<ir::LinearOp, ir::ExpertLinearOp, ir::AttentionOp, ir::AbsorbQueryOp, ir::LatentAttentionOp,
              ir::ExpandValueOp>(op) &&
          !quantized(op) && !isElement(op->getOperand(0), /*bf16=*/true))
        return op->emitOpError("reads float where a matrix unit needs bf16; run r1-bf16-activations"),
               WalkResult::interrupt();
      if (auto logits = dyn_cast<ir::RouterLogitsOp>(op); logits && !isElement(logits.getX(), /*bf16=*/false))
        return op->emitOpError("routes on rounded activations; the router reads f32"),
               WalkResult::interrupt();
      for (Value operand : op->getOperands())
        if (isa<ir::CacheType>(operand.getType()) && appends(op) &&
            llvm::count_if(operand.getUsers(), appends) > 1)
          return op->emitOpError("appends to a cache that another operation also appends to; caches are one "
                                 "behind the other"),
                 WalkResult::interrupt();
      return WalkResult::advance();
    });
    if (result.wasInterrupted())
      signalPassFailure();
  }
};

} // namespace
} // namespace r1::optimize
