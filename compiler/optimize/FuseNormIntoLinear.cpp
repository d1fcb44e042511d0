// A norm with a single reader disappears into that linear layer: each thread normalises the few rows of a
// decode step itself, which costs k operations a row and saves a launch and a round trip. With many rows
// every column block would repeat it, so prefill is left alone.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_FUSENORMINTOLINEAR
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "norm-into-linear";

struct FuseNormIntoLinear : impl::FuseNormIntoLinearBase<FuseNormIntoLinear> {
  void runOnOperation() override {
    SmallVector<ir::RmsNormOp> norms;
    for (ir::RmsNormOp op : getOperation().getOps<ir::RmsNormOp>())
      norms.push_back(op);
    for (ir::RmsNormOp norm : norms)
      consider(norm);
  }

  void consider(ir::RmsNormOp norm) {
    SmallVector<Operation*> chain = {norm};
    while (chain.back()->hasOneUse() && isa<ir::CastOp>(*chain.back()->user_begin()))
      chain.push_back(*chain.back()->user_begin());
    if (!chain.back()->hasOneUse()) {
      missed(norm, kName, "the norm has several readers");
      return;
    }
    Operation* reader = *chain.back()->user_begin();
    auto linear = dyn_cast<ir::LinearOp>(reader);
    if (!linear || linear.getX() != chain.back()->getResult(0)) {
      if (holds<ir::LinearOp>(reader))
        missed(norm, kName, "the reader is one kernel for several linear layers");
      return;
    }
    if (machineOf(getOperation()) == Machine::Cuda) {
      missed(norm, kName, "a GPU's blocks are many and would each read and normalise the rows again");
      return;
    }
    if (entryKind(getOperation()) != "decode") {
      missed(norm, kName, "every block of columns would normalise all rows again");
      return;
    }
    chain.push_back(linear);
    passed(norm, kName, "each thread normalises its rows while it stages them");
    fuse(chain, kName);
  }
};

} // namespace
} // namespace r1::optimize
