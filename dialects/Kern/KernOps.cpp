// Verifiers of the kern dialect; labels match KernOps.td and test/lit/dialects/Kern/invalid.mlir.
#include "dialects/Kern/Kern.h"

#define GET_OP_CLASSES
#include "dialects/Kern/KernOps.cpp.inc"

using namespace mlir;

namespace r1::kern {

LogicalResult ConstantOp::verify() {
  bool literal = getLayout() == "literal";
  if (literal != getValues().has_value() || literal == !getSources().empty())
    return emitOpError() << "constant_c1: layout '" << getLayout() << "' with " << getSources().size()
                         << " sources and " << (getValues() ? "" : "no ") << "values";
  ArrayRef<int64_t> shape = getShape();
  if (shape.size() != 4 || llvm::any_of(shape, [](int64_t extent) { return extent < 1; }))
    return emitOpError() << "constant_c2: expected [batch, n, k, accumulators], all positive";
  for (auto source : getSources().getAsRange<SourceAttr>()) {
    int64_t rows = source.getRowEnd() - source.getRowBegin(),
            cols = source.getColEnd() - source.getColBegin();
    if (source.getTransposed())
      std::swap(rows, cols);
    if (rows < 1 || cols != shape[2] || source.getDestRow() < 0 || source.getDestRow() + rows > shape[1] ||
        source.getBatch() < 0 || source.getBatch() >= shape[0] || source.getAccumulator() < 0 ||
        source.getAccumulator() >= shape[3])
      return emitOpError() << "constant_c2: source " << source << " does not fit the shape";
  }
  return success();
}

LogicalResult SliceOp::verify() {
  auto x = cast<RankedTensorType>(getX().getType()), result = cast<RankedTensorType>(getType());
  int64_t offset = getOffset();
  if (x.getRank() == 0 || result.getRank() == 0 || offset < 0 ||
      offset > x.getShape().back() - result.getShape().back() ||
      x.getElementType() != result.getElementType())
    return emitOpError() << "slice_c1: columns from " << offset << " of " << x << " as " << result;
  return success();
}

LogicalResult DispatchOp::verify() {
  ArrayRef<int64_t> fixed = getFixed();
  int64_t inputs = getInputs().size(), outputs = getOutputs().size();
  if (fixed.size() != 2 || fixed[0] < 0 || fixed[0] > inputs || fixed[1] < 0 || fixed[1] > outputs)
    return emitOpError() << "dispatch_c1: fixed does not fit " << inputs << " operands and " << outputs
                         << " results";
  if (getHoleInputs().size() != getHoles().size())
    return emitOpError() << "dispatch_c2: " << getHoles().size() << " holes but " << getHoleInputs().size()
                         << " lists of their operands";
  for (auto [region, list] : llvm::zip(getHoles(), getHoleInputs())) {
    auto operands = dyn_cast<DenseI64ArrayAttr>(list);
    if (!operands || llvm::any_of(operands.asArrayRef(), [&](int64_t i) { return i < 0 || i >= inputs; }))
      return emitOpError() << "dispatch_c2: a hole reads an operand that does not exist";
    if (region.empty())
      continue;
    Block& block = region.front();
    if (!region.hasOneBlock() || block.empty() || !isa<YieldOp>(block.getTerminator()) ||
        block.getNumArguments() < static_cast<size_t>(operands.size()) ||
        llvm::any_of(block.getArgumentTypes(), [](Type type) { return !type.isF32(); }))
      return emitOpError() << "dispatch_c3: a hole takes f32 values and ends in kern.yield";
  }
  ArrayRef<int64_t> grid = getGrid();
  bool pairs = grid.size() % 2 == 0;
  for (size_t i = 0; pairs && i < grid.size(); i += 2)
    pairs = grid[i] >= -1 && grid[i] <= 2 && grid[i + 1] > 0;
  if (!pairs)
    return emitOpError() << "dispatch_c4: the grid is a list of (dimension, positive value) pairs";
  if (getMaps())
    for (auto map : getMaps()->getAsRange<TensorMapAttr>())
      if (map.getArgument() < 0 || map.getArgument() >= fixed[0] + fixed[1] || map.getExtents().empty() ||
          map.getStrides().size() + 1 != map.getExtents().size() ||
          map.getBox().size() != map.getExtents().size())
        return emitOpError() << "dispatch_c5: " << map << " of " << fixed[0] + fixed[1] << " fixed buffers";
  return success();
}

} // namespace r1::kern
