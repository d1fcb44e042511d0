// Verifiers of the r1 dialect; labels match R1Ops.td and test/lit/dialects/R1/invalid.mlir.
#include "dialects/R1/R1.h"

#include <cmath>

#define GET_OP_CLASSES
#include "dialects/R1/R1Ops.cpp.inc"

using namespace mlir;

namespace r1::ir {
namespace {

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

RankedTensorType ranked(Value v) { return dyn_cast<RankedTensorType>(v.getType()); }

/// Columns (last dimension) of a ranked tensor; -1 where it has none.
int64_t columns(Value v) {
  auto type = ranked(v);
  return type && type.getRank() > 0 ? type.getShape().back() : -1;
}

bool hasShape(Value v, ArrayRef<int64_t> shape) {
  auto type = ranked(v);
  return type && type.getShape() == shape;
}

bool isF8(Value v) { return isa<Float8E4M3FNType>(cast<ShapedType>(v.getType()).getElementType()); }

/// A scale belongs to an f8 weight and to nothing else; `shape` is the weight's.
LogicalResult verifyScale(Operation* op, StringRef label, Value weight, Value scale) {
  if (isF8(weight) != static_cast<bool>(scale))
    return op->emitOpError()
           << label << ": a weight of type f8E4M3FN needs a scale, any other must not have one; weight is "
           << weight.getType() << (scale ? " with" : " without") << " a scale";
  if (!scale)
    return success();
  SmallVector<int64_t> expected(ranked(weight).getShape());
  for (int64_t& extent : MutableArrayRef<int64_t>(expected).take_back(2))
    extent = ceilDiv(extent, 128);
  if (!hasShape(scale, expected))
    return op->emitOpError() << label << ": the scale of " << weight.getType()
                             << " has one element per 128x128 block, found " << scale.getType();
  return success();
}

LogicalResult verifyLayer(Operation* op, StringRef label, CacheType cache, int64_t layer) {
  if (layer < 0 || layer >= cache.getLayers())
    return op->emitOpError() << label << ": layer " << layer << " is not in " << cache;
  return success();
}

} // namespace

LogicalResult ExpertWeightOp::verify() {
  auto type = ranked(getResult());
  if (!type || type.getRank() != 3)
    return emitOpError() << "expert_weight_c1: expected a result [experts, out, in], found " << getType();
  return success();
}

LogicalResult ConcatRowsOp::verify() {
  auto result = ranked(getResult());
  int64_t rows = 0;
  for (Value part : getParts()) {
    auto type = ranked(part);
    if (!type || !result || type.getRank() != 2 || result.getRank() != 2 ||
        columns(part) != columns(getResult()) || type.getElementType() != result.getElementType())
      return emitOpError() << "concat_rows_c1: " << part.getType() << " cannot be rows of " << getType();
    rows += type.getDimSize(0);
  }
  if (!result || result.getRank() != 2 || rows != result.getDimSize(0))
    return emitOpError() << "concat_rows_c2: the operands have " << rows << " rows, the result is "
                         << getType();
  return success();
}

LogicalResult EmbedOp::verify() {
  if (columns(getResult()) != columns(getTable()))
    return emitOpError() << "embed_c1: the table has " << columns(getTable()) << " columns, the result "
                         << columns(getResult());
  return success();
}

LogicalResult RmsNormOp::verify() {
  if (!hasShape(getWeight(), {columns(getX())}))
    return emitOpError() << "rms_norm_c1: expected a weight of " << columns(getX()) << " elements, found "
                         << getWeight().getType();
  double epsilon = getEpsilon().convertToDouble();
  if (!(epsilon > 0) || !std::isfinite(epsilon))
    return emitOpError() << "rms_norm_c2: epsilon must be positive and finite, found " << epsilon;
  if (columns(getResult()) != columns(getX()))
    return emitOpError() << "rms_norm_c1: the result has " << columns(getResult()) << " columns, x "
                         << columns(getX());
  return success();
}

LogicalResult CastOp::verify() {
  if (ranked(getX()).getShape() != ranked(getResult()).getShape())
    return emitOpError() << "cast_c1: shapes differ: " << getX().getType() << " and " << getType();
  return success();
}

LogicalResult SliceOp::verify() {
  int64_t offset = getOffset();
  auto x = ranked(getX()), result = ranked(getResult());
  if (offset < 0 || offset > columns(getX()) - columns(getResult()) ||
      x.getElementType() != result.getElementType())
    return emitOpError() << "slice_c1: columns [" << offset << ", " << offset + columns(getResult())
                         << ") of " << getX().getType() << " as " << getType();
  return success();
}

LogicalResult ConcatColumnsOp::verify() {
  int64_t sum = 0;
  bool same = true;
  for (Value part : getParts()) {
    sum += columns(part);
    same &= ranked(part).getElementType() == ranked(getResult()).getElementType();
  }
  if (sum != columns(getResult()) || !same)
    return emitOpError() << "concat_columns_c1: operands of " << sum << " columns in all cannot give "
                         << getType();
  return success();
}

LogicalResult GatherRowsOp::verify() {
  if (columns(getX()) != columns(getResult()) ||
      ranked(getX()).getElementType() != ranked(getResult()).getElementType())
    return emitOpError() << "gather_rows_c1: cannot gather rows of " << getX().getType() << " as "
                         << getType();
  return success();
}

LogicalResult LinearOp::verify() {
  auto weight = ranked(getWeight());
  if (!weight || weight.getRank() != 2 || weight.getDimSize(1) != columns(getX()) ||
      weight.getDimSize(0) != columns(getResult()))
    return emitOpError() << "linear_c1: " << getX().getType() << " times " << getWeight().getType()
                         << " transposed cannot give " << getType();
  return verifyScale(*this, "linear_c2", getWeight(), getScale());
}

LogicalResult ExpertLinearOp::verify() {
  auto weight = ranked(getWeight()), x = ranked(getX()), result = ranked(getResult()), ids = ranked(getIds());
  if (!weight || weight.getRank() != 3 || weight.getDimSize(2) != columns(getX()) ||
      weight.getDimSize(1) != columns(getResult()) || result.getRank() != 3 || x.getRank() < 2 ||
      x.getRank() > 3 || (x.getRank() == 3 && x.getDimSize(1) != result.getDimSize(1)))
    return emitOpError() << "expert_linear_c1: " << getX().getType() << " times " << getWeight().getType()
                         << " transposed cannot give " << getType();
  if (ids.getDimSize(1) != result.getDimSize(1))
    return emitOpError() << "expert_linear_c2: ids " << ids << " do not name the experts of " << getType();
  return verifyScale(*this, "expert_linear_c3", getWeight(), getScale());
}

LogicalResult CombineOp::verify() {
  auto y = ranked(getY()), weights = ranked(getWeights());
  if (!y || y.getRank() != 3 || y.getDimSize(1) != weights.getDimSize(1) ||
      columns(getY()) != columns(getResult()))
    return emitOpError() << "combine_c1: " << getY().getType() << " and " << weights << " cannot give "
                         << getType();
  return success();
}

LogicalResult RouterLogitsOp::verify() {
  if (!hasShape(getWeight(), {columns(getResult()), columns(getX())}))
    return emitOpError() << "router_logits_c1: " << getX().getType() << " times " << getWeight().getType()
                         << " transposed cannot give " << getType();
  return success();
}

LogicalResult RouterGateOp::verify() {
  int64_t experts = columns(getLogits()), topK = columns(getIds()), groups = getGroups(),
          kept = getTopkGroup();
  if (groups < 1 || experts % groups || kept < 1 || kept > groups ||
      (getGroupScore() == GroupScore::Top2Sum && experts / groups < 2))
    return emitOpError() << "router_gate_c2: " << experts << " experts in " << groups << " groups, " << kept
                         << " kept";
  int64_t eligible = getGroupScore() == GroupScore::None ? experts : experts / groups * kept;
  if (topK != columns(getWeights()) || topK < 1 || topK > eligible)
    return emitOpError() << "router_gate_c1: top " << topK << " (ids) and " << columns(getWeights())
                         << " (weights) of " << eligible << " eligible experts";
  if (getBias() && !hasShape(getBias(), {experts}))
    return emitOpError() << "router_gate_c3: expected a bias of " << experts << " elements, found "
                         << getBias().getType();
  return success();
}

LogicalResult RopeTableOp::verify() {
  if (columns(getResult()) != 2 * static_cast<int64_t>(getInvFreq().size()))
    return emitOpError() << "rope_table_c1: " << getInvFreq().size() << " frequencies cannot give "
                         << getType();
  return success();
}

LogicalResult RopeOp::verify() {
  int64_t heads = getHeads(), cols = columns(getX()), rope = columns(getTable());
  if (heads < 1 || cols % heads || static_cast<int64_t>(getOffset()) < 0 ||
      static_cast<int64_t>(getOffset()) + rope > cols / heads || rope % 2)
    return emitOpError() << "rope_c1: " << heads << " heads with " << rope << " rotated elements from "
                         << getOffset() << " do not fit " << getX().getType();
  if (ranked(getX()).getShape() != ranked(getResult()).getShape())
    return emitOpError() << "rope_c2: " << getX().getType() << " became " << getType();
  return success();
}

LogicalResult CacheAppendOp::verify() {
  CacheType cache = getCache().getType();
  if (failed(verifyLayer(*this, "cache_append_c1", cache, getLayer())))
    return failure();
  if (columns(getLatent()) != cache.getKvLora() || columns(getKey()) != cache.getRope())
    return emitOpError() << "cache_append_c1: latent " << getLatent().getType() << " and key "
                         << getKey().getType() << " do not fit " << cache;
  return success();
}

LogicalResult AttentionOp::verify() {
  CacheType cache = getCache().getType();
  int64_t heads = getHeads(), nope = getNope(), v = getV();
  if (columns(getQ()) != heads * (nope + cache.getRope()) || columns(getResult()) != heads * v ||
      !hasShape(getKvB(), {heads * (nope + v), cache.getKvLora()}))
    return emitOpError() << "attention_c1: q " << getQ().getType() << ", kv_b " << getKvB().getType()
                         << " and result " << getType() << " do not fit " << heads << " heads of " << nope
                         << " + " << cache.getRope() << " / " << v << " over " << cache;
  if (failed(verifyLayer(*this, "attention_c2", cache, getLayer())))
    return failure();
  return verifyScale(*this, "attention_c3", getKvB(), getKvBScale());
}

LogicalResult AbsorbQueryOp::verify() {
  int64_t heads = getHeads(), nope = getNope(), kvLora = columns(getKvB());
  if (columns(getQ()) != heads * (nope + static_cast<int64_t>(getRope())) ||
      !hasShape(getKvB(), {heads * (nope + static_cast<int64_t>(getV())), kvLora}) ||
      columns(getResult()) != heads * kvLora)
    return emitOpError() << "absorb_query_c1: q " << getQ().getType() << " and kv_b " << getKvB().getType()
                         << " cannot give " << getType();
  return verifyScale(*this, "absorb_query_c2", getKvB(), getKvBScale());
}

LogicalResult LatentAttentionOp::verify() {
  CacheType cache = getCache().getType();
  int64_t heads = getHeads();
  if (columns(getQLatent()) != heads * cache.getKvLora() ||
      columns(getResult()) != heads * cache.getKvLora() ||
      columns(getQ()) != heads * (static_cast<int64_t>(getNope()) + cache.getRope()))
    return emitOpError() << "latent_attention_c1: q_latent " << getQLatent().getType() << " and q "
                         << getQ().getType() << " do not fit " << heads << " heads over " << cache;
  return verifyLayer(*this, "latent_attention_c2", cache, getLayer());
}

LogicalResult ExpandValueOp::verify() {
  int64_t heads = getHeads(), kvLora = columns(getKvB()), v = getV();
  if (columns(getX()) != heads * kvLora ||
      !hasShape(getKvB(), {heads * (static_cast<int64_t>(getNope()) + v), kvLora}) ||
      columns(getResult()) != heads * v)
    return emitOpError() << "expand_value_c1: x " << getX().getType() << " and kv_b " << getKvB().getType()
                         << " cannot give " << getType();
  return verifyScale(*this, "expand_value_c2", getKvB(), getKvBScale());
}

LogicalResult SampleOp::verify() {
  if (columns(getOptions()) != 4 || columns(getDraws()) != 2)
    return emitOpError() << "sample_c1: expected options [R, 4] and draws [R, 2], found "
                         << getOptions().getType() << " and " << getDraws().getType();
  if (columns(getLogits()) < 1 || columns(getLogits()) >= int64_t{1} << 23)
    return emitOpError() << "sample_c2: a row has " << columns(getLogits())
                         << " logits, expected fewer than 2^23";
  return success();
}

LogicalResult FusedOp::verify() {
  Block& block = getBody().front();
  auto yield = dyn_cast<YieldOp>(block.getTerminator());
  if (!yield || TypeRange(block.getArgumentTypes()) != TypeRange(getInputs().getTypes()) ||
      TypeRange(yield.getValues().getTypes()) != TypeRange(getOutputs().getTypes()))
    return emitOpError()
           << "fused_c1: the body's arguments and results must have the types of the operands and results";
  return success();
}

} // namespace r1::ir
