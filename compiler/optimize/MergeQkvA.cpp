// Linear layers that read the same activation become one over stacked weights: one pass over x, one launch,
// and a wider matrix to spread over cores. Layers that feed silu_mul are left to gate-up-silu-mul, which
// interleaves them instead.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"
#include "mlir/Analysis/TopologicalSortUtils.h"
#include "mlir/IR/TypeUtilities.h"

namespace r1::optimize {
#define GEN_PASS_DEF_MERGEQKVA
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "merge-qkv-a";

struct MergeQkvA : impl::MergeQkvABase<MergeQkvA> {
  void runOnOperation() override {
    llvm::MapVector<Value, SmallVector<ir::LinearOp>> readers;
    getOperation().walk([&](ir::LinearOp op) {
      bool gated = llvm::any_of(op->getUsers(), llvm::IsaPred<ir::SiluMulOp>);
      if (!gated)
        readers[op.getX()].push_back(op);
    });
    for (auto& [x, linears] : readers)
      if (linears.size() > 1 && mayMerge(linears))
        merge(linears);
  }

  static bool mayMerge(ArrayRef<ir::LinearOp> linears) {
    auto type = [](ir::LinearOp op) { return cast<RankedTensorType>(op.getWeight().getType()); };
    for (ir::LinearOp op : linears)
      if (type(op).getElementType() != type(linears[0]).getElementType() ||
          getElementTypeOrSelf(op.getType()) != getElementTypeOrSelf(ir::LinearOp(linears[0]).getType())) {
        missed(op, kName, "the weights or the results have different element types");
        return false;
      }
    ir::LinearOp first = linears[0];
    int64_t granule = first.getScale() ? 128 : 16;
    for (ir::LinearOp op : linears.drop_back())
      if (type(op).getDimSize(0) % granule) {
        missed(op, kName,
               Twine(type(op).getDimSize(0)) + " rows are not a multiple of " + Twine(granule) +
                   (op.getScale() ? ", the height of a scale block" : ", the height of a packed block"));
        return false;
      }
    return true;
  }

  // %a = r1.linear %x, %w0 ; %b = r1.linear %x, %w1
  // -->
  // %w = r1.concat_rows %w0, %w1 ; %y = r1.linear %x, %w ; %a = r1.slice %y[0] ; %b = r1.slice %y[rows of w0]
  static void merge(ArrayRef<ir::LinearOp> linears) {
    SmallVector<Value> weights, scales;
    for (ir::LinearOp op : linears) {
      weights.push_back(op.getWeight());
      if (op.getScale())
        scales.push_back(op.getScale());
    }
    ir::LinearOp first = linears.front();
    OpBuilder builder(linears.back());
    Location loc = first.getLoc();
    auto stack = [&](ArrayRef<Value> parts) -> Value {
      auto type = cast<RankedTensorType>(parts[0].getType());
      int64_t rows = 0;
      for (Value part : parts)
        rows += cast<RankedTensorType>(part.getType()).getDimSize(0);
      auto stacked = RankedTensorType::get({rows, type.getDimSize(1)}, type.getElementType());
      return ir::ConcatRowsOp::create(builder, loc, stacked, parts);
    };
    Value weight = stack(weights), scale = scales.empty() ? Value() : stack(scales);
    auto resultType = cast<RankedTensorType>(first.getType());
    int64_t rows = cast<RankedTensorType>(weight.getType()).getDimSize(0);
    Value merged = ir::LinearOp::create(
        builder, loc, RankedTensorType::get({resultType.getDimSize(0), rows}, resultType.getElementType()),
        first.getX(), weight, scale, first.getXScale());
    passed(first, kName,
           Twine(linears.size()) + " linear layers over the same input are one of " + Twine(rows) + " rows");
    int64_t offset = 0;
    for (ir::LinearOp op : linears) {
      Value slice = ir::SliceOp::create(builder, op.getLoc(), op.getType(), merged, offset);
      offset += cast<RankedTensorType>(op.getType()).getShape().back();
      op.replaceAllUsesWith(slice);
    }
    Block* block = first->getBlock();
    for (ir::LinearOp op : linears)
      op.erase();
    sortTopologically(block);
  }
};

} // namespace
} // namespace r1::optimize
