// Folds of the r1 dialect.
#include "dialects/R1/R1.h"

using namespace mlir;

namespace r1::ir {

// %x : tensor<?x8xf32>
//   %y = r1.cast %x : (tensor<?x8xf32>) -> tensor<?x8xf32>
// -->
//   %x
OpFoldResult CastOp::fold(FoldAdaptor) { return getX().getType() == getType() ? getX() : OpFoldResult(); }

//   %y = r1.slice %x [0] : (tensor<?x8xf32>) -> tensor<?x8xf32>
// -->
//   %x
//
//   %y = r1.slice %x [a] ; %z = r1.slice %y [b]
// -->
//   %z = r1.slice %x [a + b]
OpFoldResult SliceOp::fold(FoldAdaptor) {
  if (getX().getType() == getType())
    return getX();
  if (auto outer = getX().getDefiningOp<SliceOp>()) {
    setOffset(getOffset() + outer.getOffset());
    setOperand(outer.getX());
    return getResult();
  }
  return {};
}

//   %w = r1.cast %x : (tensor<?x8xbf16>) -> tensor<?x8xf32> ; %y, %s = r1.quantize_rows %w
// -->
//   %y, %s = r1.quantize_rows %x
LogicalResult QuantizeRowsOp::fold(FoldAdaptor, SmallVectorImpl<OpFoldResult>&) {
  auto cast = getX().getDefiningOp<CastOp>();
  auto element = [](Value value) { return mlir::cast<RankedTensorType>(value.getType()).getElementType(); };
  if (!cast || !element(getX()).isF32() || !element(cast.getX()).isBF16())
    return failure();
  setOperand(cast.getX());
  return success();
}

} // namespace r1::ir
