// Linear layers: gemm, grouped_gemm and the per-head products of absorbed attention.
#include "compiler/select/Schedules.h"
#include "compiler/select/Selector.h"
#include "kernels/registry/cpu_abi.h"
#include "kernels/registry/layout.h"
#include "kernels/registry/params.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;

namespace r1::select {
namespace {

int64_t ceilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

/// The linear layers of a body: one, or gate and up in the order silu_mul reads them.
template <typename LinearT> SmallVector<LinearT> linears(const Body& body) {
  SmallVector<LinearT> found = llvm::to_vector(body.block().getOps<LinearT>());
  for (auto product : body.block().getOps<ir::SiluMulOp>())
    if (found.size() == 2 && product.getGate() == found[1].getResult())
      std::swap(found[0], found[1]);
  return found;
}

void addWeight(Dispatch& d, const PackedWeight& weight) {
  d.inputs.push_back(weight.weight);
  if (weight.f8)
    d.inputs.push_back(weight.scales);
  d.weightBytes += weight.bytes;
}

/// The map by which sm_90a's copy engine reads a weight, argument 1, a line of 128 bytes of `rows` of its rows at a time. Lines of the
/// type of x are multiplied as they lie, with a swizzle; e4m3 lines beside bf16 are read by threads.
kern::TensorMapAttr weightMap(Builder& b, bool f8, bool quantized, int64_t n, int64_t k, int64_t matrices,
                              int64_t rows) {
  int64_t length = f8 ? kernels::rowmajor_f8_stride(k) : kernels::rowmajor_stride(k), bytes = f8 ? 1 : 2;
  auto list = [&](std::initializer_list<int64_t> values) { return b.getDenseI64ArrayAttr(values); };
  MLIRContext* context = b.getContext();
  return kern::TensorMapAttr::get(context, 1, f8 ? Type(Float8E4M3FNType::get(context)) : b.getBF16Type(),
                                  list({length, n, matrices}), list({length * bytes, n * length * bytes}),
                                  list({128 / bytes, rows, 1}), f8 && !quantized ? 0 : 128);
}

} // namespace

LogicalResult Selector::selectLinear(ir::FusedOp op) {
  Body body(op);
  SmallVector<ir::LinearOp> layers = linears<ir::LinearOp>(body);
  ir::LinearOp first = layers[0];
  if (layers.size() > 2 || (layers.size() == 2 && layers[1].getX() != first.getX()))
    return op.emitOpError("holds linear layers that no kernel computes together");

  Dispatch d;
  // Behind the input there may be a norm, whose input is what the prologue reads.
  ir::RmsNormOp norm;
  Value x = first.getX(), staged = x;
  if (auto cast = x.getDefiningOp<ir::CastOp>())
    staged = cast.getX();
  norm = staged.getDefiningOp<ir::RmsNormOp>();
  Value input = norm ? body.outside(norm.getX()) : body.outside(x);
  if (!input)
    return op.emitOpError("computes the input of its linear layer by something other than a norm");
  SmallVector<WeightRef> refs;
  for (ir::LinearOp layer : layers)
    refs.push_back(
        {body.outside(layer.getWeight()), layer.getScale() ? body.outside(layer.getScale()) : Value()});
  PackedWeight weight = packMatrix(builder, op.getLoc(), machine, refs);
  bool quantized = static_cast<bool>(first.getXScale());
  d.skeleton = quantized ? "gemm_quantised_f8" : weight.f8 ? "gemm_f8" : "gemm_bf16";
  d.inputs.push_back(input);
  addWeight(d, weight);
  if (quantized)
    d.inputs.push_back(body.outside(first.getXScale()));

  int64_t n = columnsOf(first.getResult()), k = columnsOf(first.getX()), accumulators = layers.size();
  int64_t rowsDim = rowsDimOf(input), rows = maxRows(rowsDim);
  GemmTiles tiles = gemmTiles(machine, rows, n, accumulators);
  if (quantized)
    tiles = quantizedTiles(chip, rows, n, accumulators);
  d.param(builder, "n", n);
  d.param(builder, "k", k);
  d.param(builder, "batch", int64_t{1});
  d.param(builder, "x_stride", rowStride(input));
  d.param(builder, "x_batch_stride", int64_t{0});
  d.param(builder, "accumulators", accumulators);
  d.param(builder, "tile_m", tiles.m);
  d.param(builder, "tile_n", tiles.n);
  d.param(builder, "prologue", int64_t{norm ? 1 : 0});
  d.param(builder, "epsilon", norm ? norm.getEpsilon().convertToDouble() : 0.0);
  d.grid = {rowsDim, tiles.m, -1, 1, -1, ceilDiv(n, tiles.n)};
  d.flopsPerToken = 2 * n * k * accumulators;
  useTensorMaps(d, input, rows, n, k, 1, 0, accumulators, tiles);

  HoleBuilder epilogue = open(d, body, accumulators);
  for (auto [i, layer] : llvm::enumerate(layers))
    epilogue.bind(layer.getResult(), epilogue.leading(i));
  if (failed(epilogue.yieldStored(body.yielded())))
    return failure();
  close(d, epilogue);
  if (norm && failed(normHoles(d, body, norm, Value(), norm.getResult(), /*store=*/false)))
    return failure();
  llvm::append_range(d.outputs, op.getOutputs().getTypes());
  return replaceWithDispatch(op, d, rowsDim);
}

void Selector::useTensorMaps(Dispatch& d, Value x, int64_t rows, int64_t n, int64_t k, int64_t batch,
                             int64_t xBatchStride, int64_t accumulators, const GemmTiles& tiles) {
  int64_t xOffset = 0, xStride = rowStride(x);
  for (Value at = x; auto slice = at.getDefiningOp<kern::SliceOp>(); at = slice.getX())
    xOffset += slice.getOffset();
  bool f8 = d.skeleton.ends_with("_f8"), quantized = d.skeleton == "gemm_quantised_f8";
  int64_t bytes = quantized ? 1 : 2; // of an element of x
  // The copy engine wants 16-byte strides and addresses.
  if (chip != 90 || tiles.m != kHopperRows || (xOffset | xStride | xBatchStride) * bytes % 16)
    return;
  auto list = [&](std::initializer_list<int64_t> values) { return builder.getDenseI64ArrayAttr(values); };
  // A batch of one has no stride of its own; any that the copy engine takes will do.
  int64_t batchStride = batch == 1 ? xStride : xBatchStride;
  Type type = quantized ? Type(Float8E4M3FNType::get(builder.getContext())) : builder.getBF16Type();
  d.maps = {kern::TensorMapAttr::get(builder.getContext(), 0, type, list({k, batch, rows}),
                                     list({batchStride * bytes, xStride * bytes}),
                                     list({128 / bytes, 1, tiles.m}), 128),
            weightMap(builder, f8, quantized, n, k, batch * accumulators, tiles.n)};
  d.skeleton = quantized ? "gemm_hopper_quantised_f8" : f8 ? "gemm_hopper_f8" : "gemm_hopper_bf16";
}

LogicalResult Selector::selectExperts(ir::FusedOp op) {
  Body body(op);
  SmallVector<ir::ExpertLinearOp> layers = linears<ir::ExpertLinearOp>(body);
  ir::ExpertLinearOp first = layers[0];
  Value x = body.outside(first.getX()), ids = body.outside(first.getIds());
  if (layers.size() > 2 || !x || !ids)
    return op.emitOpError("holds expert layers that no kernel computes together");

  Dispatch d;
  SmallVector<WeightRef> refs;
  for (ir::ExpertLinearOp layer : layers)
    refs.push_back(
        {body.outside(layer.getWeight()), layer.getScale() ? body.outside(layer.getScale()) : Value()});
  PackedWeight weight = packMatrix(builder, op.getLoc(), machine, refs);
  int64_t experts = cast<RankedTensorType>(first.getWeight().getType()).getDimSize(0);
  int64_t topK = columnsOf(ids), n = columnsOf(first.getResult()), k = columnsOf(first.getX());
  int64_t accumulators = layers.size(), rowsDim = rowsDimOf(ids), most = maxRows(rowsDim) * topK;
  int64_t maxActive = std::min(experts, most);
  // Rows an expert meets on average when all tokens are there.
  int64_t rows = ceilDiv(most, experts);
  bool quantized = static_cast<bool>(first.getXScale());
  GemmTiles tiles = quantized ? quantizedTiles(chip, rows, n, accumulators) : expertTiles(machine, rows, n);
  d.skeleton = quantized ? "grouped_gemm_quantised_f8" : weight.f8 ? "grouped_gemm_f8" : "grouped_gemm_bf16";
  d.grid = {-1, maxActive, -1, ceilDiv(n, tiles.n)};
  if (chip == 90 && rows > kStreamRows) {
    tiles = hopperExpertTiles(rows, n, accumulators, weight.f8);
    d.skeleton = quantized   ? "grouped_gemm_hopper_quantised_f8"
                 : weight.f8 ? "grouped_gemm_hopper_f8"
                             : "grouped_gemm_hopper_bf16";
    d.maps = {weightMap(builder, weight.f8, quantized, n, k, experts * accumulators, tiles.n)};
    // Tiles are blocks of an expert's rows, of which each expert may have one that is not full.
    d.grid = {-1, (most + maxActive * (tiles.m - 1)) / tiles.m, -1, ceilDiv(n, tiles.n)};
  }
  d.inputs.push_back(x);
  addWeight(d, weight);
  d.inputs.push_back(groupsOf(ids, experts));
  if (quantized)
    d.inputs.push_back(body.outside(first.getXScale()));
  d.param(builder, "n", n);
  d.param(builder, "k", k);
  d.param(builder, "experts", experts);
  d.param(builder, "top_k", topK);
  d.param(builder, "x_stride", rowStride(x));
  d.param(builder, "gather", int64_t{cast<RankedTensorType>(x.getType()).getRank() == 2});
  d.param(builder, "accumulators", accumulators);
  d.param(builder, "max_active", maxActive);
  d.param(builder, "tile_n", tiles.n);
  d.param(builder, "tile_m", tiles.m);
  d.flopsPerToken = 2 * n * k * accumulators * topK;
  d.expertFraction = static_cast<double>(topK) / experts;

  HoleBuilder epilogue = open(d, body, accumulators);
  for (auto [i, layer] : llvm::enumerate(layers))
    epilogue.bind(layer.getResult(), epilogue.leading(i));
  if (failed(epilogue.yieldStored(body.yielded())))
    return failure();
  close(d, epilogue);
  llvm::append_range(d.outputs, op.getOutputs().getTypes());
  return replaceWithDispatch(op, d, rowsDim);
}

LogicalResult Selector::selectHeads(Operation* op, Value x, WeightRef kvB, int64_t heads, int64_t rowsPerHead,
                                    int64_t begin, int64_t count, bool transposed, int64_t xBatchStride) {
  PackedWeight weight =
      packHeads(builder, op->getLoc(), machine, kvB, heads, rowsPerHead, begin, count, transposed);
  int64_t kvLora = columnsOf(kvB.weight), n = transposed ? kvLora : count, k = transposed ? count : kvLora;
  GemmTiles tiles = headTiles(machine, maxTokens, n);
  Dispatch d;
  d.skeleton = "gemm_bf16";
  d.inputs.push_back(x);
  addWeight(d, weight);
  d.param(builder, "n", n);
  d.param(builder, "k", k);
  d.param(builder, "batch", heads);
  d.param(builder, "x_stride", rowStride(x));
  d.param(builder, "x_batch_stride", xBatchStride);
  d.param(builder, "accumulators", int64_t{1});
  d.param(builder, "tile_m", tiles.m);
  d.param(builder, "tile_n", tiles.n);
  d.param(builder, "prologue", int64_t{0});
  d.param(builder, "epsilon", 0.0);
  d.grid = {kernels::kTokens, tiles.m, -1, heads, -1, ceilDiv(n, tiles.n)};
  d.flopsPerToken = 2 * n * k * heads;
  useTensorMaps(d, x, maxTokens, n, k, heads, xBatchStride, 1, tiles);
  d.outputs = {op->getResult(0).getType()};
  storeHole(d, op->getLoc());
  op->getResult(0).replaceAllUsesWith(emit(op, d, kernels::kTokens)[0]);
  return success();
}

} // namespace r1::select
