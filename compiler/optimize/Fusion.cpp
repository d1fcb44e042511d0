#include "compiler/optimize/Fusion.h"

#include "compiler/optimize/Passes.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;

namespace r1::optimize {
namespace {

/// Copies `op` into the body at `builder`; a fused operation is dissolved.
void inlineInto(Operation* op, IRMapping& mapping, OpBuilder& builder) {
  auto inner = dyn_cast<ir::FusedOp>(op);
  if (!inner) {
    builder.clone(*op, mapping);
    return;
  }
  Block& body = inner.getBody().front();
  for (auto [argument, operand] : llvm::zip(body.getArguments(), inner.getInputs()))
    mapping.map(argument, mapping.lookup(operand));
  for (Operation& nested : body.without_terminator())
    builder.clone(nested, mapping);
  for (auto [result, value] :
       llvm::zip(inner.getOutputs(), cast<ir::YieldOp>(body.getTerminator()).getValues()))
    mapping.map(result, mapping.lookup(value));
}

} // namespace

ir::FusedOp fuse(ArrayRef<Operation*> unsorted, StringRef fusion) {
  SmallVector<Operation*> ops(unsorted);
  llvm::sort(ops, [](Operation* a, Operation* b) { return a->isBeforeInBlock(b); });
  llvm::SmallPtrSet<Operation*, 8> inside(ops.begin(), ops.end());

  llvm::SetVector<Value> inputs;
  SmallVector<Value> outputs;
  SmallVector<Attribute> names;
  MLIRContext* context = ops.front()->getContext();
  for (Operation* op : ops) {
    for (Value operand : op->getOperands())
      if (!inside.contains(operand.getDefiningOp()))
        inputs.insert(operand);
    for (Value result : op->getResults())
      if (llvm::any_of(result.getUsers(), [&](Operation* user) { return !inside.contains(user); }))
        outputs.push_back(result);
    if (auto inner = dyn_cast<ir::FusedOp>(op))
      llvm::append_range(names, inner.getFusions());
  }
  Attribute name = StringAttr::get(context, fusion);
  if (!llvm::is_contained(names, name))
    names.push_back(name);

  OpBuilder builder(ops.back());
  auto fused = ir::FusedOp::create(builder, ops.back()->getLoc(), ValueRange(outputs).getTypes(),
                                   inputs.getArrayRef(), builder.getArrayAttr(names));
  Block& body = fused.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value input : inputs)
    mapping.map(input, body.addArgument(input.getType(), input.getLoc()));
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  for (Operation* op : ops)
    inlineInto(op, mapping, inner);
  SmallVector<Value> yielded;
  for (Value output : outputs)
    yielded.push_back(mapping.lookup(output));
  ir::YieldOp::create(inner, fused.getLoc(), yielded);

  for (auto [old, replacement] : llvm::zip(outputs, fused.getOutputs()))
    old.replaceAllUsesWith(replacement);
  for (Operation* op : llvm::reverse(ops))
    op->erase();
  // Readers of an early result may stand before the place of the last operation.
  sortTopologically(fused->getBlock());
  return fused;
}

StringRef entryKind(func::FuncOp function) {
  auto kind = function->getAttrOfType<StringAttr>("r1.entry");
  return kind ? kind.getValue() : function.getSymName();
}

std::string locationName(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    return name.getName().str();
  if (auto fused = dyn_cast<FusedLoc>(location))
    for (Location inner : fused.getLocations())
      if (std::string name = locationName(inner); !name.empty())
        return name;
  return "";
}

void passed(Operation* at, StringRef fusion, const Twine& reason) {
  std::string function = at->getParentOfType<func::FuncOp>().getSymName().str(), text = reason.str();
  remark::passed(at->getLoc(), remark::RemarkOpts::name(fusion).category("fusion").function(function))
      << StringRef(text);
}

void missed(Operation* at, StringRef fusion, const Twine& reason) {
  std::string function = at->getParentOfType<func::FuncOp>().getSymName().str(), text = reason.str();
  remark::missed(at->getLoc(), remark::RemarkOpts::name(fusion).category("fusion").function(function))
      << StringRef(text);
}

ArrayRef<Fusion> fusions() {
  static const Fusion list[] = {
      {"prune-unread-rows", createPruneUnreadRows,
       "prefill's last layer computes the rows whose logits are wanted"},
      {"merge-qkv-a", createMergeQkvA, "linear layers over the same input become one"},
      {"absorb-kv-b", createAbsorbKvB, "decode attends over latents; kv_b_proj moves into query and output"},
      {"quantize-activations", createQuantizeActivations,
       "inputs of linear layers with e4m3 weights become e4m3 (GPU, prefill; off unless asked for)",
       /*byDefault=*/false, +[] { return createQuantizeActivations({/*decline=*/true}); }},
      {"router-topk", createFuseRouterTopk, "router logits and expert choice in one kernel"},
      {"gate-up-silu-mul", createFuseGateUpSiluMul, "gate, up and silu(gate) * up in one kernel"},
      {"rope-cache-write", createFuseRopeCacheWrite,
       "latent norm, key rotation and cache append in one kernel"},
      {"combine-residual", createFuseCombineResidual, "expert sum, shared expert and residual in one kernel"},
      {"residual-norm", createFuseResidualNorm, "residual addition and the following norm in one kernel"},
      {"norm-into-linear", createFuseNormIntoLinear,
       "a norm becomes the prologue of its only reader (decode)"},
      {"cast-into-producer", createFuseCastIntoProducer, "rounding happens where a value is stored"},
  };
  return list;
}

} // namespace r1::optimize
