// A decode entry for up to kStreamRows sequences beside the one for all: few rows are bound by the weights' bytes, many by arithmetic, and
// their kernels differ in schedule. The runtime takes the smallest entry that holds a step.
#include "compiler/select/Passes.h"
#include "compiler/select/Schedules.h"

namespace r1::select {
#define GEN_PASS_DEF_SPLITDECODE
#include "compiler/select/Passes.h.inc"

using namespace mlir;

namespace {

struct SplitDecode : impl::SplitDecodeBase<SplitDecode> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (machineOf(module) != Machine::Cuda)
      return;
    for (auto function : llvm::to_vector(module.getOps<func::FuncOp>())) {
      auto tokens = function->getAttrOfType<IntegerAttr>("r1.max_tokens");
      auto kind = function->getAttrOfType<StringAttr>("r1.entry");
      if (!tokens || !kind || kind.getValue() != "decode" || tokens.getInt() <= kStreamRows)
        continue;
      OpBuilder builder(function);
      auto few = cast<func::FuncOp>(builder.clone(*function));
      few.setSymName((function.getSymName() + "_" + Twine(kStreamRows)).str());
      for (StringRef limit : {"r1.max_tokens", "r1.max_logit_rows"})
        if (auto value = few->getAttrOfType<IntegerAttr>(limit))
          few->setAttr(limit, builder.getI64IntegerAttr(std::min(value.getInt(), kStreamRows)));
    }
  }
};

} // namespace
} // namespace r1::select
