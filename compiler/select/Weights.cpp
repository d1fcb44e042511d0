#include "compiler/select/Weights.h"

#include "kernels/registry/layout.h"
#include "mlir/IR/BuiltinTypes.h"

using namespace mlir;

namespace r1::select {
namespace {

struct Block {
  std::string tensor, scale;
  int64_t rows;
};

RankedTensorType typeOf(Value v) { return cast<RankedTensorType>(v.getType()); }

/// The checkpoint tensors, from top to bottom, that make up a [rows, cols] weight.
void collect(Value weight, Value scale, SmallVectorImpl<Block>& blocks) {
  if (auto concat = weight.getDefiningOp<ir::ConcatRowsOp>()) {
    auto scales = scale ? scale.getDefiningOp<ir::ConcatRowsOp>() : ir::ConcatRowsOp();
    for (auto [i, part] : llvm::enumerate(concat.getParts()))
      collect(part, scales ? scales.getParts()[i] : Value(), blocks);
    return;
  }
  auto op = weight.getDefiningOp<ir::WeightOp>();
  blocks.push_back({op.getName().str(), scale ? scale.getDefiningOp<ir::WeightOp>().getName().str() : "",
                    typeOf(weight).getDimSize(0)});
}

Value constant(OpBuilder& builder, Location loc, StringRef layout, ArrayRef<int64_t> shape,
               ArrayRef<Attribute> sources, RankedTensorType type) {
  return kern::ConstantOp::create(builder, loc, type, builder.getStringAttr(layout),
                                  builder.getDenseI64ArrayAttr(shape), builder.getArrayAttr(sources),
                                  DenseF32ArrayAttr());
}

RankedTensorType bytesType(OpBuilder& builder, int64_t bytes) {
  return RankedTensorType::get({bytes}, builder.getI8Type());
}

struct MatrixLayout {
  StringRef weight, scales;
  int64_t (*bytes)(const kernels::PackShape&);
};

MatrixLayout matrixLayout(Machine machine, bool f8) {
  if (machine == Machine::Cuda)
    return f8 ? MatrixLayout{"rowmajor_f8", "rowscales", kernels::rowmajor_f8_bytes}
              : MatrixLayout{"rowmajor", "", kernels::rowmajor_bytes};
  return f8 ? MatrixLayout{"vnni16_f8", "scales", kernels::vnni16_f8_bytes}
            : MatrixLayout{"vnni16", "", kernels::vnni16_bytes};
}

/// Packs the same sources as the machine's skeletons read matrices and, where `f8`, their scales.
PackedWeight packed(OpBuilder& builder, Location loc, Machine machine, kernels::PackShape shape,
                    ArrayRef<Attribute> sources, bool f8) {
  SmallVector<int64_t> extents = {shape.batch, shape.n, shape.k, shape.accumulators};
  PackedWeight result;
  result.f8 = f8;
  MatrixLayout layout = matrixLayout(machine, f8);
  int64_t bytes = layout.bytes(shape);
  result.weight = constant(builder, loc, layout.weight, extents, sources, bytesType(builder, bytes));
  result.bytes = bytes;
  if (f8) {
    int64_t scaleBytes = kernels::scales_bytes(shape);
    result.scales = constant(builder, loc, layout.scales, extents, sources, bytesType(builder, scaleBytes));
    result.bytes += scaleBytes;
  }
  return result;
}

bool isF8(Value weight) { return isa<Float8E4M3FNType>(typeOf(weight).getElementType()); }

} // namespace

PackedWeight packMatrix(OpBuilder& builder, Location loc, Machine machine, ArrayRef<WeightRef> parts) {
  MLIRContext* context = builder.getContext();
  auto type = typeOf(parts[0].weight);
  int64_t n = type.getShape()[type.getRank() - 2], k = type.getShape().back();
  int64_t batch = type.getRank() == 3 ? type.getDimSize(0) : 1;
  SmallVector<Attribute> sources;
  for (auto [a, part] : llvm::enumerate(parts)) {
    if (auto experts = part.weight.getDefiningOp<ir::ExpertWeightOp>()) {
      auto scales = part.scale ? part.scale.getDefiningOp<ir::ExpertWeightOp>() : ir::ExpertWeightOp();
      for (int64_t e = 0; e < batch; ++e) {
        std::string number = std::to_string(e);
        std::string tensor = (experts.getPrefix() + number + experts.getSuffix()).str();
        std::string scale = scales ? (scales.getPrefix() + number + scales.getSuffix()).str() : "";
        sources.push_back(kern::SourceAttr::get(context, tensor, scale, 0, n, 0, k, false, e, a, 0));
      }
      continue;
    }
    SmallVector<Block> blocks;
    collect(part.weight, part.scale, blocks);
    int64_t row = 0;
    for (const Block& block : blocks) {
      sources.push_back(
          kern::SourceAttr::get(context, block.tensor, block.scale, 0, block.rows, 0, k, false, 0, a, row));
      row += block.rows;
    }
  }
  kernels::PackShape shape{batch, n, k, static_cast<int64_t>(parts.size())};
  return packed(builder, loc, machine, shape, sources, isF8(parts[0].weight));
}

PackedWeight packHeads(OpBuilder& builder, Location loc, Machine machine, WeightRef kvB, int64_t heads,
                       int64_t rowsPerHead, int64_t begin, int64_t count, bool transposed) {
  SmallVector<Block> blocks;
  collect(kvB.weight, kvB.scale, blocks);
  int64_t kvLora = typeOf(kvB.weight).getDimSize(1);
  SmallVector<Attribute> sources;
  for (int64_t h = 0; h < heads; ++h) {
    int64_t row = h * rowsPerHead + begin;
    sources.push_back(kern::SourceAttr::get(builder.getContext(), blocks[0].tensor, blocks[0].scale, row,
                                            row + count, 0, kvLora, transposed, h, 0, 0));
  }
  kernels::PackShape shape{heads, transposed ? kvLora : count, transposed ? count : kvLora, 1};
  // A head's rows need not begin at a scale block, so per-head matrices are bf16, dequantised once; R1's own absorbed code does the same.
  return packed(builder, loc, machine, shape, sources, /*f8=*/false);
}

Value packVector(OpBuilder& builder, Location loc, Value weight) {
  if (!weight)
    return {};
  auto type = typeOf(weight);
  auto op = weight.getDefiningOp<ir::WeightOp>();
  int64_t n = type.getNumElements();
  auto source = kern::SourceAttr::get(builder.getContext(), op.getName(), "", 0, 1, 0, n, false, 0, 0, 0);
  return constant(builder, loc, "vector", {1, 1, n, 1}, {source},
                  RankedTensorType::get({n}, builder.getF32Type()));
}

Value packTable(OpBuilder& builder, Location loc, Value weight) {
  auto type = typeOf(weight);
  auto op = weight.getDefiningOp<ir::WeightOp>();
  Type element = type.getElementType().isF32() ? builder.getF32Type() : Type(builder.getBF16Type());
  int64_t rows = type.getDimSize(0), cols = type.getDimSize(1);
  auto source =
      kern::SourceAttr::get(builder.getContext(), op.getName(), "", 0, rows, 0, cols, false, 0, 0, 0);
  return constant(builder, loc, "rows", {1, rows, cols, 1}, {source},
                  RankedTensorType::get({rows, cols}, element));
}

Value packLiteral(OpBuilder& builder, Location loc, ArrayRef<float> values) {
  int64_t n = values.size();
  return kern::ConstantOp::create(builder, loc, RankedTensorType::get({n}, builder.getF32Type()),
                                  builder.getStringAttr("literal"),
                                  builder.getDenseI64ArrayAttr({1, 1, n, 1}), builder.getArrayAttr({}),
                                  builder.getDenseF32ArrayAttr(values));
}

} // namespace r1::select
