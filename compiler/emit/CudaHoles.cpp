#include "compiler/emit/CudaHoles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Format.h"

namespace r1 {
namespace {

using namespace mlir;

// Functions of primitives/cuda/math.h, by the operation they compute.
const llvm::StringMap<llvm::StringRef>& functions() {
  static const llvm::StringMap<llvm::StringRef> map = {
      {"math.exp", "exp"},   {"math.exp2", "exp2"}, {"math.log", "log"},      {"math.rsqrt", "rsqrt"},
      {"math.sqrt", "sqrt"}, {"math.tanh", "tanh"}, {"math.absf", "abs"},     {"math.sin", "sin"},
      {"math.cos", "cos"},   {"math.fma", "fma"},   {"arith.maxnumf", "max"}, {"arith.minnumf", "min"},
  };
  return map;
}

const llvm::StringMap<llvm::StringRef>& infix() {
  static const llvm::StringMap<llvm::StringRef> map = {
      {"arith.addf", "+"}, {"arith.subf", "-"}, {"arith.mulf", "*"}, {"arith.divf", "/"}};
  return map;
}

// A float that reads back as the same bits, as a person would write it.
std::string literal(float value) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (!std::isfinite(value))
    return std::isnan(value) ? "r1::cuda::nan()"
           : value > 0       ? "r1::cuda::infinity()"
                             : "-r1::cuda::infinity()";
  stream << llvm::format("%.9g", value);
  if (!llvm::StringRef(text).contains_insensitive(".") && !llvm::StringRef(text).contains('e'))
    text += ".0";
  return text + "f";
}

class Printer {
public:
  Printer(const KernelSource& kernel, llvm::raw_ostream& out) : kernel(kernel), out(out) {}

  llvm::Error print(const HoleSource& hole, const kernels::HoleSpec& spec) {
    int leading = spec.leading == kernels::kLeadingAccumulators
                      ? static_cast<int>(kernel.param("accumulators"))
                      : spec.leading;
    Block& body = hole.body->front();
    if (body.getNumArguments() != leading + hole.operands.size() ||
        body.getTerminator()->getNumOperands() != hole.results.size() + spec.writes_back)
      return fail(spec, "its body does not fit the skeleton; this is a defect of r1c");
    out << "  template <int V>\n  R1_DEVICE static void " << spec.name
        << "(const r1::cuda::Arguments& a, int row, int col, int count, float (&values)[" << leading
        << "][V]) {\n";
    for (auto [i, operand] : llvm::enumerate(hole.operands))
      load(operand, i);
    for (size_t i = 0; i < hole.results.size(); ++i)
      out << "    float y" << i << "[V];\n";
    out << "    R1_UNROLL\n    for (int i = 0; i < V; ++i) {\n";
    llvm::DenseMap<Value, std::string> names;
    for (int i = 0; i < leading; ++i)
      names[body.getArgument(i)] = "values[" + std::to_string(i) + "][i]";
    for (auto [i, operand] : llvm::enumerate(hole.operands))
      names[body.getArgument(leading + i)] =
          "x" + std::to_string(i) + (operand.access == Access::Row ? "" : "[i]");
    int next = 0;
    for (Operation& op : body.without_terminator()) {
      std::string text;
      if (llvm::Error error = expression(op, spec, names, text))
        return error;
      if (op.hasTrait<OpTrait::ConstantLike>()) {
        names[op.getResult(0)] = text;
        continue;
      }
      std::string name = "t" + std::to_string(next++);
      out << "      const "
          << (op.getResult(0).getType().isBF16()  ? "r1::cuda::bf16 "
              : op.getResult(0).getType().isF32() ? "float "
                                                  : "bool ")
          << name << " = " << text << ";\n";
      names[op.getResult(0)] = name;
    }
    unsigned yielded = 0;
    auto name = [&](Value value, std::string& text) -> llvm::Error {
      if (auto it = names.find(value); it != names.end()) {
        text = it->second;
        return llvm::Error::success();
      }
      Operation* source = value.getDefiningOp(); // a constant that canonicalisation hoisted
      if (!source || !source->hasTrait<OpTrait::ConstantLike>())
        return fail(spec, "it uses a value from outside its body");
      return expression(*source, spec, names, text);
    };
    // What is written back comes last: results may be what the skeleton handed in.
    std::string back, text;
    if (spec.writes_back)
      if (llvm::Error error = name(body.getTerminator()->getOperand(yielded++), back))
        return error;
    for (size_t i = 0; i < hole.results.size(); ++i) {
      if (llvm::Error error = name(body.getTerminator()->getOperand(yielded++), text))
        return error;
      out << "      y" << i << "[i] = " << text << ";\n";
    }
    if (spec.writes_back)
      out << "      values[0][i] = " << back << ";\n";
    out << "    }\n";
    for (auto [i, result] : llvm::enumerate(hole.results)) {
      out << "    r1::cuda::store_lanes("
          << pointer(result.buffer, result.elementType, true, result.rowStride, result.colOffset, true, "out")
          << ", count, y" << i << ");\n";
    }
    out << "  }\n";
    return llvm::Error::success();
  }

private:
  llvm::Error fail(const kernels::HoleSpec& spec, const llvm::Twine& message) {
    return llvm::createStringError("kernel " + kernel.name + ", hole '" +
                                   llvm::Twine(llvm::StringRef(spec.name.data(), spec.name.size())) +
                                   "': " + message);
  }

