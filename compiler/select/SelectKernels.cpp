// The pass and what all rules share. Every r1 operation is first put into a fused group of its own, so that a rule sees one shape of input.
#include "compiler/select/Passes.h"
#include "compiler/select/Selector.h"
#include "kernels/registry/cpu_abi.h"
#include "kernels/registry/layout.h"
#include "kernels/registry/params.h"
#include "mlir/IR/IRMapping.h"

namespace r1::select {
#define GEN_PASS_DEF_SELECTKERNELS
#include "compiler/select/Passes.h.inc"

using namespace mlir;

int64_t columnsOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape().back(); }

int64_t rowStride(Value value) {
  while (auto slice = value.getDefiningOp<kern::SliceOp>())
    value = slice.getX();
  auto type = cast<RankedTensorType>(value.getType());
  return kernels::row_stride(columnsOf(value), (type.getElementTypeBitWidth() + 7) / 8);
}

int64_t elementTypeCode(Value value) {
  return cast<RankedTensorType>(value.getType()).getElementType().isBF16() ? kernels::kBF16 : kernels::kF32;
}

static int64_t functionAttr(func::FuncOp function, StringRef name, int64_t otherwise) {
  auto attr = function->getAttrOfType<IntegerAttr>(name);
  return attr ? attr.getInt() : otherwise;
}

Selector::Selector(func::FuncOp function)
    : function(function), builder(function.getContext()), machine(machineOf(function)),
      chip(scheduleChipOf(function)), maxTokens(functionAttr(function, "r1.max_tokens", 1)),
      maxLogitRows(functionAttr(function, "r1.max_logit_rows", 1)),
      maxContext(functionAttr(function, "r1.max_context", 4096)),
      maxBatch(functionAttr(function, "r1.max_batch", 0)) {}

int64_t Selector::rowsDimOf(Value value) const {
  while (auto slice = value.getDefiningOp<kern::SliceOp>())
    value = slice.getX();
  return rowsDims.lookup(value);
}

ValueRange Selector::emit(Location loc, Dispatch& d, int64_t rowsDim, ArrayAttr fusions) {
  SmallVector<Attribute> holeInputs;
  llvm::SetVector<Value> extra;
  int64_t fixedInputs = d.inputs.size();
  for (auto& operands : d.holeOperands) {
    SmallVector<int64_t> indices;
    for (Value operand : operands) {
      extra.insert(operand);
      indices.push_back(fixedInputs + std::distance(extra.begin(), llvm::find(extra, operand)));
    }
    holeInputs.push_back(builder.getDenseI64ArrayAttr(indices));
  }
  SmallVector<Value> inputs(d.inputs);
  llvm::append_range(inputs, extra);
  if (d.extended)
    inputs.push_back(d.extended);
  SmallVector<NamedAttribute> costs = {
      builder.getNamedAttr("expert_fraction", builder.getF64FloatAttr(d.expertFraction)),
      builder.getNamedAttr("flops_per_token", builder.getI64IntegerAttr(d.flopsPerToken)),
      builder.getNamedAttr("weight_bytes", builder.getI64IntegerAttr(d.weightBytes))};
  if (d.flopsPerPair) {
    costs.push_back(builder.getNamedAttr("flops_per_pair", builder.getI64IntegerAttr(d.flopsPerPair)));
    costs.push_back(builder.getNamedAttr("position_bytes", builder.getI64IntegerAttr(d.positionBytes)));
  }
  auto cost = builder.getDictionaryAttr(costs);
  auto op = kern::DispatchOp::create(
      builder, loc, d.outputs, d.skeleton, builder.getDictionaryAttr(d.params), inputs,
      builder.getDenseI64ArrayAttr({fixedInputs, d.fixedOutputs}), builder.getDenseI64ArrayAttr(d.grid),
      rowsDim, builder.getArrayAttr(holeInputs), fusions ? fusions : builder.getStrArrayAttr({}), cost,
      d.layer ? builder.getI64IntegerAttr(*d.layer) : IntegerAttr(),
      d.maps.empty() ? ArrayAttr() : builder.getArrayAttr(d.maps), d.holes.size());
  for (auto [region, source] : llvm::zip(op.getHoles(), d.holes))
    region.takeBody(*source);
  for (Value output : op.getOutputs())
    rowsDims[output] = rowsDim;
  return op.getOutputs();
}

