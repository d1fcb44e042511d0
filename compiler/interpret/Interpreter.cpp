#include "compiler/interpret/Interpreter.h"

#include "compiler/checkpoint/InputFile.h"
#include "compiler/interpret/Frame.h"
#include "kernels/common/numeric.h"
#include "kernels/registry/params.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using llvm::Error;
using llvm::Expected;
using llvm::Twine;
using r1::checkpoint::fail;

namespace r1::interpret {
namespace {

/// "'r1.linear' at layers.3.mlp.gate_proj"
std::string describe(Operation* op) {
  std::string text = "'" + op->getName().getStringRef().str() + "'";
  if (auto name = dyn_cast<NameLoc>(op->getLoc()))
    text += " at " + name.getName().str();
  return text;
}

Error checkOperation(Operation* op) {
  if (!isa_and_nonnull<ir::R1Dialect>(op->getDialect()) && !isa<func::ReturnOp>(op))
    return fail(describe(op) +
                " cannot be interpreted, only the r1 dialect can; stop the compile after import or optimize");
  auto usable = [&](Type type) {
    if (!isa<TensorType>(type))
      return true;
    // The dialect's own rule: only the number of tokens is left open. A weight by name leaves nothing open.
    auto tensor = dyn_cast<RankedTensorType>(type);
    return tensor && tensor.getRank() > 0 &&
           llvm::all_of(tensor.getShape().drop_front(), [](int64_t extent) { return extent > 0; }) &&
           (tensor.isDynamicDim(0) ? !isa<ir::WeightOp, ir::ExpertWeightOp, ir::ConcatRowsOp>(op)
                                   : tensor.getDimSize(0) > 0);
  };
  if (!llvm::all_of(op->getOperandTypes(), usable) || !llvm::all_of(op->getResultTypes(), usable))
    return fail(describe(op) +
                " has a tensor without elements or without known columns; give each tensor its sizes");
  return Error::success();
}

/// Values defined in `block` (arguments included) under the operation of the block that reads them last,
/// itself or in a region.
void findLastUses(Block& block, DenseMap<Operation*, SmallVector<Value, 2>>& lastUses) {
  auto add = [&](Value value) {
    Operation* last = value.getDefiningOp();
    for (Operation* user : value.getUsers()) {
      Operation* here = block.findAncestorOpInBlock(*user);
      if (!last || last->isBeforeInBlock(here))
        last = here;
    }
    if (last)
      lastUses[last].push_back(value);
  };
  for (Value argument : block.getArguments())
    add(argument);
  for (Operation& op : block)
    for (Value result : op.getResults())
      add(result);
}

class Runner {
public:
  Runner(Frame& frame, const DenseMap<Operation*, SmallVector<Value, 2>>& lastUses)
      : frame(frame), lastUses(lastUses) {}

  Error run(Block& block) {
    for (Operation& op : block.without_terminator()) {
      if (Error error = execute(&op))
        return isa<ir::FusedOp>(op) ? std::move(error)
                                    : fail(describe(&op) + ": " + llvm::toString(std::move(error)));
      if (auto place = lastUses.find(&op); place != lastUses.end())
        for (Value value : place->second)
          frame.drop(value);
    }
    return Error::success();
  }

private:
  Error execute(Operation* op) {
    return llvm::TypeSwitch<Operation*, Error>(op)
        .Case<ir::WeightOp, ir::ExpertWeightOp, ir::ConcatRowsOp, ir::EmbedOp, ir::RmsNormOp, ir::AddOp,
              ir::SiluMulOp, ir::CastOp, ir::SliceOp, ir::ConcatColumnsOp, ir::GatherRowsOp, ir::RopeTableOp,
              ir::RopeOp, ir::LinearOp, ir::ExpertLinearOp, ir::CombineOp, ir::RouterLogitsOp,
              ir::RouterGateOp, ir::CacheAppendOp, ir::AttentionOp, ir::AbsorbQueryOp, ir::LatentAttentionOp,
              ir::ExpandValueOp, ir::SampleOp>([&](auto known) { return evaluate(known, frame); })
        .Case<ir::FusedOp>([&](ir::FusedOp fused) { return runFused(fused); })
        .Default([](Operation*) { return fail("has no interpretation; this is a defect of r1c"); });
  }

