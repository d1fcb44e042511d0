// Executes a function of the r1 dialect on the CPU in float: executable mathematics, against which passes and
// kernels are judged. Every operation is computed by the reference of its kernel family (sums in double, one
// rounding to float); a result of element type bf16 is then rounded to nearest even, so that a graph's
// roundings show and nothing else does.
#pragma once
#include "compiler/interpret/Weights.h"
#include "dialects/R1/R1.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace r1::interpret {

/// The arguments of an entry function (compiler/import/ImportModel.h) but the page table, which only places
/// the cache in memory.
struct Step {
  llvm::ArrayRef<int32_t> ids, positions; // of T tokens
  llvm::ArrayRef<int32_t> logitRows;      // tokens whose logits are wanted
  /// The sequence of each token in the cache: one element for all tokens, or T.
  llvm::ArrayRef<int32_t> slots;
};

/// Keeps references to the function, which must not change meanwhile, and to the weights. One thread at a
/// time.
class Interpreter {
public:
  /// Fails where the function does not verify or holds an operation that is not of the r1 dialect.
  static llvm::Expected<Interpreter> create(mlir::func::FuncOp function, WeightStore& weights);

  /// The function's results for these arguments; their types and static extents are checked. `slots` as in
  /// Step: cache operations have no such operand.
  llvm::Expected<llvm::SmallVector<RuntimeValue>> run(llvm::ArrayRef<RuntimeValue> arguments,
                                                      llvm::ArrayRef<int32_t> slots) const;

  /// One step of an entry function: appends to the cache, returns logits [logit rows][vocabulary].
  llvm::Expected<TensorPtr> step(const Step& step, LatentCache& cache) const;

private:
  Interpreter(mlir::func::FuncOp function, WeightStore& weights) : function(function), weights(&weights) {}

  mutable mlir::func::FuncOp function; // MLIR's handles have no const members
  WeightStore* weights;
  llvm::DenseMap<mlir::Operation*, llvm::SmallVector<mlir::Value, 2>>
      lastUses; // values that nothing reads after the operation
};

} // namespace r1::interpret
