// The pass: weights of all entries first (one packed copy serves prefill and decode), then each entry's order, lifetimes and launches.
#include "compiler/plan/Arena.h"
#include "compiler/plan/Passes.h"
#include "kernels/registry/layout.h"

#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include <cmath>

namespace r1::plan {
#define GEN_PASS_DEF_PLANLAUNCHES
#include "compiler/plan/Passes.h.inc"

using namespace mlir;

namespace {

constexpr int64_t kAlignment =
    256; // of weights and activations: four cache lines, and what CUDA's vector loads and TMA will want

// Argument numbers of an entry function, and the io slots (runtime/artifact/artifact.fbs) they come from.
enum EntryArgument { kIds, kPositions, kLogitRows, kSlots, kPageTable, kCache, kOptions, kDraws, kArguments };
constexpr int64_t kIoSlotOf[kArguments] = {0, 1, 4, 2, 3, /*the cache is a space of its own*/ -1, 7, 8};
constexpr int64_t kLogitsSlot = 5, kChosenSlot = 9;
// And its results: logits, the cache, the ids chosen, of which a step may lack the last.
constexpr unsigned kLogitsResult = 0, kChosenResult = 2;

int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

int64_t elementBytes(Type type) { return (type.getIntOrFloatBitWidth() + 7) / 8; }

/// Elements between rows of a row-major activation.
int64_t rowStride(RankedTensorType type) {
  return kernels::row_stride(type.getShape().back(), elementBytes(type.getElementType()));
}

Value sliceBase(Value value, int64_t& offset) {
  while (auto slice = value.getDefiningOp<kern::SliceOp>()) {
    offset += slice.getOffset();
    value = slice.getX();
  }
  return value;
}

/// Uniform range that keeps activations near unit variance; 0 stands for ones (norm weights, scales).
double randomScale(kern::ConstantOp op) {
  StringRef layout = op.getLayout();
  bool matrix = layout == "rows" || layout.starts_with("vnni16") || layout.starts_with("rowmajor");
  return matrix ? std::sqrt(3.0 / op.getShape()[2]) : 0;
}

int64_t constantBytes(kern::ConstantOp op) {
  ArrayRef<int64_t> s = op.getShape();
  kernels::PackShape shape{s[0], s[1], s[2], s[3]};
  StringRef layout = op.getLayout();
  if (layout == "vnni16")
    return kernels::vnni16_bytes(shape);
  if (layout == "vnni16_f8")
    return kernels::vnni16_f8_bytes(shape);
  if (layout == "scales" || layout == "rowscales")
    return kernels::scales_bytes(shape);
  if (layout == "rowmajor")
    return kernels::rowmajor_bytes(shape);
  if (layout == "rowmajor_f8")
    return kernels::rowmajor_f8_bytes(shape);
  auto type = cast<RankedTensorType>(op.getType());
  return s[0] * s[1] * type.getShape().back() * elementBytes(type.getElementType());
}

/// Two holes that compute the same have the same text: operations, attributes and types, values numbered as they appear. (The printer of MLIR
/// numbers the whole function anew for each operation it prints.)
std::string fingerprint(Region& region) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::DenseMap<Value, unsigned> numbers;
  auto number = [&](Value value) { return numbers.try_emplace(value, numbers.size()).first->second; };
  for (Value argument : region.front().getArguments())
    stream << number(argument) << " ";
  for (Operation& op : region.front()) {
    stream << op.getName() << op.getAttrDictionary() << op.getPropertiesAsAttribute();
    for (Value operand : op.getOperands())
      stream << " " << number(operand);
    for (Value result : op.getResults())
      stream << " =" << number(result) << result.getType();
    stream << ";";
  }
  return text + "|";
}

class Planner {
public:
  explicit Planner(ModuleOp module) : module(module), builder(module.getContext()) {}
  void run();

private:
  struct Place {
    int64_t segment, offset;
  };
  void placeWeights(func::FuncOp function);
  void planEntry(func::FuncOp function);
  ArgumentAttr argument(Value value);
  FlatSymbolRefAttr kernelOf(kern::DispatchOp op);
  std::string kernelName(kern::DispatchOp op);

