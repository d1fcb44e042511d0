#include "compiler/select/HoleBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace r1::select {

Value Body::outside(Value inner) const {
  if (auto argument = dyn_cast<BlockArgument>(inner))
    return op.getInputs()[argument.getArgNumber()];
  return {};
}

SmallVector<Value> Body::yielded() const {
  return llvm::to_vector(cast<ir::YieldOp>(block().getTerminator()).getValues());
}

HoleBuilder::HoleBuilder(const Body& body, Region& region, int leading)
    : body(body), block(&region.emplaceBlock()), builder(body.getOp()->getContext()),
      location(body.getOp()->getLoc()), leadingCount(leading) {
  builder.setInsertionPointToEnd(block);
  for (int i = 0; i < leading; ++i)
    block->addArgument(builder.getF32Type(), location);
}

Value HoleBuilder::load(Value outside) {
  if (loaded.insert(outside))
    block->addArgument(builder.getF32Type(), location);
  auto position = std::distance(loaded.begin(), llvm::find(loaded, outside));
  return block->getArgument(leadingCount + position);
}

Value HoleBuilder::element(Value inner) {
  if (Value known = bound.lookup(inner))
    return known;
  Value result;
  if (Value outside = body.outside(inner)) {
    result = load(outside);
  } else if (auto add = inner.getDefiningOp<ir::AddOp>()) {
    Value lhs = element(add.getLhs()), rhs = element(add.getRhs());
    if (lhs && rhs)
      result = arith::AddFOp::create(builder, location, lhs, rhs);
  } else if (auto product = inner.getDefiningOp<ir::SiluMulOp>()) {
    Value gate = element(product.getGate()), up = element(product.getUp());
    if (gate && up) {
      // silu(g) = g / (1 + exp(-g))
      Value one = arith::ConstantOp::create(builder, location, builder.getF32FloatAttr(1));
      Value exp = math::ExpOp::create(builder, location, arith::NegFOp::create(builder, location, gate));
      Value silu =
          arith::DivFOp::create(builder, location, gate, arith::AddFOp::create(builder, location, one, exp));
      result = arith::MulFOp::create(builder, location, silu, up);
    }
  } else if (auto cast = inner.getDefiningOp<ir::CastOp>()) {
    result = element(cast.getX());
    if (result && mlir::cast<RankedTensorType>(cast.getType()).getElementType().isBF16()) {
      Value narrow = arith::TruncFOp::create(builder, location, builder.getBF16Type(), result);
      result = arith::ExtFOp::create(builder, location, builder.getF32Type(), narrow);
    }
  } else {
    Operation* op = inner.getDefiningOp();
    op->emitOpError(
        "cannot be computed element by element inside this kernel; switch the fusion off that put it there");
  }
  if (result)
    bind(inner, result);
  return result;
}

void HoleBuilder::yield(ArrayRef<Value> values) { kern::YieldOp::create(builder, location, values); }

LogicalResult HoleBuilder::yieldStored(ArrayRef<Value> inner) {
  SmallVector<Value> values;
  for (Value value : inner) {
    auto cast = value.getDefiningOp<ir::CastOp>();
    values.push_back(element(cast && !bound.count(value) ? cast.getX() : value));
    if (!values.back())
      return failure();
  }
  yield(values);
  return success();
}

} // namespace r1::select
