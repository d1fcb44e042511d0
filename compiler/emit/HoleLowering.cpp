#include "compiler/emit/HoleLowering.h"
#include "kernels/registry/cpu_abi.h"
#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/LLVMCommon/ConversionTarget.h"
#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/Conversion/MathToLLVM/MathToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Math/Transforms/Passes.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "mlir/Transforms/DialectConversion.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/Bitcode/BitcodeWriter.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/raw_ostream.h"

namespace r1 {
namespace {

using namespace mlir;
using kernels::kLanes;

// Functions with a polynomial (exp, log, ...) or with an instruction (sqrt, floor, ...) of their own. Any
// other would end as a call into a mathematical library, which an image does not have.
constexpr llvm::StringLiteral kPolynomials[] = {"math.erf",   "math.exp",  "math.expm1", "math.log",
                                                "math.log1p", "math.log2", "math.tanh"};
constexpr llvm::StringLiteral kInstructions[] = {"math.absf",  "math.ceil", "math.copysign",
                                                 "math.floor", "math.fma",  "math.roundeven",
                                                 "math.rsqrt", "math.sqrt", "math.trunc"};

bool isScalar(Type type) { return type.isF32() || type.isBF16() || type.isSignlessInteger(); }

class HoleBuilder {
public:
  HoleBuilder(ModuleOp module, std::string where)
      : b(module.getBodyRegion()), loc(b.getUnknownLoc()), where(std::move(where)),
        pointer(LLVM::LLVMPointerType::get(b.getContext())) {
    b.setInsertionPointToEnd(module.getBody());
  }

  // `spec.leading` is resolved: a number of values.
  llvm::Error build(const HoleSource& source, const kernels::HoleSpec& spec, llvm::StringRef symbol) {
    if (llvm::Error error = check(source, spec))
      return error;
    Type i64 = b.getI64Type();
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()),
                                            {pointer, i64, i64, i64, pointer});
    auto function = LLVM::LLVMFuncOp::create(b, loc, symbol, type);
    Block* entry = function.addEntryBlock(b);
    b.setInsertionPointToStart(entry);
    buffers = entry->getArgument(0), row = entry->getArgument(1), col = entry->getArgument(2);
    mask = laneMask(entry->getArgument(3));
    Value values = entry->getArgument(4);

    Block& body = source.body->front();
    IRMapping map;
    for (int i = 0; i < spec.leading; ++i)
      map.map(body.getArgument(i), loadVector(gep(b.getF32Type(), values, i * kLanes)));
    for (auto [i, operand] : llvm::enumerate(source.operands))
      map.map(body.getArgument(spec.leading + i), load(operand));
    for (Operation& op : body.without_terminator())
      if (llvm::Error error = widen(op, map))
        return error;

    unsigned next = 0;
    Operation* yield = body.getTerminator();
    for (Value yielded : yield->getOperands())
      if (!map.contains(yielded))
        if (llvm::Error error = capture(yielded, yield, map))
          return error;
    if (spec.writes_back)
      storeVector(map.lookup(yield->getOperand(next++)), values);
    for (const HoleResult& result : source.results)
      store(map.lookup(yield->getOperand(next++)), result);
    LLVM::ReturnOp::create(b, loc, ValueRange());
    return llvm::Error::success();
  }

private:
  llvm::Error fail(const llvm::Twine& message) { return llvm::createStringError(where + ": " + message); }

