// Weights, row operations, embedding and rotation.
#include "compiler/interpret/Frame.h"
#include "kernels/embed/reference.h"
#include "kernels/rows/reference.h"

using namespace mlir;
using llvm::Error;
using llvm::Expected;
namespace reference = r1::kernels::reference;

namespace r1::interpret {
namespace {

Shape shapeOf(Value value) { return Shape(cast<RankedTensorType>(value.getType()).getShape()); }

/// The shape of `like`, with the last dimension of `result`'s type.
Shape withColumnsOf(const Tensor& like, Value result) {
  Shape shape = like.shape;
  shape.back() = shapeOf(result).back();
  return shape;
}

template <typename Function>
Error elementwise(Value lhs, Value rhs, Value result, Frame& frame, Function function) {
  Expected<TensorPtr> a = frame.tensor(lhs);
  if (!a)
    return a.takeError();
  Expected<TensorPtr> b = frame.tensor(rhs);
  if (!b)
    return b.takeError();
  if (Error error = checkRows("the second operand", (*b)->rows(), (*a)->rows()))
    return error;
  std::vector<float> y((*a)->data.size());
  function((*a)->data, (*b)->data, y);
  frame.set(result, (*a)->shape, std::move(y));
  return Error::success();
}

} // namespace

Error evaluate(ir::WeightOp op, Frame& frame) {
  WeightRef weight;
  weight.parts.push_back({op.getName().str(), shapeOf(op)});
  frame.set(op, weight);
  return Error::success();
}

Error evaluate(ir::ExpertWeightOp op, Frame& frame) {
  WeightRef weight;
  weight.perExpert = true;
  weight.prefix = op.getPrefix().str();
  weight.suffix = op.getSuffix().str();
  weight.parts.push_back({"", shapeOf(op)});
  frame.set(op, weight);
  return Error::success();
}

Error evaluate(ir::ConcatRowsOp op, Frame& frame) {
  WeightRef joined;
  bool byName = true;
  for (Value part : op.getParts())
    if (auto* weight = std::get_if<WeightRef>(&frame.get(part)))
      llvm::append_range(joined.parts, weight->parts);
    else
      byName = false;
  if (byName) {
    frame.set(op, joined);
    return Error::success();
  }
  std::vector<float> data;
  for (Value part : op.getParts()) {
    Expected<TensorPtr> tensor = frame.tensor(part);
    if (!tensor)
      return tensor.takeError();
    llvm::append_range(data, (*tensor)->data);
  }
  frame.set(op, floats(shapeOf(op), std::move(data)));
  return Error::success();
}

Error evaluate(ir::EmbedOp op, Frame& frame) {
  const IntTensor& ids = frame.ints(op.getIds());
  Expected<TensorPtr> table = frame.tensor(op.getTable());
  if (!table)
    return table.takeError();
  if (Error error = checkIndices("token id", ids.data, (*table)->rows()))
    return error;
  int64_t tokens = ids.data.size(), columns = (*table)->columns();
  std::vector<float> y(tokens * columns);
  reference::embed(ids.data.data(), (*table)->data.data(), tokens, columns, y.data());
  frame.set(op, {tokens, columns}, std::move(y));
  return Error::success();
}

Error evaluate(ir::RmsNormOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX()), weight = frame.tensor(op.getWeight());
  if (!x || !weight)
    return llvm::joinErrors(x.takeError(), weight.takeError());
  int64_t columns = (*weight)->data.size();
  std::vector<float> y((*x)->data.size());
  reference::rms_norm((*x)->data.data(), (*weight)->data.data(), y.size() / columns, columns,
                      op.getEpsilon().convertToDouble(), y.data());
  frame.set(op, (*x)->shape, std::move(y));
  return Error::success();
}

Error evaluate(ir::AddOp op, Frame& frame) {
  return elementwise(op.getLhs(), op.getRhs(), op, frame, [](auto& a, auto& b, auto& y) {
    for (size_t i = 0; i < y.size(); ++i)
      y[i] = a[i] + b[i];
  });
}