  std::string pointer(unsigned buffer, Type type, bool useRow, int64_t rowStride, int64_t offset, bool useCol,
                      llvm::StringRef access) {
    std::string text = ("a." + access + "<" + (type.isBF16() ? "r1::cuda::bf16" : "float") + ">(" +
                        llvm::Twine(buffer) + ")")
                           .str();
    if (useRow)
      text += " + row * " + std::to_string(rowStride) + "ll";
    if (offset)
      text += " + " + std::to_string(offset);
    if (useCol)
      text += " + col";
    return text;
  }

  void load(const HoleOperand& operand, size_t i) {
    bool row = operand.access == Access::Row;
    std::string from = pointer(operand.buffer, operand.elementType, operand.access != Access::Col,
                               operand.rowStride, operand.colOffset, !row, "in");
    if (row)
      out << "    const float x" << i << " = r1::cuda::to_float(*(" << from << "));\n";
    else
      out << "    float x" << i << "[V];\n    r1::cuda::load_lanes(" << from << ", count, x" << i << ");\n";
  }

  llvm::Error expression(Operation& op, const kernels::HoleSpec& spec,
                         const llvm::DenseMap<Value, std::string>& names, std::string& text) {
    SmallVector<std::string> operands;
    for (Value operand : op.getOperands()) {
      std::string name = names.lookup(operand);
      if (name.empty()) {
        Operation* source = operand.getDefiningOp(); // a constant that canonicalisation hoisted
        if (!source || !source->hasTrait<OpTrait::ConstantLike>())
          return fail(spec, "it uses a value from outside its body");
        if (llvm::Error error = expression(*source, spec, names, name))
          return error;
      }
      operands.push_back(name);
    }
    llvm::StringRef kind = op.getName().getStringRef();
    if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
      if (auto number = dyn_cast<FloatAttr>(constant.getValue()); number && number.getType().isF32()) {
        text = literal(number.getValue().convertToFloat());
        return llvm::Error::success();
      }
    } else if (auto it = infix().find(kind); it != infix().end()) {
      text = operands[0] + " " + it->second.str() + " " + operands[1];
      return llvm::Error::success();
    } else if (auto function = functions().find(kind); function != functions().end()) {
      text = "r1::cuda::math::" + function->second.str() + "(" + llvm::join(operands, ", ") + ")";
      return llvm::Error::success();
    } else if (isa<arith::NegFOp>(op)) {
      text = "-(" + operands[0] + ")"; // "--1.0f" would be something else
      return llvm::Error::success();
    } else if (isa<arith::SelectOp>(op)) {
      text = operands[0] + " ? " + operands[1] + " : " + operands[2];
      return llvm::Error::success();
    } else if (auto compare = dyn_cast<arith::CmpFOp>(op)) {
      const char* sign =
          llvm::StringSwitch<const char*>(arith::stringifyCmpFPredicate(compare.getPredicate()))
              .Case("olt", "<")
              .Case("ole", "<=")
              .Case("ogt", ">")
              .Case("oge", ">=")
              .Case("oeq", "==")
              .Case("une", "!=")
              .Default(nullptr);
      if (sign) {
        text = operands[0] + " " + sign + " " + operands[1];
        return llvm::Error::success();
      }
    } else if (isa<arith::TruncFOp>(op) && op.getResult(0).getType().isBF16()) {
      text = "r1::cuda::to_bf16(" + operands[0] + ")";
      return llvm::Error::success();
    } else if (isa<arith::ExtFOp>(op) && op.getOperand(0).getType().isBF16()) {
      text = "r1::cuda::to_float(" + operands[0] + ")";
      return llvm::Error::success();
    }
    return fail(spec, "operation '" + kind + "' has no CUDA form");
  }

  const KernelSource& kernel;
  llvm::raw_ostream& out;
};

} // namespace

llvm::Error printCudaHoles(const KernelSource& kernel, llvm::raw_ostream& out) {
  out << "struct Holes {\n";
  Printer printer(kernel, out);
  for (auto [hole, spec] : llvm::zip(kernel.holes, kernel.skeleton->holes))
    if (hole.used())
      if (llvm::Error error = printer.print(hole, spec))
        return error;
  out << "};\n";
  return llvm::Error::success();
}

} // namespace r1
