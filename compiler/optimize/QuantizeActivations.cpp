// Where a linear layer's weight is e4m3, its input may be too: tensor cores then multiply e4m3 by e4m3 at twice the
// rate of bf16, and x is half the bytes. It costs a launch for each input that is quantised and 4 of 8 bits of
// mantissa, which is what R1 was trained with (DeepSeek-V3, arXiv 2412.19437, 3.3.2). It is off by default because
// it changes the numbers; switched off it says what there was to gain.
//
// The one place that decides. Selection takes an input as it finds it, and interpretation shows what it costs.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"
#include "llvm/ADT/MapVector.h"

namespace r1::optimize {
#define GEN_PASS_DEF_QUANTIZEACTIVATIONS
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "quantize-activations";

RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The most rows that `x` has in a step; no limit where the function has none.
int64_t mostRows(func::FuncOp function, Value x) {
  StringRef limit = "r1.max_tokens";
  for (Operation* op = x.getDefiningOp(); op && op->getNumOperands(); op = op->getOperand(0).getDefiningOp())
    if (isa<ir::GatherRowsOp>(op))
      limit = "r1.max_logit_rows";
  auto rows = function->getAttrOfType<IntegerAttr>(limit);
  return rows ? rows.getInt() : std::numeric_limits<int32_t>::max();
}

struct QuantizeActivations : impl::QuantizeActivationsBase<QuantizeActivations> {
  using QuantizeActivationsBase::QuantizeActivationsBase;

  void runOnOperation() override {
    sites.clear();
    layers = 0;
    SmallVector<Operation*> found;
    getOperation().walk([&](Operation* op) {
      if (isa<ir::LinearOp, ir::ExpertLinearOp>(op))
        found.push_back(op);
    });
    auto first = llvm::find_if(found, hasE4m3Weight);
    if (std::string reason = obstacle(); !reason.empty()) {
      if (first != found.end())
        say(*first, reason);
      return;
    }
    for (Operation* op : found)
      if (auto linear = dyn_cast<ir::LinearOp>(op))
        consider(linear, mostRows(getOperation(), linear.getX()));
      else
        consider(cast<ir::ExpertLinearOp>(op));
    if (decline && !sites.empty())
      missed(sites.front().second.front(), kName,
             "kept bf16: " + Twine(layers) + " linear layers have e4m3 weights; quantising their " +
                 Twine(sites.size()) + " inputs " + gain() +
                 ", and costs a launch for each and logits some percent off; --fusions=+" + kName);
    if (!decline)
      for (auto& [x, readers] : sites)
        quantize(x, readers);
  }

private:
  void say(Operation* at, const Twine& reason) {
    if (!decline)
      missed(at, kName, reason);
  }

  StringRef gain() {
    // sm_100's own instructions for e4m3 are not used yet, and its mma.sync widens to f16.
    return scheduleChipOf(getOperation()) == 100
               ? "halves the bytes of x"
               : "doubles the rate of tensor cores and halves the bytes of x";
  }

  /// What keeps the whole function from it.
  std::string obstacle() {
    func::FuncOp function = getOperation();
    if (machineOf(function) != Machine::Cuda)
      return "a CPU's kernels widen e4m3 weights to bf16, which x is already";
    if (int chip = scheduleChipOf(function); !multipliesE4m3(chip))
      return "tensor cores before sm_89 do not multiply e4m3; schedules are those of sm_" +
             std::to_string(chip);
    if (StringRef kind = entryKind(function); kind == "decode" || kind == "mtp")
      return "few rows are bound by the weights' bytes, which stay; and a token's numbers must not depend on "
             "how "
             "many sequences are decoded with it";
    return "";
  }

  static bool hasE4m3Weight(Operation* op) {
    if (auto linear = dyn_cast<ir::LinearOp>(op))
      return static_cast<bool>(linear.getScale());
    return static_cast<bool>(cast<ir::ExpertLinearOp>(op).getScale());
  }

  void consider(ir::ExpertLinearOp op) {
    int64_t pairs = mostRows(getOperation(), op.getX()) * typeOf(op.getIds()).getDimSize(1);
    int64_t experts = typeOf(op.getWeight()).getDimSize(0);
    consider(op, (pairs + experts - 1) / experts);
  }

  /// `rows`: the most that the layer (each expert, on average) multiplies.
  template <typename LinearT> void consider(LinearT op, int64_t rows) {
    if (op.getXScale())
      return;
    if (!op.getScale()) {
      say(op, "the weight is " + nameOfElement(op.getWeight()) +
                  ", not e4m3 with a scale for each 128x128 block");
      return;
    }
    if (!typeOf(op.getX()).getElementType().isBF16()) {
      say(op, "x is not rounded to bf16 yet");
      return;
    }
    if (rows <= kStreamRows) {
      say(op, "at most " + Twine(rows) + " rows" +
                  (isa<ir::ExpertLinearOp>(op) ? " an expert on average" : "") +
                  ": the weights' bytes bound it; from " + Twine(kStreamRows + 1) + " on it is worth it");
      return;
    }
    sites[op.getX()].push_back(op);
    ++layers;
  }

  std::string nameOfElement(Value weight) {
    std::string text;
    llvm::raw_string_ostream(text) << typeOf(weight).getElementType();
    return text;
  }

  // %y = r1.linear %x, %w scale %s
  // -->
  // %q, %t = r1.quantize_rows %x ; %y = r1.linear %q, %w scale %s x_scale %t
  void quantize(Value x, ArrayRef<Operation*> readers) {
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfterValue(x);
    RankedTensorType type = typeOf(x);
    SmallVector<int64_t> pieces(type.getShape());
    pieces.back() = (pieces.back() + 127) / 128;
    auto quantized = ir::QuantizeRowsOp::create(
        builder, readers.front()->getLoc(), type.clone(Float8E4M3FNType::get(&getContext())),
        RankedTensorType::get(pieces, builder.getF32Type()), x, ue8m0());
    for (Operation* reader : readers)
      if (auto linear = dyn_cast<ir::LinearOp>(reader))
        assign(linear, quantized);
      else
        assign(cast<ir::ExpertLinearOp>(reader), quantized);
    passed(readers.front(), kName,
           "x is quantised once for " + Twine(readers.size()) +
               " linear layers, a scale for each 128 columns");
  }

  template <typename LinearT> static void assign(LinearT op, ir::QuantizeRowsOp quantized) {
    op.getXMutable().set(quantized.getY());
    op.getXScaleMutable().assign(quantized.getScale());
  }

  bool ue8m0() {
    auto module = getOperation()->getParentOfType<ModuleOp>();
    return module && module->hasAttr(ir::kUe8m0Attr);
  }

  llvm::MapVector<Value, SmallVector<Operation*>> sites; // inputs, and the layers that read each
  int64_t layers = 0;
};

} // namespace
} // namespace r1::optimize
