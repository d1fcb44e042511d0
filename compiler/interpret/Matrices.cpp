// Linear layers, experts and the router.
#include "compiler/interpret/Frame.h"
#include "kernels/gemm/reference.h"
#include "kernels/grouped_gemm/reference.h"
#include "kernels/registry/params.h"
#include "kernels/router/reference.h"
#include "kernels/rows/reference.h"
#include "kernels/sample/reference.h"

using namespace mlir;
using llvm::Error;
using llvm::Expected;
namespace reference = r1::kernels::reference;

namespace r1::interpret {

Error evaluate(ir::LinearOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX()), weight = frame.scaled(op.getWeight(), op.getScale());
  if (!x || !weight)
    return llvm::joinErrors(x.takeError(), weight.takeError());
  int64_t out = (*weight)->shape[0], in = (*weight)->shape[1], rows = (*x)->data.size() / in;
  std::vector<float> y(rows * out);
  reference::linear((*x)->data.data(), in, rows, (*weight)->data.data(), out, in, y.data(), out);
  Shape shape = (*x)->shape;
  shape.back() = out;
  frame.set(op, shape, std::move(y));
  return Error::success();
}

// Expert by expert, so that no more than one expert's weights need be in memory.
Error evaluate(ir::ExpertLinearOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX());
  if (!x)
    return x.takeError();
  auto type = cast<RankedTensorType>(op.getWeight().getType());
  int64_t experts = type.getDimSize(0), out = type.getDimSize(1), in = type.getDimSize(2);
  const IntTensor& ids = frame.ints(op.getIds());
  int64_t tokens = ids.shape[0], topK = ids.shape[1];
  if (Error error = checkIndices("expert", ids.data, experts))
    return error;
  if (Error error = checkRows("x", (*x)->rows(), tokens))
    return error;
  bool perToken = (*x)->shape.size() == 2;
  reference::Groups groups = reference::router_group(ids.data.data(), tokens * topK, experts);
  std::vector<float> y(tokens * topK * out);
  for (auto [group, expert] : llvm::enumerate(groups.active)) {
    Expected<TensorPtr> weight = frame.scaledExpert(op.getWeight(), op.getScale(), expert);
    if (!weight)
      return weight.takeError();
    for (int32_t i = groups.offsets[group]; i < groups.offsets[group + 1]; ++i) {
      int32_t pair = groups.pairs[i], first = 0;
      const float* row = (*x)->data.data() + (perToken ? pair / topK : pair) * in;
      reference::expert_linear(row, in, perToken, &first, 1, 1, (*weight)->data.data(), out, in,
                               y.data() + pair * out, out);
    }
  }
  frame.set(op, {tokens, topK, out}, std::move(y));
  return Error::success();
}

Error evaluate(ir::CombineOp op, Frame& frame) {
  Expected<TensorPtr> y = frame.tensor(op.getY()), weights = frame.tensor(op.getWeights());
  if (!y || !weights)
    return llvm::joinErrors(y.takeError(), weights.takeError());
  if (Error error = checkRows("weights", (*weights)->rows(), (*y)->rows()))
    return error;
  int64_t tokens = (*y)->shape[0], topK = (*y)->shape[1], columns = (*y)->shape[2];
  std::vector<float> sum(tokens * columns);
  reference::combine((*y)->data.data(), (*weights)->data.data(), tokens, topK, columns, sum.data());
  frame.set(op, {tokens, columns}, std::move(sum));
  return Error::success();
}

Error evaluate(ir::RouterLogitsOp op, Frame& frame) {
  Expected<TensorPtr> x = frame.tensor(op.getX()), weight = frame.tensor(op.getWeight());
  if (!x || !weight)
    return llvm::joinErrors(x.takeError(), weight.takeError());
  int64_t tokens = (*x)->rows(), experts = (*weight)->shape[0], hidden = (*weight)->shape[1];
  std::vector<float> logits(tokens * experts);
  reference::router_logits((*x)->data.data(), (*weight)->data.data(), tokens, hidden, experts, logits.data());
  frame.set(op, {tokens, experts}, std::move(logits));
  return Error::success();
}

Error evaluate(ir::RouterGateOp op, Frame& frame) {
  Expected<TensorPtr> logits = frame.tensor(op.getLogits());
  if (!logits)
    return logits.takeError();
  TensorPtr bias;
  if (op.getBias()) {
    Expected<TensorPtr> given = frame.tensor(op.getBias());
    if (!given)
      return given.takeError();
    bias = *given;
  }
  int64_t tokens = (*logits)->rows(), topK = cast<RankedTensorType>(op.getIds().getType()).getDimSize(1);
  reference::Gate gate{(*logits)->columns(), topK};
  gate.groups = op.getGroups();
  gate.topk_group = op.getTopkGroup();
  gate.group_score = op.getGroupScore() == ir::GroupScore::None  ? reference::GroupScore::kNone
                     : op.getGroupScore() == ir::GroupScore::Max ? reference::GroupScore::kMax
                                                                 : reference::GroupScore::kTop2Sum;
  gate.sigmoid = op.getScoring() == ir::Scoring::Sigmoid;
  gate.normalize = op.getNormalize();
  gate.scale = op.getScale().convertToDouble();
  std::vector<int32_t> ids(tokens * topK);
  std::vector<float> weights(tokens * topK);
  reference::router_gate((*logits)->data.data(), bias ? bias->data.data() : nullptr, gate, tokens, ids.data(),
                         weights.data());
  frame.set(op.getIds(), ints({tokens, topK}, std::move(ids)));
  frame.set(op.getWeights(), {tokens, topK}, std::move(weights));
  return Error::success();
}

Error evaluate(ir::SampleOp op, Frame& frame) {
  Expected<TensorPtr> logits = frame.tensor(op.getLogits());
  if (!logits)
    return logits.takeError();
  const IntTensor &options = frame.ints(op.getOptions()), &draws = frame.ints(op.getDraws());
  int64_t rows = (*logits)->rows(), vocab = (*logits)->columns();
  for (const IntTensor* words : {&options, &draws})
    if (Error error = checkRows(words == &options ? "options" : "draws", words->shape.front(), rows))
      return error;
  std::vector<int32_t> ids(rows);
  for (int64_t row = 0; row < rows; ++row)
    ids[row] = reference::sample((*logits)->data.data() + row * vocab, vocab,
                                 options.data.data() + row * kernels::kSampleOptionWords,
                                 draws.data.data() + row * kernels::kSampleDrawWords);
  frame.set(op.getIds(), ints({rows}, std::move(ids)));
  return Error::success();
}

} // namespace r1::interpret