HoleBuilder Selector::open(Dispatch& d, const Body& body, int leading) {
  d.holes.push_back(std::make_unique<Region>());
  return HoleBuilder(body, *d.holes.back(), leading);
}

void Selector::close(Dispatch& d, const HoleBuilder& hole) {
  d.holeOperands.push_back(llvm::to_vector(hole.operands()));
}

void Selector::storeHole(Dispatch& d, Location loc) {
  d.holes.push_back(std::make_unique<Region>());
  Block& block = d.holes.back()->emplaceBlock();
  Value element = block.addArgument(builder.getF32Type(), loc);
  OpBuilder inner(builder.getContext());
  inner.setInsertionPointToEnd(&block);
  kern::YieldOp::create(inner, loc, element);
  d.holeOperands.emplace_back();
}

LogicalResult Selector::normHoles(Dispatch& d, const Body& body, ir::RmsNormOp norm, Value lead,
                                  ValueRange outputs, bool store) {
  HoleBuilder map = open(d, body, 1);
  if (lead)
    map.bind(lead, map.leading(0));
  Value input = norm ? map.element(norm.getX()) : map.leading(0);
  if (!input)
    return failure();
  map.yield(input);
  close(d, map);

  HoleBuilder finish = open(d, body, 2);
  if (norm) {
    Value x = finish.leading(0), weight = finish.load(body.outside(norm.getWeight()));
    finish.bind(norm.getX(), x);
    Value scaled = arith::MulFOp::create(finish.ops(), finish.loc(), x, finish.leading(1));
    finish.bind(norm.getResult(), arith::MulFOp::create(finish.ops(), finish.loc(), scaled, weight));
  } else if (lead) {
    finish.bind(lead, finish.leading(0));
  }
  if (failed(store ? finish.yieldStored(llvm::to_vector(outputs)) : [&]() -> LogicalResult {
        Value value = finish.element(outputs[0]);
        if (value)
          finish.yield(value);
        return success(static_cast<bool>(value));
      }()))
    return failure();
  close(d, finish);
  return success();
}

LogicalResult Selector::replaceWithDispatch(ir::FusedOp op, Dispatch& d, int64_t rowsDim) {
  // Norm weights stay checkpoint tensors until here: a hole reads them as f32 vectors.
  for (auto& operands : d.holeOperands)
    for (Value& operand : operands)
      if (operand.getDefiningOp<ir::WeightOp>())
        operand = packVector(builder, op.getLoc(), operand);
  op.replaceAllUsesWith(emit(op, d, rowsDim).drop_front(d.fixedOutputs));
  return success();
}

namespace {

/// `op` alone in a fused group, so that rules have one form to match.
ir::FusedOp isolate(Operation* op) {
  OpBuilder builder(op);
  auto fused = ir::FusedOp::create(builder, op->getLoc(), op->getResultTypes(), op->getOperands(),
                                   builder.getStrArrayAttr({}));
  Block& body = fused.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value operand : op->getOperands())
    if (!mapping.contains(operand))
      mapping.map(operand, body.addArgument(operand.getType(), operand.getLoc()));
    else
      body.addArgument(operand.getType(), operand.getLoc());
  OpBuilder inner = OpBuilder::atBlockEnd(&body);
  Operation* copy = inner.clone(*op, mapping);
  ir::YieldOp::create(inner, op->getLoc(), copy->getResults());
  op->replaceAllUsesWith(fused.getOutputs());
  op->erase();
  return fused;
}

template <typename... OpTs> bool has(ir::FusedOp op) {
  return llvm::any_of(op.getBody().front(), llvm::IsaPred<OpTs...>);
}

struct SelectKernels : impl::SelectKernelsBase<SelectKernels> {
  void runOnOperation() override {
    if (!getOperation()->hasAttr("r1.max_tokens"))
      return; // not a step of the main path: multi-token prediction is imported, optimised, and waits here
    if (failed(Selector(getOperation()).run()))
      signalPassFailure();
  }
};

} // namespace