  Error runFused(ir::FusedOp fused) {
    Block& body = fused.getBody().front();
    for (auto [argument, input] : llvm::zip(body.getArguments(), fused.getInputs()))
      frame.set(argument, frame.get(input));
    if (Error error = run(body))
      return error;
    for (auto [result, value] :
         llvm::zip(fused.getOutputs(), cast<ir::YieldOp>(body.getTerminator()).getValues()))
      frame.set(result, frame.get(value));
    for (Value argument : body.getArguments())
      frame.drop(argument);
    for (Operation& op : body)
      for (Value result : op.getResults())
        frame.drop(result);
    return Error::success();
  }

  Frame& frame;
  const DenseMap<Operation*, SmallVector<Value, 2>>& lastUses;
};

bool fits(ArrayRef<int64_t> found, ArrayRef<int64_t> expected) {
  return found.size() == expected.size() && llvm::all_of(llvm::zip(found, expected), [](auto pair) {
           return std::get<1>(pair) == ShapedType::kDynamic || std::get<0>(pair) == std::get<1>(pair);
         });
}

/// Whether an argument is what its type says, so that evaluators need not ask.
Error checkArgument(unsigned index, Type type, const RuntimeValue& value) {
  std::string wanted;
  llvm::raw_string_ostream(wanted) << type;
  auto wrong = [&](const Twine& found) {
    return fail("argument " + Twine(index) + " is " + found + ", expected " + wanted);
  };
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (auto* cache = std::get_if<CacheValue>(&value)) {
    auto cacheType = dyn_cast<ir::CacheType>(type);
    if (!cacheType || !cache->store)
      return wrong("a cache");
    const LatentCache& store = *cache->store;
    if (store.layers() != cacheType.getLayers() || store.kvLora() != cacheType.getKvLora() ||
        store.rope() != cacheType.getRope())
      return wrong("a cache of " + Twine(store.layers()) + " layers, kv_lora " + Twine(store.kvLora()) +
                   ", rope " + Twine(store.rope()));
    return Error::success();
  }
  if (auto* ints = std::get_if<IntTensorPtr>(&value)) {
    if (!tensor || !tensor.getElementType().isInteger(32) || !fits((*ints)->shape, tensor.getShape()))
      return wrong("a tensor of integers of shape " + checkpoint::shapeText((*ints)->shape));
    return Error::success();
  }
  if (auto* floats = std::get_if<TensorPtr>(&value)) {
    if (!tensor || !isa<FloatType>(tensor.getElementType()) || !fits((*floats)->shape, tensor.getShape()))
      return wrong("a tensor of floats of shape " + checkpoint::shapeText((*floats)->shape));
    return Error::success();
  }
  return wrong("a weight by name");
}

} // namespace

Expected<TensorPtr> Frame::scaled(Value weight, Value scale) const {
  const RuntimeValue& value = get(weight);
  const auto* byName = std::get_if<WeightRef>(&value);
  const auto* scaleByName = scale ? std::get_if<WeightRef>(&get(scale)) : nullptr;
  if (byName && (!scale || scaleByName))
    return weights.get(*byName, scaleByName);
  Expected<TensorPtr> plain = byName ? weights.get(*byName) : std::get<TensorPtr>(value);
  if (!plain || !scale)
    return plain;
  Expected<TensorPtr> scales = tensor(scale);
  if (!scales)
    return scales.takeError();
  Tensor result = **plain;
  applyBlockScales(result, **scales);
  return std::make_shared<const Tensor>(std::move(result));
}

Expected<TensorPtr> Frame::scaledExpert(Value weight, Value scale, int64_t expert) const {
  const auto* byName = std::get_if<WeightRef>(&get(weight));
  const auto* scaleByName = scale ? std::get_if<WeightRef>(&get(scale)) : nullptr;
  if (byName && byName->perExpert && (!scale || (scaleByName && scaleByName->perExpert))) {
    WeightRef one = expertOf(*byName, expert);
    if (!scale)
      return weights.get(one);
    WeightRef oneScale = expertOf(*scaleByName, expert);
    return weights.get(one, &oneScale);
  }
  Expected<TensorPtr> all = scaled(weight, scale);
  if (!all)
    return all;
  Tensor one{Shape(llvm::drop_begin((*all)->shape)), {}};
  int64_t size = (*all)->columns();
  one.data.assign((*all)->data.begin() + expert * size, (*all)->data.begin() + (expert + 1) * size);
  return std::make_shared<const Tensor>(std::move(one));
}

void Frame::set(Value result, Shape shape, std::vector<float> data) {
  if (cast<RankedTensorType>(result.getType()).getElementType().isBF16())
    for (float& element : data)
      element = kernels::f32_from_bf16(kernels::bf16_from_f32(element));
  set(result, floats(std::move(shape), std::move(data)));
}

Expected<std::vector<int32_t>> Frame::slotsOf(int64_t tokens) const {
  if (slots.size() == 1)
    return std::vector<int32_t>(tokens, slots.front());
  if (static_cast<int64_t>(slots.size()) != tokens)
    return fail("there are " + Twine(slots.size()) + " slots for " + Twine(tokens) +
                " tokens; pass one for all or one a token");
  return slots.vec();
}

Error checkRows(StringRef what, int64_t found, int64_t expected) {
  if (found == expected)
    return Error::success();
  return fail(what + " has " + Twine(found) + " rows, expected " + Twine(expected) +
              "; all arguments of a step have one row a token");
}

Error checkIndices(StringRef what, ArrayRef<int32_t> indices, int64_t limit) {
  for (auto [place, index] : llvm::enumerate(indices))
    if (index < 0 || index >= limit)
      return fail(what + " " + Twine(index) + " at " + Twine(place) + " is not in [0, " + Twine(limit) +
                  "); pass another");
  return Error::success();
}

Expected<Interpreter> Interpreter::create(func::FuncOp function, WeightStore& weights) {
  if (function.isExternal() || !function.getBody().hasOneBlock())
    return fail("function '" + function.getSymName() +
                "' is not one block of operations; interpret an entry of an imported module");
  Error error = Error::success();
  function.getBody().walk([&](Operation* op) {
    error = checkOperation(op);
    return error ? WalkResult::interrupt() : WalkResult::advance();
  });
  if (error)
    return std::move(error);
  if (failed(verify(function)))
    return fail("function '" + function.getSymName() + "' does not verify; see the messages before this one");
  Interpreter interpreter(function, weights);
  findLastUses(function.getBody().front(), interpreter.lastUses);
  return interpreter;
}

Expected<SmallVector<RuntimeValue>> Interpreter::run(ArrayRef<RuntimeValue> arguments,
                                                     ArrayRef<int32_t> slots) const {
  Block& body = function.getBody().front();
  if (arguments.size() != body.getNumArguments())
    return fail("function '" + function.getSymName() + "' takes " + Twine(body.getNumArguments()) +
                " arguments, found " + Twine(arguments.size()));
  Frame frame(*weights, slots);
  for (auto [argument, value] : llvm::zip(body.getArguments(), arguments)) {
    if (Error error = checkArgument(argument.getArgNumber(), argument.getType(), value))
      return fail("function '" + function.getSymName() + "': " + llvm::toString(std::move(error)));
    frame.set(argument, value);
  }
  if (Error error = Runner(frame, lastUses).run(body))
    return std::move(error);
  SmallVector<RuntimeValue> results;
  for (Value result : body.getTerminator()->getOperands())
    results.push_back(frame.get(result));
  return results;
}

Expected<TensorPtr> Interpreter::step(const Step& step, LatentCache& cache) const {
  auto vector = [](ArrayRef<int32_t> from) { return ints({static_cast<int64_t>(from.size())}, from.vec()); };
  SmallVector<RuntimeValue> arguments = {vector(step.ids),   vector(step.positions), vector(step.logitRows),
                                         vector(step.slots), ints({0, 0}, {}),       cache.now()};
  if (function.getNumArguments() > arguments.size()) { // it chooses ids, too, which nobody wants here
    int64_t rows = step.logitRows.size();
    std::vector<int32_t> none(rows * kernels::kSampleOptionWords, kernels::kNoSample);
    arguments.push_back(ints({rows, kernels::kSampleOptionWords}, std::move(none)));
    arguments.push_back(
        ints({rows, kernels::kSampleDrawWords}, std::vector<int32_t>(rows * kernels::kSampleDrawWords)));
  }
  Expected<SmallVector<RuntimeValue>> results = run(arguments, step.slots);
  if (!results)
    return results.takeError();
  if (results->empty() || !std::holds_alternative<TensorPtr>(results->front()))
    return fail("function '" + function.getSymName() +
                "' does not return logits first; interpret an entry of an imported module");
  return std::get<TensorPtr>(results->front());
}

} // namespace r1::interpret
