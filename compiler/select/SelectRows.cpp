// Row operations, embedding, routing, rotation, the cache, and the choice of a token.
#include "compiler/select/Schedules.h"
#include "compiler/select/Selector.h"
#include "kernels/registry/cpu_abi.h"
#include "kernels/registry/params.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace r1::select {
namespace {

template <typename OpT> OpT only(const Body& body) {
  auto ops = body.block().getOps<OpT>();
  return ops.empty() ? OpT() : *ops.begin();
}

} // namespace

LogicalResult Selector::selectRows(ir::FusedOp op) {
  Body body(op);
  auto norm = only<ir::RmsNormOp>(body);
  auto combine = only<ir::CombineOp>(body);
  if (llvm::count_if(body.block(), llvm::IsaPred<ir::RmsNormOp>) > 1)
    return op.emitOpError("holds two norms; a row kernel reduces once");
  auto type = cast<RankedTensorType>(op.getOutputs()[0].getType());
  int64_t cols = type.getShape().back(), inner = type.getRank() == 3 ? type.getDimSize(1) : 1;
  int64_t rowsDim = 0;
  for (Value input : op.getInputs())
    rowsDim = std::max(rowsDim, rowsDimOf(input));

  Dispatch d;
  d.skeleton = "rows";
  int64_t combineK = 0, yStride = 0;
  if (combine) {
    Value y = body.outside(combine.getY());
    combineK = cast<RankedTensorType>(y.getType()).getDimSize(1);
    yStride = rowStride(y);
    d.inputs = {y, body.outside(combine.getWeights())};
  }
  d.param(builder, "cols", cols);
  d.param(builder, "norm", int64_t{norm ? 1 : 0});
  d.param(builder, "epsilon", norm ? norm.getEpsilon().convertToDouble() : 0.0);
  d.param(builder, "combine_k", combineK);
  d.param(builder, "y_stride", yStride);
  d.grid = {rowsDim, 1, -1, inner};
  if (failed(
          normHoles(d, body, norm, combine ? combine.getResult() : Value(), body.yielded(), /*store=*/true)))
    return failure();
  llvm::append_range(d.outputs, op.getOutputs().getTypes());
  return replaceWithDispatch(op, d, rowsDim);
}

LogicalResult Selector::selectEmbed(ir::EmbedOp op) {
  Dispatch d;
  d.skeleton = "embed";
  Value table = packTable(builder, op.getLoc(), op.getTable());
  d.inputs = {op.getIds(), table};
  d.outputs = {op.getType()};
  d.param(builder, "cols", columnsOf(table));
  d.param(builder, "table_type", elementTypeCode(table));
  d.grid = {kernels::kTokens, 1};
  storeHole(d, op.getLoc());
  op.replaceAllUsesWith(emit(op, d, kernels::kTokens)[0]);
  return success();
}

LogicalResult Selector::selectQuantize(ir::QuantizeRowsOp op) {
  if (machine != Machine::Cuda)
    return op.emitOpError(
        "has no kernel on a CPU, whose linear layers widen e4m3 weights and read bf16; leave "
        "quantize-activations off");
  auto type = cast<RankedTensorType>(op.getX().getType());
  int64_t rowsDim = rowsDimOf(op.getX()), inner = type.getRank() == 3 ? type.getDimSize(1) : 1;
  Dispatch d;
  d.skeleton = "rows_quantize";
  d.inputs = {op.getX()};
  d.outputs = {op.getY().getType(), op.getScale().getType()};
  d.fixedOutputs = 2;
  d.param(builder, "cols", columnsOf(op.getX()));
  d.param(builder, "inner", inner);
  d.param(builder, "x_stride", rowStride(op.getX()));
  d.param(builder, "x_type", elementTypeCode(op.getX()));
  d.param(builder, "ue8m0", int64_t{op.getUe8m0()});
  d.grid = {rowsDim, 1, -1, inner};
  op.replaceAllUsesWith(emit(op, d, rowsDim));
  return success();
}

LogicalResult Selector::selectGather(ir::GatherRowsOp op) {
  Dispatch d;
  d.skeleton = "gather";
  d.inputs = {op.getX(), op.getRows()};
  d.outputs = {op.getType()};
  d.param(builder, "cols", columnsOf(op.getX()));
  d.param(builder, "x_stride", rowStride(op.getX()));
  d.param(builder, "x_type", elementTypeCode(op.getX()));
  d.grid = {kernels::kLogitRows, 1};
  storeHole(d, op.getLoc());
  op.replaceAllUsesWith(emit(op, d, kernels::kLogitRows)[0]);
  return success();
}

