// A kernel that has a value in a register stores it as bf16 at no cost; a kernel of its own for the rounding
// would read and write it.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_FUSECASTINTOPRODUCER
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "cast-into-producer";

/// Whether the kernel of `op` ends in a hole that can store another result.
bool storesThroughHole(Operation* op) {
  if (auto fused = dyn_cast<ir::FusedOp>(op))
    return !holds<ir::RouterGateOp>(op) && !holds<ir::CacheAppendOp>(op);
  return isa<ir::LinearOp, ir::ExpertLinearOp, ir::RmsNormOp, ir::AddOp, ir::SiluMulOp, ir::CombineOp>(op);
}

struct FuseCastIntoProducer : impl::FuseCastIntoProducerBase<FuseCastIntoProducer> {
  void runOnOperation() override {
    SmallVector<ir::CastOp> casts;
    for (ir::CastOp op : getOperation().getOps<ir::CastOp>())
      casts.push_back(op);
    for (ir::CastOp op : casts) {
      Operation* producer = op.getX().getDefiningOp();
      if (!producer || !storesThroughHole(producer)) {
        missed(op, kName,
               producer ? "the producer '" + producer->getName().getStringRef() + "' stores without a hole"
                        : Twine("the value is an input of the step"));
        continue;
      }
      passed(op, kName, "rounded where '" + producer->getName().getStringRef() + "' stores");
      fuse({producer, op}, kName);
    }
  }
};

} // namespace
} // namespace r1::optimize
