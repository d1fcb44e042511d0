// The end of phase `plan`: what code generation and the runtime will rely on.
#include "compiler/plan/Passes.h"

namespace r1::plan {
#define GEN_PASS_DEF_VERIFYPLANNED
#include "compiler/plan/Passes.h.inc"

using namespace mlir;

namespace {

struct VerifyPlanned : impl::VerifyPlannedBase<VerifyPlanned> {
  void runOnOperation() override {
    if (failed(check()))
      signalPassFailure();
  }

  LogicalResult check() {
    ModuleOp module = getOperation();
    auto segments = module->getAttrOfType<DenseI64ArrayAttr>("plan.segment_bytes");
    if (!segments || segments.size() != 2)
      return module.emitError("a planned module says how large its segments are (plan.segment_bytes)");
    int64_t end[2] = {0, 0};
    for (auto tensor : module.getOps<TensorOp>()) {
      int64_t segment = tensor.getSegment(), offset = tensor.getOffset(), bytes = tensor.getBytes();
      if (segment < 0 || segment > 1 || offset < end[segment] || offset + bytes > segments[segment])
        return tensor.emitOpError() << "lies at [" << offset << ", " << offset + bytes << ") of segment "
                                    << segment << ", which is taken or ends before";
      end[segment] = offset + bytes;
    }
    SymbolTableCollection tables;
    for (Operation& op : *module.getBody())
      if (!isa<TensorOp, KernelOp, EntryOp>(op))
        return op.emitOpError("is left after planning");
    WalkResult result = module.walk([&](LaunchOp launch) -> WalkResult {
      auto kernel = tables.lookupNearestSymbolFrom<KernelOp>(module, launch.getKernelAttr());
      if (!kernel)
        return launch.emitOpError() << "names kernel " << launch.getKernel() << ", which does not exist",
               WalkResult::interrupt();
      int64_t arguments = launch.getArguments().size();
      auto inside = [&](Attribute access) { return cast<AccessAttr>(access).getBuffer() < arguments; };
      bool fits = llvm::all_of(kernel.getWrites(), inside);
      for (Attribute list : kernel.getReads())
        fits &= llvm::all_of(cast<ArrayAttr>(list), inside);
      if (!fits || llvm::is_contained(launch.getArguments(), Attribute()))
        return launch.emitOpError("has fewer arguments than its kernel reads and writes"),
               WalkResult::interrupt();
      return WalkResult::advance();
    });
    return failure(result.wasInterrupted());
  }
};

} // namespace
} // namespace r1::plan