Error evaluate(ir::SiluMulOp op, Frame& frame) {
  return elementwise(op.getGate(), op.getUp(), op, frame, [](auto& gate, auto& up, auto& y) {
    reference::silu_mul(gate.data(), up.data(), y.size(), y.data());
  });
}

Error evaluate(ir::CastOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX());
  if (!x)
    return x.takeError();
  frame.set(op, (*x)->shape, (*x)->data);
  return Error::success();
}

Error evaluate(ir::SliceOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX());
  if (!x)
    return x.takeError();
  Shape shape = withColumnsOf(**x, op);
  int64_t from = (*x)->shape.back(), columns = shape.back(), offset = op.getOffset();
  std::vector<float> y((*x)->data.size() / from * columns);
  for (size_t i = 0; i < y.size(); ++i)
    y[i] = (*x)->data[i / columns * from + offset + i % columns];
  frame.set(op, shape, std::move(y));
  return Error::success();
}

Error evaluate(ir::ConcatColumnsOp op, Frame& frame) {
  int64_t columns = shapeOf(op).back(), offset = 0;
  Shape shape;
  std::vector<float> y;
  for (Value part : op.getParts()) {
    Expected<TensorPtr> x = frame.tensor(part);
    if (!x)
      return x.takeError();
    int64_t width = (*x)->shape.back();
    if (shape.empty()) {
      shape = withColumnsOf(**x, op);
      y.resize((*x)->data.size() / width * columns);
    }
    if (Error error = checkRows("an operand", (*x)->data.size() / width, y.size() / columns))
      return error;
    for (size_t i = 0; i < (*x)->data.size(); ++i)
      y[i / width * columns + offset + i % width] = (*x)->data[i];
    offset += width;
  }
  frame.set(op, shape, std::move(y));
  return Error::success();
}

Error evaluate(ir::GatherRowsOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX());
  if (!x)
    return x.takeError();
  const IntTensor& rows = frame.ints(op.getRows());
  if (Error error = checkIndices("row", rows.data, (*x)->rows()))
    return error;
  Shape shape = (*x)->shape;
  shape[0] = rows.data.size();
  std::vector<float> y(shape[0] * (*x)->columns());
  reference::gather((*x)->data.data(), rows.data.data(), shape[0], (*x)->columns(), y.data());
  frame.set(op, shape, std::move(y));
  return Error::success();
}

Error evaluate(ir::RopeTableOp op, Frame& frame) {
  const IntTensor& positions = frame.ints(op.getPositions());
  if (Error error = checkIndices("position", positions.data, LatentCache::kMaxPosition + 1))
    return error;
  int64_t tokens = positions.data.size(), rope = shapeOf(op).back();
  std::vector<float> y(tokens * rope);
  reference::rope_table(positions.data.data(), op.getInvFreq().data(), tokens, rope,
                        op.getScale().convertToDouble(), y.data());
  frame.set(op, {tokens, rope}, std::move(y));
  return Error::success();
}

Error evaluate(ir::RopeOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX()), table = frame.tensor(op.getTable());
  if (!x || !table)
    return llvm::joinErrors(x.takeError(), table.takeError());
  if (Error error = checkRows("the table", (*table)->rows(), (*x)->rows()))
    return error;
  int64_t heads = op.getHeads();
  reference::RopeShape shape{(*x)->rows(),
                             heads,
                             (*x)->columns() / heads,
                             static_cast<int64_t>(op.getOffset()),
                             (*table)->columns(),
                             op.getInterleaved()};
  std::vector<float> y((*x)->data.size());
  reference::rope((*x)->data.data(), (*table)->data.data(), shape, y.data());
  frame.set(op, (*x)->shape, std::move(y));
  return Error::success();
}

} // namespace r1::interpret
