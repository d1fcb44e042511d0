// From r1 operations on rows to the scalar region that fills a skeleton's hole.
#pragma once
#include "dialects/Kern/Kern.h"
#include "dialects/R1/R1.h"
#include "llvm/ADT/SetVector.h"

namespace r1::select {

/// The values of a fused body, seen from outside: what a body argument stands for.
class Body {
public:
  explicit Body(ir::FusedOp op) : op(op) {}
  mlir::Value outside(mlir::Value inner) const;
  ir::FusedOp getOp() const { return op; }
  mlir::Block& block() const { return op->getRegion(0).front(); }
  llvm::SmallVector<mlir::Value> yielded() const;

private:
  mutable ir::FusedOp op;
};

/// Builds one hole. Values that the skeleton hands in are bound first; everything else is computed from elements of tensors outside.
class HoleBuilder {
public:
  HoleBuilder(const Body& body, mlir::Region& region, int leading);

  /// The skeleton's leading value `i`.
  mlir::Value leading(int i) { return block->getArgument(i); }
  /// From here on `inner` is `scalar`.
  void bind(mlir::Value inner, mlir::Value scalar) { bound[inner] = scalar; }
  /// The scalar of an inner value; null after an error on an operation that cannot stand in a hole.
  mlir::Value element(mlir::Value inner);
  /// An element of a tensor outside, by row and column (or column alone for a vector).
  mlir::Value load(mlir::Value outside);
  void yield(llvm::ArrayRef<mlir::Value> values);
  /// Yields `inner` values as they are stored: a final rounding is left to the store.
  mlir::LogicalResult yieldStored(llvm::ArrayRef<mlir::Value> inner);

  /// Tensors whose elements follow the leading arguments, in order.
  llvm::ArrayRef<mlir::Value> operands() const { return loaded.getArrayRef(); }
  mlir::OpBuilder& ops() { return builder; }
  mlir::Location loc() const { return location; }

private:
  const Body& body;
  mlir::Block* block;
  mlir::OpBuilder builder;
  mlir::Location location;
  int leadingCount;
  llvm::DenseMap<mlir::Value, mlir::Value> bound;
  llvm::SetVector<mlir::Value> loaded;
};

} // namespace r1::select
