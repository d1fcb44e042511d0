// The end of phase `select`: the registry is the contract with the kernels, and this checks every dispatch against it.
#include "compiler/select/Passes.h"
#include "kernels/registry/registry.h"

namespace r1::select {
#define GEN_PASS_DEF_VERIFYSELECTED
#include "compiler/select/Passes.h.inc"

using namespace mlir;

namespace {

LogicalResult check(kern::DispatchOp op) {
  std::string_view name(op.getSkeleton().data(), op.getSkeleton().size());
  const kernels::Skeleton* skeleton = kernels::find_skeleton(name);
  if (!skeleton)
    return op.emitOpError() << "names skeleton '" << op.getSkeleton()
                            << "', which kernels/registry does not list";
  if (op.getParams().size() != skeleton->params.size())
    return op.emitOpError() << op.getSkeleton() << " takes " << skeleton->params.size()
                            << " parameters, found " << op.getParams().size();
  for (const kernels::ParamSpec& spec : skeleton->params) {
    Attribute value = op.getParams().get(StringRef(spec.name.data(), spec.name.size()));
    if (!value || isa<FloatAttr>(value) != spec.is_double)
      return op.emitOpError() << op.getSkeleton() << " needs parameter '" << spec.name << "' as "
                              << (spec.is_double ? "f64" : "i64");
  }
  // A row kernel that combines experts reads their outputs and weights itself (kernels/registry/params.h).
  auto combine = dyn_cast_or_null<IntegerAttr>(op.getParams().get("combine_k"));
  int64_t fixedInputs = skeleton->fixed_inputs + (combine && combine.getInt() > 0 ? 2 : 0);
  if (op.getFixed()[0] != fixedInputs || op.getFixed()[1] != skeleton->fixed_outputs)
    return op.emitOpError() << op.getSkeleton() << " reads " << fixedInputs << " and writes "
                            << skeleton->fixed_outputs << " buffers itself, found " << op.getFixed()[0]
                            << " and " << op.getFixed()[1];
  // A gemm without a prologue fills the epilogue alone.
  auto prologue = dyn_cast_or_null<IntegerAttr>(op.getParams().get("prologue"));
  size_t holes = prologue && prologue.getInt() == 0 ? 1 : skeleton->holes.size();
  if (op.getHoles().size() != holes || llvm::any_of(op.getHoles(), [](Region& hole) { return hole.empty(); }))
    return op.emitOpError() << op.getSkeleton() << " has " << holes << " holes, found "
                            << llvm::count_if(op.getHoles(), [](Region& hole) { return !hole.empty(); });
  auto tile = dyn_cast_or_null<IntegerAttr>(op.getParams().get("tile_n"));
  if (tile && (tile.getInt() < 16 || tile.getInt() % 16))
    return op.emitOpError() << op.getSkeleton() << " computes strips of 16 columns; tile_n is "
                            << tile.getInt();
  int64_t stored = op.getOutputs().size() - op.getFixed()[1];
  for (auto [hole, spec, reads] : llvm::zip(op.getHoles(), skeleton->holes, op.getHoleInputs())) {
    int64_t leading = spec.leading == kernels::kLeadingAccumulators
                          ? cast<IntegerAttr>(op.getParams().get("accumulators")).getInt()
                          : spec.leading;
    int64_t arguments = leading + cast<DenseI64ArrayAttr>(reads).size();
    if (hole.front().getNumArguments() != arguments)
      return op.emitOpError() << "hole '" << spec.name << "' takes " << arguments << " values, found "
                              << hole.front().getNumArguments();
    int64_t yields = hole.front().getTerminator()->getNumOperands();
    if (yields != (spec.writes_back ? 1 : stored))
      return op.emitOpError() << "hole '" << spec.name << "' yields " << yields << " values, expected "
                              << (spec.writes_back ? 1 : stored);
  }
  return success();
}

struct VerifySelected : impl::VerifySelectedBase<VerifySelected> {
  void runOnOperation() override {
    if (!getOperation()->hasAttr("r1.max_tokens"))
      return;
    for (Operation& op : getOperation().getBody().front()) {
      if (!isa<kern::DispatchOp, kern::ConstantOp, kern::SliceOp, func::ReturnOp>(op))
        return op.emitOpError("is left after selection"), signalPassFailure();
      if (auto dispatch = dyn_cast<kern::DispatchOp>(op); dispatch && failed(check(dispatch)))
        return signalPassFailure();
    }
  }
};

} // namespace
} // namespace r1::select
