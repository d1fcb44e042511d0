// A prompt's logits are wanted of its last token, or of none where more of it follows. The graph gathers those rows before the final
// norm; here the gather moves up, through everything that works row by row, to where all rows are needed: what the last layer writes
// into the cache. Its queries, attention and feed-forward part are then computed for those rows alone. Of R1's prefill that is 1 in 61 of the operations,
// of a small model's 1 in 8; nobody's numbers change.
//
// Norms and roundings of rows that all are needed are computed again for the few, which spares a gather of what they give.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"
#include "mlir/IR/IRMapping.h"

namespace r1::optimize {
#define GEN_PASS_DEF_PRUNEUNREADROWS
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "prune-unread-rows";

bool hasRows(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && type.getRank() > 0 && type.isDynamicDim(0);
}

/// Of an operation that works row by row: the operands of which row r is read for row r.
SmallVector<OpOperand*> rowOperands(Operation* op) {
  SmallVector<OpOperand*> found;
  for (OpOperand& operand : op->getOpOperands()) {
    if (auto attention = dyn_cast<ir::AttentionOp>(op))
      if (operand.get() != attention.getQ())
        continue; // positions stay those of all tokens
    if (hasRows(operand.get()))
      found.push_back(&operand);
  }
  return found;
}

/// One gather on its way up.
class Narrowing {
public:
  explicit Narrowing(ir::GatherRowsOp gather) : gather(gather) { follow(gather.getX()); }

  /// What keeps the gather where it is; "" if nothing.
  std::string obstacle() {
    if (!isa<BlockArgument>(gather.getRows()))
      return "the rows that are wanted are not given with the step";
    if (matrices == 0)
      return "no linear layer lies between the rows that are wanted and what reads every row";
    for (Operation* op : inside)
      for (OpOperand* operand : rowOperands(op))
        if (Value read = operand->get(); !inside.contains(read.getDefiningOp()) && !mayGather(read))
          return "a value that others read whole has rows that no kernel gathers";
    return "";
  }
  int64_t linearLayers() const { return matrices; }

  void run() {
    // In order, so that an operand's narrow form is there before it is read.
    for (Operation& op : llvm::make_early_inc_range(*gather->getBlock()))
      if (inside.contains(&op)) {
        for (OpOperand* operand : rowOperands(&op))
          operand->set(narrow(operand->get()));
        if (auto attention = dyn_cast<ir::AttentionOp>(op))
          attention.getRowsMutable().assign(gather.getRows());
      }
    gather.replaceAllUsesWith(narrow(gather.getX()));
    gather.erase();
  }

private:
  /// Adds the producer of `value`, and what it alone reads, if nothing but what is inside already, or the gather, reads it.
  void follow(Value value) {
    Operation* op = value.getDefiningOp();
    if (!op || inside.contains(op) || !op->hasTrait<ir::RowWise>() ||
        llvm::any_of(op->getUsers(),
                     [&](Operation* user) { return user != gather && !inside.contains(user); }))
      return;
    if (auto attention = dyn_cast<ir::AttentionOp>(op); attention && attention.getRows())
      return;
    inside.insert(op);
    matrices += isa<ir::LinearOp, ir::ExpertLinearOp>(op);
    for (OpOperand* operand : rowOperands(op))
      follow(operand->get());
  }

  static bool mayGather(Value value) {
    auto type = cast<RankedTensorType>(value.getType());
    return type.getRank() == 2 && (type.getElementType().isF32() || type.getElementType().isBF16());
  }

  Value narrow(Value value) {
    if (inside.contains(value.getDefiningOp()))
      return value; // has few rows already
    Value& known = narrowed[value];
    if (known)
      return known;
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    if (Operation* op = value.getDefiningOp(); isa_and_present<ir::RmsNormOp, ir::CastOp>(op)) {
      IRMapping few;
      few.map(op->getOperand(0), narrow(op->getOperand(0)));
      return narrowed[value] = builder.clone(*op, few)->getResult(0);
    }
    return known =
               ir::GatherRowsOp::create(builder, gather.getLoc(), value.getType(), value, gather.getRows());
  }

  ir::GatherRowsOp gather;
  llvm::SmallPtrSet<Operation*, 32> inside;
  llvm::DenseMap<Value, Value> narrowed;
  int64_t matrices = 0;
};

struct PruneUnreadRows : impl::PruneUnreadRowsBase<PruneUnreadRows> {
  void runOnOperation() override {
    SmallVector<ir::GatherRowsOp> gathers(getOperation().getOps<ir::GatherRowsOp>());
    for (ir::GatherRowsOp gather : gathers) {
      if (entryKind(getOperation()) != "prefill") {
        missed(gather, kName, "every token of such a step wants its logits");
        continue;
      }
      Narrowing narrowing(gather);
      if (std::string reason = narrowing.obstacle(); !reason.empty()) {
        missed(gather, kName, reason);
        continue;
      }
      passed(gather, kName,
             Twine(narrowing.linearLayers()) +
                 " linear layers compute the rows whose logits are wanted, not every token's");
      narrowing.run();
    }
  }
};

} // namespace
} // namespace r1::optimize
