// Attention: plain over a prompt, absorbed over the latents for decode.
#include "compiler/select/Schedules.h"
#include "compiler/select/Selector.h"
#include "kernels/registry/cpu_abi.h"
#include "kernels/registry/cuda_mla.h"
#include "kernels/registry/layout.h"
#include "kernels/registry/params.h"

using namespace mlir;

namespace r1::select {
namespace {

void mlaParams(Dispatch& d, OpBuilder& b, ir::CacheType cache, int64_t heads, int64_t nope, int64_t v,
               double scale, int64_t maxContext, int64_t qStride, int64_t latentStride, int64_t outStride,
               int64_t qBlock, Splits splits) {
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
  d.param(b, "split_tokens", splits.tokens);
  d.param(b, "max_splits", splits.most);
  d.param(b, "q_block", qBlock);
}

int64_t positionBytes(ir::CacheType cache) { return (cache.getKvLora() + cache.getRope()) * 2; }

int64_t paddedColumns(Value value) { return (columnsOf(value) + 15) / 16 * 16; }

} // namespace

bool Selector::useWarpGroups(ir::CacheType cache) const {
  // The copy engine wants 16-byte strides: eight elements of bf16. Without the number of pages there is no map of the cache.
  return machine == Machine::Cuda && chip == 90 && maxBatch > 0 &&
         (cache.getKvLora() + cache.getRope()) % 8 == 0 &&
         kernels::cuda_mla_hopper_tile(cache.getKvLora(), cache.getRope()).chunks > 0;
}

Attribute Selector::chunkMap(int64_t argument, int64_t columns, int64_t stride, int64_t rows,
                             int64_t planes) {
  auto list = [&](std::initializer_list<int64_t> values) { return builder.getDenseI64ArrayAttr(values); };
  return kern::TensorMapAttr::get(builder.getContext(), argument, builder.getBF16Type(),
                                  list({columns, rows, planes}), list({stride * 2, rows * stride * 2}),
                                  list({64, 64, 1}), 128);
}

Attribute Selector::cacheMap(int64_t argument, ir::CacheType cache) {
  int64_t key = cache.getKvLora() + cache.getRope();
  return chunkMap(argument, key, key, kernels::kPageTokens, maxBatch * (maxContext / kernels::kPageTokens));
}

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
  int64_t rowsDim = rowsDimOf(op.getQ()), queries = maxRows(rowsDim);
  if (static_cast<bool>(op.getRows()) != (rowsDim == kernels::kLogitRows))
    return op.emitOpError("has queries of all tokens and rows of some, or the other way round");
  Value positions = op.getPositions(), slots = function.getArgument(3);
  if (op.getRows()) {
    positions = gatherWords(positions, op.getRows(), op.getLoc());
    slots = gatherWords(slots, op.getRows(), op.getLoc());
  }
  bool warpGroups = useWarpGroups(cache);
  if (!decode && machine == Machine::Cpu)
    qBlock = queryBlock(queries);
  if (machine == Machine::Cuda) {
    if (!decode) // a power of two, no more than there are tokens
      qBlock = std::min<int64_t>(warpGroups ? kernels::kCudaMlaHopperRows
                                            : kernels::cuda_mla_largest_q_block(chip, kvLora, rope),
                                 llvm::bit_ceil<uint64_t>(queries));
    int64_t rows = warpGroups ? kernels::kCudaMlaHopperRows
                              : kernels::cuda_mla_prefill_tile(chip, qBlock, heads, kvLora, rope).rows;
    if (!rows)
      return op.emitOpError() << "has latents of " << kvLora + rope
                              << " elements, too wide for the shared memory of sm_" << chip;
    headBlocks = (heads + rows / qBlock - 1) / (rows / qBlock);
  }
  Dispatch d;
  d.skeleton = warpGroups ? "mla_prefill_hopper" : "mla_prefill";
  d.layer = op.getLayer();
  d.inputs = {op.getQ(), keys.weight, values.weight,          op.getCache(),
              positions, slots,       function.getArgument(4)};
  d.outputs = {op.getType()};
  d.fixedOutputs = 1;
  d.weightBytes = keys.bytes + values.bytes;
  // At context L a token attends to L positions; the expansion of those is shared by the tokens of a step.
  d.flopsPerToken = 2 * heads * (nope + v) * cache.getKvLora();
  d.flopsPerPair = 2 * heads * (nope + rope + v);
  d.positionBytes = positionBytes(cache);
  mlaParams(d, builder, cache, heads, nope, v, op.getScale().convertToDouble(), maxContext,
            rowStride(op.getQ()), 0, paddedColumns(op.getResult()), qBlock,
            contextSplits(machine, queries, maxContext, heads, 1));
  if (warpGroups) {
    int64_t width = kernels::rowmajor_stride(kvLora);
    d.maps = {cacheMap(3, cache), chunkMap(1, width, width, nope, heads),
              chunkMap(2, width, width, v, heads)};
  }
  d.grid = {rowsDim, qBlock, -1, headBlocks};
  op.replaceAllUsesWith(emit(op, d, rowsDim)[0]);
  return success();
}

LogicalResult Selector::selectLatentAttention(ir::LatentAttentionOp op) {
  ir::CacheType cache = op.getCache().getType();
  int64_t heads = op.getHeads(), nope = op.getNope(), headBlocks = 1;
  bool warpGroups = useWarpGroups(cache);
  if (machine == Machine::Cuda) {
    int64_t rows = warpGroups
                       ? kernels::kCudaMlaHopperRows
                       : kernels::cuda_mla_decode_tile(chip, heads, cache.getKvLora(), cache.getRope()).rows;
    if (!rows)
      return op.emitOpError() << "has latents of " << cache.getKvLora() + cache.getRope()
                              << " elements, too wide for the shared memory of sm_" << chip;
    headBlocks = (heads + rows - 1) / rows;
  }
  Splits splits = contextSplits(machine, maxTokens, maxContext, heads, headBlocks);
  // The rotated part of head 0 starts behind its nope part.
  auto q = cast<RankedTensorType>(op.getQ().getType());
  Value qRope = kern::SliceOp::create(
      builder, op.getLoc(),
      RankedTensorType::get({q.getDimSize(0), q.getDimSize(1) - nope}, q.getElementType()), op.getQ(), nope);
  Dispatch partial;
  partial.skeleton = warpGroups ? "mla_decode_hopper" : "mla_decode";
  partial.layer = op.getLayer();
  partial.inputs = {op.getQLatent(),        qRope, op.getCache(), op.getPositions(), function.getArgument(3),
                    function.getArgument(4)};
  partial.outputs = {RankedTensorType::get({maxTokens * splits.most * heads * (cache.getKvLora() + 2)},
                                           builder.getF32Type())};
  partial.fixedOutputs = 1;
  partial.flopsPerPair = 2 * heads * (2 * cache.getKvLora() + cache.getRope());
  partial.positionBytes = positionBytes(cache);
  mlaParams(partial, builder, cache, heads, nope, 1, op.getScale().convertToDouble(), maxContext,
            rowStride(op.getQ()), rowStride(op.getQLatent()), paddedColumns(op.getResult()), 1, splits);
  if (warpGroups)
    partial.maps = {cacheMap(2, cache)};
  if (machine == Machine::Cuda)
    partial.grid = {kernels::kTokens, 1, -1, splits.most, -1, headBlocks};
  else
    partial.grid = {kernels::kTokens, 1, kernels::kContext, splits.tokens};
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