/// The step's signature, and that everything of static shape comes from the checkpoint: both hold for what import builds, and are
/// checked for what people write by hand.
static LogicalResult checkStep(func::FuncOp function) {
  bool paged = false;
  function.walk(
      [&](Operation* op) { paged |= isa<ir::CacheAppendOp, ir::AttentionOp, ir::LatentAttentionOp>(op); });
  if (paged && function.getNumArguments() < 5)
    return function.emitError(
        "uses the cache but is not a step: expected (ids, positions, logit rows, slots, page table, ...)");
  for (Operation& op : function.getBody().front())
    for (Value operand : op.getOperands()) {
      auto type = dyn_cast<RankedTensorType>(operand.getType());
      if (type && type.hasStaticShape() &&
          !isa_and_present<ir::WeightOp, ir::ExpertWeightOp, ir::ConcatRowsOp>(operand.getDefiningOp()))
        return op.emitOpError() << "reads " << type
                                << ", which is not an r1.weight; only those can be packed";
    }
  return success();
}

LogicalResult Selector::run() {
  if (failed(checkStep(function)))
    return failure();
  SmallVector<Operation*> ops;
  for (Operation& op : function.getBody().front().without_terminator())
    ops.push_back(&op);
  SmallVector<Operation*> dead;
  for (Operation* op : ops) {
    builder.setInsertionPoint(op);
    if (isa<ir::WeightOp, ir::ExpertWeightOp, ir::ConcatRowsOp>(op)) {
      dead.push_back(op);
      continue;
    }
    if (auto slice = dyn_cast<ir::SliceOp>(op)) {
      slice.replaceAllUsesWith(
          kern::SliceOp::create(builder, slice.getLoc(), slice.getType(), slice.getX(), slice.getOffset())
              .getResult());
      dead.push_back(op);
      continue;
    }
    LogicalResult result = success();
    if (isa<ir::RmsNormOp, ir::AddOp, ir::SiluMulOp, ir::CastOp, ir::CombineOp, ir::LinearOp,
            ir::ExpertLinearOp, ir::RouterLogitsOp, ir::RouterGateOp, ir::CacheAppendOp>(op)) {
      op = isolate(op);
      builder.setInsertionPoint(op);
    }
    if (auto fused = dyn_cast<ir::FusedOp>(op)) {
      if (has<ir::RouterLogitsOp, ir::RouterGateOp>(fused))
        result = selectRouter(fused);
      else if (has<ir::CacheAppendOp>(fused))
        result = selectCacheAppend(fused);
      else if (has<ir::ExpertLinearOp>(fused))
        result = selectExperts(fused);
      else if (has<ir::LinearOp>(fused))
        result = selectLinear(fused);
      else
        result = selectRows(fused);
    } else if (auto embed = dyn_cast<ir::EmbedOp>(op)) {
      result = selectEmbed(embed);
    } else if (auto quantize = dyn_cast<ir::QuantizeRowsOp>(op)) {
      result = selectQuantize(quantize);
    } else if (auto gather = dyn_cast<ir::GatherRowsOp>(op)) {
      result = selectGather(gather);
    } else if (auto table = dyn_cast<ir::RopeTableOp>(op)) {
      result = selectRopeTable(table);
    } else if (auto rope = dyn_cast<ir::RopeOp>(op)) {
      result = selectRope(rope);
    } else if (auto attention = dyn_cast<ir::AttentionOp>(op)) {
      result = selectAttention(attention);
    } else if (auto absorb = dyn_cast<ir::AbsorbQueryOp>(op)) {
      int64_t nope = absorb.getNope(), v = absorb.getV(), rope = absorb.getRope();
      result = selectHeads(op, absorb.getQ(), {absorb.getKvB(), absorb.getKvBScale()}, absorb.getHeads(),
                           nope + v, 0, nope,
                           /*transposed=*/true, nope + rope);
    } else if (auto expand = dyn_cast<ir::ExpandValueOp>(op)) {
      int64_t nope = expand.getNope(), v = expand.getV(), kvLora = columnsOf(expand.getKvB());
      result = selectHeads(op, expand.getX(), {expand.getKvB(), expand.getKvBScale()}, expand.getHeads(),
                           nope + v, nope, v,
                           /*transposed=*/false, kvLora);
    } else if (auto latent = dyn_cast<ir::LatentAttentionOp>(op)) {
      result = selectLatentAttention(latent);
    } else if (auto sample = dyn_cast<ir::SampleOp>(op)) {
      result = selectSample(sample);
    } else {
      result = op->emitOpError("has no kernel");
    }
    if (failed(result))
      return failure();
    dead.push_back(op);
  }
  for (Operation* op : llvm::reverse(dead))
    op->erase();
  return success();
}

} // namespace r1::select