  llvm::Error check(const HoleSource& source, const kernels::HoleSpec& spec) {
    if (!llvm::hasSingleElement(*source.body))
      return fail("the body has " + llvm::Twine(source.body->getBlocks().size()) + " blocks, expected one");
    Block& body = source.body->front();
    size_t arguments = spec.leading + source.operands.size(),
           yields = source.results.size() + spec.writes_back;
    if (body.getNumArguments() != arguments)
      return fail("the body takes " + llvm::Twine(body.getNumArguments()) + " values, expected " +
                  llvm::Twine(arguments) + " (" + llvm::Twine(spec.leading) +
                  " from the skeleton, then the operands)");
    if (body.empty() || !body.back().hasTrait<OpTrait::IsTerminator>())
      return fail("the body has no terminator");
    if (body.getTerminator()->getNumOperands() != yields)
      return fail("the body yields " + llvm::Twine(body.getTerminator()->getNumOperands()) +
                  " values, expected " + llvm::Twine(yields));
    auto isFloat = [](Value v) { return v.getType().isF32(); };
    if (!llvm::all_of(body.getArguments(), isFloat) ||
        !llvm::all_of(body.getTerminator()->getOperands(), isFloat))
      return fail("arguments and yields must be f32");
    auto isElement = [](const auto& x) {
      return x.elementType && (x.elementType.isF32() || x.elementType.isBF16());
    };
    if (!llvm::all_of(source.operands, isElement) || !llvm::all_of(source.results, isElement))
      return fail("buffers of holes must hold f32 or bf16");
    return llvm::Error::success();
  }

  VectorType vectorOf(Type element) { return VectorType::get({kLanes}, element); }

  // Bit i: i < count. All ones, and then gone, wherever inlining makes count the constant 16.
  Value laneMask(Value count) {
    SmallVector<int32_t> lanes = llvm::to_vector(llvm::seq<int32_t>(0, kLanes));
    Value index = arith::ConstantOp::create(b, loc, b.getI32VectorAttr(lanes));
    Value narrow = arith::TruncIOp::create(b, loc, b.getI32Type(), count);
    Value limit = vector::BroadcastOp::create(b, loc, vectorOf(b.getI32Type()), narrow);
    return arith::CmpIOp::create(b, loc, arith::CmpIPredicate::slt, index, limit);
  }

  Value gep(Type element, Value base, LLVM::GEPArg index) {
    return LLVM::GEPOp::create(b, loc, pointer, element, base, ArrayRef<LLVM::GEPArg>(index));
  }

  Value constant(int64_t value) { return arith::ConstantOp::create(b, loc, b.getI64IntegerAttr(value)); }

  Value address(unsigned buffer, Type element, bool useRow, int64_t rowStride, int64_t colOffset,
                bool useCol) {
    // The table of buffers does not change while a kernel runs, so its entries may be kept in registers
    // across stores.
    Value base = LLVM::LoadOp::create(b, loc, pointer, gep(pointer, buffers, static_cast<int32_t>(buffer)),
                                      /*alignment=*/8, /*isVolatile=*/false, /*isNonTemporal=*/false,
                                      /*isInvariant=*/true);
    Value index = constant(colOffset);
    if (useRow)
      index = arith::AddIOp::create(b, loc, index, arith::MulIOp::create(b, loc, row, constant(rowStride)));
    if (useCol)
      index = arith::AddIOp::create(b, loc, index, col);
    return gep(storage(element), base, index);
  }

  // bf16 travels as its 16 bits: x86 without AVX512-BF16 has no registers for the type itself.
  Type storage(Type element) { return element.isBF16() ? Type(b.getI16Type()) : element; }

  Value loadVector(Value from) {
    return LLVM::LoadOp::create(b, loc, vectorOf(b.getF32Type()), from, /*alignment=*/4);
  }
  void storeVector(Value value, Value to) { LLVM::StoreOp::create(b, loc, value, to, /*alignment=*/4); }

  Value load(const HoleOperand& operand) {
    Type element = operand.elementType, bits = storage(element);
    unsigned bytes = element.getIntOrFloatBitWidth() / 8;
    Value from = address(operand.buffer, element, operand.access != Access::Col, operand.rowStride,
                         operand.colOffset, operand.access != Access::Row);
    Value loaded;
    if (operand.access == Access::Row) {
      loaded = LLVM::LoadOp::create(b, loc, bits, from, bytes);
      loaded = vector::BroadcastOp::create(b, loc, vectorOf(bits), loaded);
    } else {
      Value zero = arith::ConstantOp::create(b, loc, b.getZeroAttr(vectorOf(bits)));
      loaded = LLVM::MaskedLoadOp::create(b, loc, vectorOf(bits), from, mask, zero,
                                          b.getI32IntegerAttr(bytes), UnitAttr());
    }
    if (!element.isBF16())
      return loaded;
    loaded = arith::BitcastOp::create(b, loc, vectorOf(element), loaded);
    return arith::ExtFOp::create(b, loc, vectorOf(b.getF32Type()), loaded);
  }

