// x = residual + branch, then norm(x): the row is in cache when its sum of squares is complete, so one kernel
// writes both. Also takes the experts' combination where combine-residual made that addition.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_FUSERESIDUALNORM
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "residual-norm";

struct FuseResidualNorm : impl::FuseResidualNormBase<FuseResidualNorm> {
  void runOnOperation() override {
    SmallVector<ir::RmsNormOp> norms;
    for (ir::RmsNormOp op : getOperation().getOps<ir::RmsNormOp>())
      norms.push_back(op);
    for (ir::RmsNormOp norm : norms) {
      if (producerOf<ir::AddOp>(norm.getX())) {
        if (holds<ir::RmsNormOp>(norm.getX().getDefiningOp())) {
          missed(norm, kName,
                 "another norm of the same sum is in its kernel already; a row kernel reduces once");
          continue;
        }
        passed(norm, kName, "the sum is normalised while its row is at hand");
        fuse({norm.getX().getDefiningOp(), norm}, kName);
      } else if (norm.getX().getDefiningOp<ir::EmbedOp>() || norm.getX().getDefiningOp<ir::GatherRowsOp>()) {
        missed(norm, kName, "no addition feeds this norm");
      }
    }
  }
};

} // namespace
} // namespace r1::optimize