  ModuleOp module;
  OpBuilder builder;
  llvm::MapVector<Attribute, Place> constants;
  int64_t segmentEnd[2] = {0, 0};
  llvm::DenseMap<Attribute, FlatSymbolRefAttr> kernels;
  llvm::StringMap<int> names;
  llvm::DenseMap<Value, ArgumentAttr> places;
  Block* kernelBlock = nullptr;
};

Attribute constantKey(kern::ConstantOp op) {
  return ArrayAttr::get(op.getContext(), {op->getAttrDictionary(), TypeAttr::get(op.getType())});
}

void Planner::placeWeights(func::FuncOp function) {
  function.walk([&](kern::ConstantOp op) {
    auto [it, fresh] = constants.try_emplace(constantKey(op));
    if (!fresh)
      return;
    int64_t segment = op.getLayout() == "literal" ? 0 : 1, bytes = constantBytes(op);
    it->second = {segment, segmentEnd[segment]};
    segmentEnd[segment] = roundUp(segmentEnd[segment] + bytes, kAlignment);
    std::string name =
        op.getLayout() == "literal"
            ? "literal." + std::to_string(constants.size())
            : cast<kern::SourceAttr>(op.getSources()[0]).getTensor().str() + "." + op.getLayout().str();
    TensorOp::create(builder, op.getLoc(), name, op.getLayout(), op.getShapeAttr(), op.getSourcesAttr(),
                     op.getValuesAttr(), cast<RankedTensorType>(op.getType()).getElementType(), segment,
                     it->second.offset, bytes, llvm::APFloat(randomScale(op)));
  });
}

ArgumentAttr Planner::argument(Value value) {
  int64_t columns = 0;
  Value base = sliceBase(value, columns);
  ArgumentAttr place = places.lookup(base);
  if (!columns)
    return place;
  int64_t bytes = columns * elementBytes(cast<RankedTensorType>(base.getType()).getElementType());
  return ArgumentAttr::get(builder.getContext(), place.getSpace(), place.getIndex(),
                           place.getOffset() + bytes);
}

// family__types__schedule; the target joins when code is generated for it.
std::string Planner::kernelName(kern::DispatchOp op) {
  auto param = [&](StringRef name) {
    auto value = dyn_cast_or_null<IntegerAttr>(op.getParams().get(name));
    return value ? value.getInt() : -1;
  };
  std::string skeleton = op.getSkeleton().str(), types = "f32";
  for (StringRef suffix : {"_bf16", "_f8"})
    if (StringRef(skeleton).ends_with(suffix)) {
      types = suffix.drop_front().str();
      skeleton.resize(skeleton.size() - suffix.size());
    }
  if (StringRef(skeleton).starts_with("mla"))
    types = "bf16";
  if (skeleton == "rows_quantize")
    types = "f8";
  std::string name = skeleton + "__" + types + "__";
  const char* separator = "";
  for (auto [key, letter] : {std::pair<StringRef, StringRef>{"n", "n"},
                             {"k", "k"},
                             {"cols", "c"},
                             {"heads", "h"},
                             {"experts", "e"},
                             {"vocab", "v"},
                             {"tile_m", "m"},
                             {"tile_n", "t"},
                             {"q_block", "q"}})
    if (int64_t value = param(key); value >= 0) {
      name += separator + letter.str() + std::to_string(value);
      separator = "_";
    }
  if (!*separator) // nothing of the above: rotation and cache
    for (auto [key, letter] : {std::pair<StringRef, StringRef>{"kv_lora", "l"}, {"rope", "r"}})
      if (int64_t value = param(key); value >= 0) {
        name += separator + letter.str() + std::to_string(value);
        separator = "_";
      }
  for (Attribute fusion : op.getFusions())
    name += "_" + llvm::join(llvm::split(cast<StringAttr>(fusion).getValue(), '-'), "_");
  int number = names[name]++;
  return number ? name + "_v" + std::to_string(number) : name;
}

FlatSymbolRefAttr Planner::kernelOf(kern::DispatchOp op) {
  MLIRContext* context = builder.getContext();
  int64_t fixedInputs = op.getFixed()[0], fixedOutputs = op.getFixed()[1], inputs = op.getInputs().size();
  // Buffers: fixed inputs, fixed outputs, what the holes read, what they store.
  SmallVector<Attribute> reads, writes;
  for (Attribute list : op.getHoleInputs()) {
    SmallVector<Attribute> accesses;
    for (int64_t index : cast<DenseI64ArrayAttr>(list).asArrayRef()) {
      int64_t unused = 0, buffer = index < fixedInputs ? index : index + fixedOutputs;
      Value operand = op.getInputs()[index];
      auto type = cast<RankedTensorType>(operand.getType());
      auto base = cast<RankedTensorType>(sliceBase(operand, unused).getType());
      bool vector = type.getRank() == 1;
      accesses.push_back(AccessAttr::get(context, buffer, type.getElementType(), vector ? "col" : "row_col",
                                         vector ? 0 : rowStride(base), 0));
    }
    reads.push_back(builder.getArrayAttr(accesses));
  }
  for (auto [i, output] : llvm::enumerate(op.getOutputs().drop_front(fixedOutputs))) {
    auto type = cast<RankedTensorType>(output.getType());
    writes.push_back(AccessAttr::get(context, inputs + fixedOutputs + i, type.getElementType(), "row_col",
                                     rowStride(type), 0));
  }
  std::string holes;
  for (Region& region : op.getHoles())
    holes += fingerprint(region);
  Attribute key =
      builder.getArrayAttr({op.getSkeletonAttr(), op.getParamsAttr(), builder.getArrayAttr(reads),
                            builder.getArrayAttr(writes), op.getFusionsAttr(), builder.getStringAttr(holes)});
  FlatSymbolRefAttr& known = kernels[key];
  if (known)
    return known;
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToEnd(kernelBlock);
  auto kernel = KernelOp::create(builder, op.getLoc(), kernelName(op), op.getSkeleton(), op.getParamsAttr(),
                                 builder.getArrayAttr(reads), builder.getArrayAttr(writes),
                                 op.getFusionsAttr(), op.getHoles().size());
  for (auto [to, from] : llvm::zip(kernel.getHoles(), op.getHoles())) {
    IRMapping mapping;
    from.cloneInto(&to, mapping);
  }
  return known = FlatSymbolRefAttr::get(kernel.getSymNameAttr());
}

void Planner::planEntry(func::FuncOp function) {
  MLIRContext* context = builder.getContext();
  auto limit = [&](StringRef name) {
    auto value = function->getAttrOfType<IntegerAttr>(name);
    return value ? value.getInt() : 1;
  };
  int64_t maxTokens = limit("r1.max_tokens"), maxLogitRows = limit("r1.max_logit_rows");
  places.clear();
  for (int64_t i = kIds, n = std::min<int64_t>(function.getNumArguments(), kArguments); i < n; ++i)
    places[function.getArgument(i)] = ArgumentAttr::get(context, "io", kIoSlotOf[i], 0);

  SmallVector<kern::DispatchOp> launches = llvm::to_vector(function.getOps<kern::DispatchOp>());
  Operation* results = function.getBody().front().getTerminator();
  Value logits = results->getOperand(kLogitsResult);
  Value chosen = results->getNumOperands() > kChosenResult ? results->getOperand(kChosenResult) : Value();

  // A launch joins the group of the one before it where it reads nothing that the group writes; a group runs at once, lifetimes count groups.
  llvm::DenseMap<Operation*, int64_t> group;
  SmallVector<bool> startsGroup;
  int64_t groups = -1;
  for (kern::DispatchOp op : launches) {
    bool waits = groups < 0;
    for (Value input : op.getInputs()) {
      int64_t unused = 0;
      Operation* producer = sliceBase(input, unused).getDefiningOp();
      waits |= producer && isa<kern::DispatchOp>(producer) && group.lookup(producer) == groups;
    }
    groups += waits;
    group[op] = groups;
    startsGroup.push_back(waits);
  }

  std::vector<Interval> intervals;
  SmallVector<Value> owners;
  for (kern::DispatchOp op : launches)
    for (Value output : op.getOutputs()) {
      auto type = dyn_cast<RankedTensorType>(output.getType());
      if (!type || output == logits || output == chosen)
        continue;
      int64_t last = group[op];
      SmallVector<Value> aliases = {output};
      while (!aliases.empty())
        for (Operation* user : aliases.pop_back_val().getUsers())
          if (auto slice = dyn_cast<kern::SliceOp>(user))
            aliases.push_back(slice.getResult());
          else if (isa<kern::DispatchOp>(user))
            last = std::max(last, group[user]);
      int64_t elements = 1, rows = op.getRowsDim() == 1 ? maxLogitRows : maxTokens;
      for (int64_t extent : type.getShape().drop_back())
        elements *= ShapedType::isDynamic(extent) ? rows : extent;
      elements *= type.isDynamicDim(type.getRank() - 1) ? rows : rowStride(type);
      intervals.push_back({elements * elementBytes(type.getElementType()), group[op], last});
      owners.push_back(output);
    }
  int64_t arena = placeIntervals(intervals, kAlignment);
  for (auto [interval, owner] : llvm::zip(intervals, owners))
    places[owner] = ArgumentAttr::get(context, "arena", 0, interval.offset);
  int64_t none = 0;
  places[sliceBase(logits, none)] = ArgumentAttr::get(context, "io", kLogitsSlot, 0);
  if (chosen)
    places[chosen] = ArgumentAttr::get(context, "io", kChosenSlot, 0);
  function.walk([&](kern::ConstantOp op) {
    Place place = constants.lookup(constantKey(op));
    places[op.getResult()] = ArgumentAttr::get(context, "segment", place.segment, place.offset);
  });

  auto entry =
      EntryOp::create(builder, function.getLoc(), function.getSymName(), maxTokens, maxLogitRows, arena);
  OpBuilder inner = OpBuilder::atBlockEnd(&entry.getBody().emplaceBlock());
  for (auto [op, starts] : llvm::zip(launches, startsGroup)) {
    SmallVector<Attribute> arguments;
    auto add = [&](Value value) {
      bool cache = isa<ir::CacheType>(value.getType());
      arguments.push_back(cache ? ArgumentAttr::get(context, "cache", *op.getLayer(), 0) : argument(value));
    };
    int64_t fixedInputs = op.getFixed()[0], fixedOutputs = op.getFixed()[1];
    for (Value v : op.getInputs().take_front(fixedInputs))
      add(v);
    for (Value v : op.getOutputs().take_front(fixedOutputs))
      add(v);
    for (Value v : op.getInputs().drop_front(fixedInputs))
      add(v);
    for (Value v : op.getOutputs().drop_front(fixedOutputs))
      add(v);
    auto name = dyn_cast<NameLoc>(op.getLoc());
    LaunchOp::create(inner, op.getLoc(), kernelOf(op), builder.getArrayAttr(arguments), op.getGridAttr(),
                     op.getRowsDimAttr(), builder.getBoolAttr(starts),
                     name ? name.getName() : builder.getStringAttr(op.getSkeleton()), op.getCostAttr(),
                     op.getMapsAttr());
  }
}

void Planner::run() {
  SmallVector<func::FuncOp> entries;
  for (auto function : llvm::make_early_inc_range(module.getOps<func::FuncOp>())) {
    if (function->hasAttr("r1.max_tokens"))
      entries.push_back(function);
    else
      function.erase(); // multi-token prediction is kept out of the main path
  }
  // Tensors, then kernels (collected aside), then entries.
  Block aside;
  kernelBlock = &aside;
  builder.setInsertionPointToEnd(module.getBody());
  for (func::FuncOp function : entries)
    placeWeights(function);
  Operation* mark = module.getBody()->empty() ? nullptr : &module.getBody()->back();
  for (func::FuncOp function : entries)
    planEntry(function);
  Block::iterator at = mark ? std::next(Block::iterator(mark)) : module.getBody()->begin();
  module.getBody()->getOperations().splice(at, aside.getOperations());
  for (func::FuncOp function : entries)
    function.erase();
  module->setAttr("plan.segment_bytes", builder.getDenseI64ArrayAttr({segmentEnd[0], segmentEnd[1]}));
}

struct PlanLaunches : impl::PlanLaunchesBase<PlanLaunches> {
  void runOnOperation() override { Planner(getOperation()).run(); }
};

} // namespace
} // namespace r1::plan