  void store(Value value, const HoleResult& result) {
    Type element = result.elementType;
    Value to = address(result.buffer, element, true, result.rowStride, result.colOffset, true);
    if (element.isBF16()) {
      value = arith::TruncFOp::create(b, loc, vectorOf(element), value);
      value = arith::BitcastOp::create(b, loc, vectorOf(b.getI16Type()), value);
    }
    LLVM::MaskedStoreOp::create(b, loc, value, to, mask,
                                b.getI32IntegerAttr(element.getIntOrFloatBitWidth() / 8));
  }

  llvm::Error splat(Operation& constant, IRMapping& map) {
    TypedAttr scalar;
    if (auto op = dyn_cast<arith::ConstantOp>(constant))
      scalar = op.getValue();
    if (!scalar || !isScalar(scalar.getType()))
      return fail("unsupported constant '" + constant.getName().getStringRef() + "'");
    auto vector = DenseElementsAttr::get(vectorOf(scalar.getType()), ArrayRef<Attribute>(scalar));
    map.map(constant.getResult(0), arith::ConstantOp::create(b, loc, vector).getResult());
    return llvm::Error::success();
  }

  // Canonicalisation may hoist a constant out of the body.
  llvm::Error capture(Value value, Operation* user, IRMapping& map) {
    Operation* source = value.getDefiningOp();
    if (!source || !source->hasTrait<OpTrait::ConstantLike>())
      return fail("'" + user->getName().getStringRef() + "' uses a value from outside the body");
    return splat(*source, map);
  }

  // The same operation on 16 lanes.
  llvm::Error widen(Operation& op, IRMapping& map) {
    if (op.hasTrait<OpTrait::ConstantLike>())
      return splat(op, map);
    llvm::StringRef name = op.getName().getStringRef();
    bool known = name.starts_with("arith.") || llvm::is_contained(kPolynomials, name) ||
                 llvm::is_contained(kInstructions, name);
    if (!known || !OpTrait::hasElementwiseMappableTraits(&op))
      return fail("operation '" + name + "' cannot be compiled for a CPU; arith and these are: " +
                  llvm::join(llvm::ArrayRef(kPolynomials), " ") + " " +
                  llvm::join(llvm::ArrayRef(kInstructions), " "));
    for (Value operand : op.getOperands())
      if (!map.contains(operand))
        if (llvm::Error error = capture(operand, &op, map))
          return error;
    for (Value result : op.getResults())
      if (!isScalar(result.getType()))
        return fail("'" + name + "' has a result that is neither f32, bf16 nor an integer");
    Operation* wide = b.clone(op, map);
    wide->setLoc(loc);
    for (Value result : wide->getResults())
      result.setType(vectorOf(result.getType()));
    return llvm::Error::success();
  }

  OpBuilder b;
  Location loc;
  std::string where;
  Type pointer;
  Value buffers, row, col, mask;
};

LogicalResult lowerToLLVM(ModuleOp module) {
  MLIRContext* context = module.getContext();
  RewritePatternSet expand(context);
  populateMathPolynomialApproximationPatterns(
      expand, [](llvm::StringRef name) { return llvm::is_contained(kPolynomials, name); });
  arith::populateExpandBFloat16Patterns(expand);
  if (failed(applyPatternsGreedily(module, std::move(expand))))
    return failure();

  LLVMTypeConverter converter(context);
  RewritePatternSet convert(context);
  arith::populateArithToLLVMConversionPatterns(converter, convert);
  populateMathToLLVMConversionPatterns(converter, convert);
  populateVectorToLLVMConversionPatterns(converter, convert);
  LLVMConversionTarget target(*context);
  target.addIllegalDialect<arith::ArithDialect, math::MathDialect, vector::VectorDialect>();
  target.addLegalOp<ModuleOp>();
  return applyPartialConversion(module, target, std::move(convert));
}

