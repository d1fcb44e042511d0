// sum_j w_j y_j, plus the shared expert, plus the residual: three passes over a row become one. The order of
// additions stays.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_FUSECOMBINERESIDUAL
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "combine-residual";

struct FuseCombineResidual : impl::FuseCombineResidualBase<FuseCombineResidual> {
  void runOnOperation() override {
    SmallVector<ir::CombineOp> combines;
    getOperation().walk([&](ir::CombineOp op) { combines.push_back(op); });
    for (ir::CombineOp combine : combines) {
      SmallVector<Operation*> chain = {combine};
      while (chain.back()->hasOneUse() && isa<ir::AddOp>(*chain.back()->user_begin()))
        chain.push_back(*chain.back()->user_begin());
      if (chain.size() == 1) {
        missed(combine, kName, "nothing is added to the combined experts, or the sum has several readers");
        continue;
      }
      passed(combine, kName, Twine(chain.size() - 1) + " additions happen while the experts are summed");
      fuse(chain, kName);
    }
  }
};

} // namespace
} // namespace r1::optimize
