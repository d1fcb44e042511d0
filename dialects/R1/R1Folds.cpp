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

} // namespace r1::ir