MLIRContext* contextOf(llvm::ArrayRef<KernelSource> kernels) {
  for (const KernelSource& kernel : kernels)
    for (const HoleSource& hole : kernel.holes)
      if (hole.used())
        return hole.body->getContext();
  return nullptr;
}

int accumulators(const KernelSource& kernel) {
  for (auto [spec, value] : llvm::zip_equal(kernel.skeleton->params, kernel.params))
    if (spec.name == "accumulators")
      return static_cast<int>(value);
  return 1;
}

llvm::Error check(const KernelSource& kernel) {
  if (!kernel.skeleton)
    return llvm::createStringError("kernel " + kernel.name + ": no skeleton");
  const kernels::Skeleton& skeleton = *kernel.skeleton;
  std::string where = "kernel " + kernel.name + " (skeleton " + std::string(skeleton.name) + "): ";
  if (kernel.params.size() != skeleton.params.size())
    return llvm::createStringError(where + llvm::Twine(kernel.params.size()) + " parameters, expected " +
                                   llvm::Twine(skeleton.params.size()));
  if (kernel.holes.size() != skeleton.holes.size())
    return llvm::createStringError(where + llvm::Twine(kernel.holes.size()) + " holes, expected " +
                                   llvm::Twine(skeleton.holes.size()));
  return llvm::Error::success();
}

} // namespace

void registerCpuEmitDialects(DialectRegistry& registry) {
  registry.insert<arith::ArithDialect, math::MathDialect, vector::VectorDialect, LLVM::LLVMDialect>();
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

std::string holeSymbol(size_t kernel, size_t hole) {
  return "r1_hole_" + std::to_string(kernel) + "_" + std::to_string(hole);
}

llvm::Expected<llvm::SmallVector<char, 0>> lowerHoles(llvm::ArrayRef<KernelSource> kernels) {
  llvm::LLVMContext llvmContext;
  auto llvmModule = std::make_unique<llvm::Module>("holes", llvmContext);
  for (const KernelSource& kernel : kernels)
    if (llvm::Error error = check(kernel))
      return error;
  if (MLIRContext* context = contextOf(kernels)) {
    DialectRegistry registry;
    registerCpuEmitDialects(registry);
    context->appendDialectRegistry(registry);
    context->loadDialect<arith::ArithDialect, math::MathDialect, vector::VectorDialect, LLVM::LLVMDialect>();
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(context));
    for (auto [k, kernel] : llvm::enumerate(kernels))
      for (auto [h, hole] : llvm::enumerate(kernel.holes)) {
        kernels::HoleSpec spec = kernel.skeleton->holes[h];
        if (spec.leading == kernels::kLeadingAccumulators)
          spec.leading = accumulators(kernel);
        if (!hole.used())
          continue;
        HoleBuilder builder(*module, "kernel " + kernel.name + ", hole '" + std::string(spec.name) + "'");
        if (llvm::Error error = builder.build(hole, spec, holeSymbol(k, h)))
          return error;
      }
    std::string problem;
    ScopedDiagnosticHandler handler(context, [&](Diagnostic& diagnostic) {
      if (problem.empty() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
        problem = diagnostic.str();
    });
    if (succeeded(lowerToLLVM(*module)))
      llvmModule = translateModuleToLLVMIR(*module, llvmContext, "holes");
    else
      llvmModule = nullptr;
    if (!llvmModule)
      return llvm::createStringError("holes could not be lowered to LLVM: " + problem);
  }
  llvm::SmallVector<char, 0> bitcode;
  llvm::raw_svector_ostream stream(bitcode);
  llvm::WriteBitcodeToFile(*llvmModule, stream);
  return bitcode;
}

} // namespace r1
