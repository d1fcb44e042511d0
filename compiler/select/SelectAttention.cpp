// Attention: plain over a prompt, absorbed over the latents for decode.
#include "compiler/select/Schedules.h"
#include "compiler/select/Selector.h"
#include "kernels/registry/cpu_abi.h"
#include "kernels/registry/cuda_mla.h"
#include "kernels/registry/params.h"

using namespace mlir;

namespace r1::select {
namespace {

void mlaParams(Dispatch& d, OpBuilder& b, ir::CacheType cache, int64_t heads, int64_t nope, int64_t v,
               double scale, int64_t maxContext, int64_t qStride, int64_t latentStride, int64_t outStride,
               int64_t qBlock) {
  int64_t split = splitTokens(maxContext);
  d.param(b, "heads", heads);
  d.param(b, "kv_lora", cache.getKvLora());
  d.param(b, "rope", cache.getRope());
  d.param(b, "nope", nope);
  d.param(b, "v", v);
  d.param(b, "scale", scale);
  d.param(b, "token_stride", cache.getKvLora() + cache.getRope());
  d.param(b, "pages_per_sequence", maxContext / kernels::kPageTokens);
  d.param(b, "q_stride", qStride);
  d.param(b, "q_latent_stride", latentStride);
  d.param(b, "q_rope_stride", qStride);
  d.param(b, "q_rope_head_stride", nope + cache.getRope());
  d.param(b, "out_stride", outStride);
  d.param(b, "split_tokens", split);
  d.param(b, "max_splits", (maxContext + split - 1) / split);
  d.param(b, "q_block", qBlock);
}

int64_t positionBytes(ir::CacheType cache) { return (cache.getKvLora() + cache.getRope()) * 2; }

int64_t paddedColumns(Value value) { return (columnsOf(value) + 15) / 16 * 16; }

} // namespace

LogicalResult Selector::selectAttention(ir::AttentionOp op) {
  ir::CacheType cache = op.getCache().getType();
  int64_t heads = op.getHeads(), nope = op.getNope(), v = op.getV();
  WeightRef kvB{op.getKvB(), op.getKvBScale()};
  PackedWeight keys =
      packHeads(builder, op.getLoc(), machine, kvB, heads, nope + v, 0, nope, /*transposed=*/false);
  PackedWeight values =
      packHeads(builder, op.getLoc(), machine, kvB, heads, nope + v, nope, v, /*transposed=*/false);
  // A decode step (absorb-kv-b switched off) has tokens of different sequences: one query a tile.
  bool decode = function->getAttrOfType<StringAttr>("r1.entry") &&
                function->getAttrOfType<StringAttr>("r1.entry").getValue() == "decode";
  int64_t kvLora = cache.getKvLora(), rope = cache.getRope(), qBlock = 1, headBlocks = heads;
  if (!decode && machine == Machine::Cpu)
    qBlock = queryBlock(maxTokens);
  if (machine == Machine::Cuda) {
    if (!decode) // a power of two, no more than there are tokens
      qBlock = std::min<int64_t>(kernels::cuda_mla_largest_q_block(chip, kvLora, rope),
                                 llvm::bit_ceil<uint64_t>(maxTokens));
    kernels::CudaMlaTile tile = kernels::cuda_mla_prefill_tile(chip, qBlock, heads, kvLora, rope);
    if (!tile.rows)
      return op.emitOpError() << "has latents of " << kvLora + rope
                              << " elements, too wide for the shared memory of sm_" << chip;
    headBlocks = (heads + tile.rows / qBlock - 1) / (tile.rows / qBlock);
  }
  Dispatch d;
  d.skeleton = "mla_prefill";
  d.layer = op.getLayer();
  d.inputs = {op.getQ(),
              keys.weight,
              values.weight,
              op.getCache(),
              op.getPositions(),
              function.getArgument(3),
              function.getArgument(4)};
  d.outputs = {op.getType()};
  d.fixedOutputs = 1;
  d.weightBytes = keys.bytes + values.bytes;
  // At context L a token attends to L positions; the expansion of those is shared by the tokens of a step.
  d.flopsPerToken = 2 * heads * (nope + v) * cache.getKvLora();
  d.flopsPerPair = 2 * heads * (nope + rope + v);
  d.positionBytes = positionBytes(cache);
  mlaParams(d, builder, cache, heads, nope, v, op.getScale().convertToDouble(), maxContext,
            rowStride(op.getQ()), 0, paddedColumns(op.getResult()), qBlock);
  d.grid = {kernels::kTokens, qBlock, -1, headBlocks};
  op.replaceAllUsesWith(emit(op, d, kernels::kTokens)[0]);
  return success();
}

LogicalResult Selector::selectLatentAttention(ir::LatentAttentionOp op) {
  ir::CacheType cache = op.getCache().getType();
  int64_t heads = op.getHeads(), nope = op.getNope(), split = splitTokens(maxContext);
  int64_t splits = (maxContext + split - 1) / split;
  // The rotated part of head 0 starts behind its nope part.
  auto q = cast<RankedTensorType>(op.getQ().getType());
  Value qRope = kern::SliceOp::create(
      builder, op.getLoc(),
      RankedTensorType::get({q.getDimSize(0), q.getDimSize(1) - nope}, q.getElementType()), op.getQ(), nope);
  Dispatch partial;
  partial.skeleton = "mla_decode";
  partial.layer = op.getLayer();
  partial.inputs = {op.getQLatent(),        qRope, op.getCache(), op.getPositions(), function.getArgument(3),
                    function.getArgument(4)};
  partial.outputs = {
      RankedTensorType::get({maxTokens * splits * heads * (cache.getKvLora() + 2)}, builder.getF32Type())};
  partial.fixedOutputs = 1;
  partial.flopsPerPair = 2 * heads * (2 * cache.getKvLora() + cache.getRope());
  partial.positionBytes = positionBytes(cache);
  mlaParams(partial, builder, cache, heads, nope, 1, op.getScale().convertToDouble(), maxContext,
            rowStride(op.getQ()), rowStride(op.getQLatent()), paddedColumns(op.getResult()), 1);
  partial.grid = {kernels::kTokens, 1, kernels::kContext, split};
  if (machine == Machine::Cuda) {
    kernels::CudaMlaTile tile =
        kernels::cuda_mla_decode_tile(chip, heads, cache.getKvLora(), cache.getRope());
    if (!tile.rows)
      return op.emitOpError() << "has latents of " << cache.getKvLora() + cache.getRope()
                              << " elements, too wide for the shared memory of sm_" << chip;
    partial.grid.append({-1, (heads + tile.rows - 1) / tile.rows});
  }
  Value partials = emit(op, partial, kernels::kTokens)[0];

  Dispatch combine;
  combine.skeleton = "mla_combine";
  combine.inputs = {partials, op.getPositions()};
  combine.outputs = {op.getType()};
  combine.fixedOutputs = 1;
  combine.params = partial.params;
  combine.grid = {kernels::kTokens, 1, -1, heads};
  op.replaceAllUsesWith(emit(op, combine, kernels::kTokens)[0]);
  return success();
}

} // namespace r1::select