Value Selector::gatherWords(Value words, Value rows, Location loc) {
  Dispatch d;
  d.skeleton = "gather_words";
  d.inputs = {words, rows};
  d.outputs = {words.getType()};
  d.fixedOutputs = 1;
  int64_t tile = 256;
  d.param(builder, "tile", tile);
  d.grid = {kernels::kLogitRows, tile};
  return emit(loc, d, kernels::kLogitRows)[0];
}

LogicalResult Selector::selectSample(ir::SampleOp op) {
  Dispatch d;
  d.skeleton = "sample";
  d.inputs = {op.getLogits(), op.getOptions(), op.getDraws()};
  d.outputs = {op.getType()};
  d.fixedOutputs = 1;
  d.param(builder, "vocab", columnsOf(op.getLogits()));
  d.param(builder, "stride", rowStride(op.getLogits()));
  d.grid = {kernels::kLogitRows, 1};
  op.replaceAllUsesWith(emit(op, d, kernels::kLogitRows)[0]);
  return success();
}

LogicalResult Selector::selectRopeTable(ir::RopeTableOp op) {
  Dispatch d;
  d.skeleton = "rope_table";
  d.inputs = {op.getPositions(), packLiteral(builder, op.getLoc(), op.getInvFreq())};
  d.outputs = {op.getType()};
  d.fixedOutputs = 1;
  d.param(builder, "rope", columnsOf(op.getResult()));
  d.param(builder, "scale", op.getScale().convertToDouble());
  d.grid = {kernels::kTokens, 1};
  op.replaceAllUsesWith(emit(op, d, kernels::kTokens)[0]);
  return success();
}

LogicalResult Selector::selectRope(ir::RopeOp op) {
  int64_t heads = op.getHeads(), rowsDim = rowsDimOf(op.getX());
  Dispatch d;
  d.skeleton = "rope";
  d.inputs = {op.getX(), op.getTable()};
  d.outputs = {op.getType()};
  d.fixedOutputs = 1;
  d.param(builder, "heads", heads);
  d.param(builder, "head_dim", columnsOf(op.getX()) / heads);
  d.param(builder, "offset", static_cast<int64_t>(op.getOffset()));
  d.param(builder, "rope", columnsOf(op.getTable()));
  d.param(builder, "interleaved", int64_t{op.getInterleaved()});
  d.param(builder, "x_stride", rowStride(op.getX()));
  d.param(builder, "y_stride", (columnsOf(op.getX()) + 15) / 16 * 16);
  d.param(builder, "x_type", elementTypeCode(op.getX()));
  d.param(builder, "y_type", elementTypeCode(op.getResult()));
  d.grid = {rowsDim, 1};
  op.replaceAllUsesWith(emit(op, d, rowsDim)[0]);
  return success();
}

LogicalResult Selector::selectCacheAppend(ir::FusedOp op) {
  Body body(op);
  auto append = only<ir::CacheAppendOp>(body);
  auto norm = only<ir::RmsNormOp>(body);
  auto rope = only<ir::RopeOp>(body);
  Value latent = body.outside(norm ? norm.getX() : append.getLatent());
  Value key = body.outside(rope ? rope.getX() : append.getKey());
  Value positions = body.outside(append.getPositions());
  if (!latent || !key || elementTypeCode(latent) != elementTypeCode(key))
    return op.emitOpError("writes to the cache what its kernel cannot compute");
  ir::CacheType cache = append.getCache().getType();
  Dispatch d;
  d.skeleton = "latent_write";
  d.layer = append.getLayer();
  // Without a norm or a rotation the kernel does not read the weight or the table; a vector of one keeps the order.
  Value weight = norm ? packVector(builder, op.getLoc(), body.outside(norm.getWeight()))
                      : packLiteral(builder, op.getLoc(), {1.0f});
  Value table = rope ? body.outside(rope.getTable()) : packLiteral(builder, op.getLoc(), {1.0f});
  d.inputs = {latent, key, weight, table, positions, function.getArgument(3), function.getArgument(4)};
  d.extended = body.outside(append.getCache());
  d.outputs = {cache};
  d.fixedOutputs = 1;
  d.param(builder, "kv_lora", cache.getKvLora());
  d.param(builder, "rope", cache.getRope());
  d.param(builder, "norm", int64_t{norm ? 1 : 0});
  d.param(builder, "rotate", int64_t{rope ? 1 : 0});
  d.param(builder, "interleaved", int64_t{!rope || rope.getInterleaved()});
  d.param(builder, "epsilon", norm ? norm.getEpsilon().convertToDouble() : 0.0);
  d.param(builder, "latent_stride", rowStride(latent));
  d.param(builder, "key_stride", rowStride(key));
  d.param(builder, "x_type", elementTypeCode(latent));
  d.param(builder, "token_stride", cache.getKvLora() + cache.getRope());
  d.param(builder, "pages_per_sequence", maxContext / kernels::kPageTokens);
  d.grid = {kernels::kTokens, 1};
  op.replaceAllUsesWith(emit(op, d, kernels::kTokens));
  return success();
}

