// What the fusion passes share: putting operations into one r1.fused, and saying why or why not.
#pragma once
#include "compiler/target/Target.h"
#include "dialects/R1/R1.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace r1::optimize {

/// Puts `ops` (of one block, none depending on another through an operation outside) into one r1.fused that
/// also carries `fusion`'s name; r1.fused among them are dissolved into it. Results used outside become its
/// outputs. The block is sorted afterwards.
ir::FusedOp fuse(llvm::ArrayRef<mlir::Operation*> ops, llvm::StringRef fusion);

/// The operation, or the only operation of type OpT in the fused body that defines `value`'s result directly;
/// null if neither.
template <typename OpT> OpT producerOf(mlir::Value value) {
  mlir::Operation* op = value.getDefiningOp();
  if (auto direct = llvm::dyn_cast_or_null<OpT>(op))
    return direct;
  if (auto fused = llvm::dyn_cast_or_null<ir::FusedOp>(op)) {
    auto yield = llvm::cast<ir::YieldOp>(fused.getBody().front().getTerminator());
    return yield.getValues()[llvm::cast<mlir::OpResult>(value).getResultNumber()]
        .template getDefiningOp<OpT>();
  }
  return nullptr;
}

/// True where `op` is an OpT or a fused operation that contains one.
template <typename OpT> bool holds(mlir::Operation* op) {
  if (auto fused = llvm::dyn_cast<ir::FusedOp>(op))
    return !fused.getBody().front().template getOps<OpT>().empty();
  return llvm::isa<OpT>(op);
}

/// "decode", "prefill" or "mtp": which step this function computes.
llvm::StringRef entryKind(mlir::func::FuncOp function);

/// Remarks; `reason` is a sentence. They reach --remarks, `r1c explain` and the artifact.
void passed(mlir::Operation* at, llvm::StringRef fusion, const llvm::Twine& reason);
void missed(mlir::Operation* at, llvm::StringRef fusion, const llvm::Twine& reason);

/// "layers.3.self_attn" from the operation's location; "" where there is none.
std::string locationName(mlir::Location location);

} // namespace r1::optimize