LogicalResult Selector::selectRouter(ir::FusedOp op) {
  Body body(op);
  auto logits = only<ir::RouterLogitsOp>(body);
  auto gate = only<ir::RouterGateOp>(body);
  int64_t rowsDim = rowsDimOf(body.outside(logits ? logits.getX() : gate.getLogits()));
  Dispatch d;
  d.skeleton = logits && gate ? "router_fused" : logits ? "router_logits" : "router_topk";
  int64_t experts = columnsOf(logits ? logits.getResult() : gate.getLogits()), hidden = 1, stride = 16,
          type = kernels::kF32;
  if (logits) {
    Value x = body.outside(logits.getX()),
          weight = packTable(builder, op.getLoc(), body.outside(logits.getWeight()));
    hidden = columnsOf(x);
    stride = rowStride(x);
    type = elementTypeCode(weight);
    d.inputs = {x, weight};
    d.weightBytes = experts * hidden * (type == kernels::kBF16 ? 2 : 4);
    d.flopsPerToken = 2 * experts * hidden;
  } else {
    d.inputs = {body.outside(gate.getLogits())};
  }
  bool bias = gate && gate.getBias();
  if (gate)
    d.inputs.push_back(bias ? packVector(builder, op.getLoc(), body.outside(gate.getBias()))
                            : packLiteral(builder, op.getLoc(), {0.0f}));
  d.param(builder, "hidden", hidden);
  d.param(builder, "experts", experts);
  d.param(builder, "top_k", gate ? columnsOf(gate.getIds()) : int64_t{1});
  d.param(builder, "groups", gate ? static_cast<int64_t>(gate.getGroups()) : int64_t{1});
  d.param(builder, "topk_group", gate ? static_cast<int64_t>(gate.getTopkGroup()) : int64_t{1});
  d.param(builder, "sigmoid", int64_t{gate && gate.getScoring() == ir::Scoring::Sigmoid});
  d.param(builder, "group_score", gate ? static_cast<int64_t>(gate.getGroupScore()) : int64_t{0});
  d.param(builder, "has_bias", int64_t{bias});
  d.param(builder, "normalize", int64_t{gate && gate.getNormalize()});
  d.param(builder, "scale", gate ? gate.getScale().convertToDouble() : 1.0);
  d.param(builder, "x_stride", stride);
  d.param(builder, "w_type", type);
  int64_t tokens = gate ? 1 : routerTokens(machine, maxRows(rowsDim));
  d.param(builder, "tile_tokens", tokens);
  d.grid = {rowsDim, tokens};
  if (!gate)
    d.grid.append({-1, (experts + 15) / 16});
  llvm::append_range(d.outputs, op.getOutputs().getTypes());
  d.fixedOutputs = d.outputs.size();
  op.replaceAllUsesWith(emit(op, d, rowsDim));
  return success();
}

Value Selector::groupsOf(Value ids, int64_t experts) {
  Value& known = groups[ids];
  if (known)
    return known;
  int64_t topK = columnsOf(ids), rowsDim = rowsDimOf(ids);
  Dispatch d;
  d.skeleton = "router_group";
  d.inputs = {ids};
  d.outputs = {
      RankedTensorType::get({kernels::group_words(experts, maxRows(rowsDim) * topK)}, builder.getI32Type())};
  d.fixedOutputs = 1;
  for (StringRef name : {"hidden", "groups", "topk_group", "x_stride", "tile_tokens"})
    d.param(builder, name, int64_t{1});
  d.param(builder, "experts", experts);
  d.param(builder, "top_k", topK);
  for (StringRef name : {"sigmoid", "group_score", "has_bias", "normalize", "w_type"})
    d.param(builder, name, int64_t{0});
  d.param(builder, "scale", 1.0);
  d.grid = {-1, 1};
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointAfterValue(ids);
  return known = emit(ids.getLoc(), d, rowsDim)[0];
}

} // namespace r1::select
