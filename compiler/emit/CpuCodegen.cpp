#include "compiler/emit/CpuCodegen.h"
#include "compiler/emit/CpuLink.h"
#include "compiler/emit/HoleLowering.h"
#include "compiler/emit/Interrupt.h"
#include "compiler/emit/LLVMSupport.h"
#include "kernels/bitcode.h"
#include "kernels/registry/cpu_abi.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/Verifier.h"
#include "llvm/Linker/Linker.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Transforms/IPO/Internalize.h"
#include <atomic>
#include <chrono>
#include <thread>

namespace r1 {
namespace {

using namespace llvm;

// Everything a thread needs to know; read only.
struct Job {
  ArrayRef<KernelSource> kernels;
  const CpuTarget& target;
  const CpuEmitOptions& options;
  MemoryBufferRef skeletons, holes;
};

struct Compiled {
  SmallVector<char, 0> object;
  CpuKernelReport report;
};

std::string kernelSymbol(const KernelSource& kernel, size_t index) {
  return kernel.name + "." + std::to_string(index);
}

FunctionType* kernelType(LLVMContext& context) {
  Type *pointer = PointerType::get(context, 0), *i64 = Type::getInt64Ty(context);
  return FunctionType::get(Type::getVoidTy(context), {pointer, pointer, i64, i64, pointer}, false);
}

GlobalVariable* constantTable(Module& module, Constant* value, const Twine& name) {
  return new GlobalVariable(module, value->getType(), /*isConstant=*/true, GlobalValue::InternalLinkage,
                            value, name);
}

// The kernel: its skeleton, called with constant parameters and holes.
void buildWrapper(Module& module, const KernelSource& kernel, size_t index) {
  LLVMContext& context = module.getContext();
  PointerType* pointer = PointerType::get(context, 0);
  Type* i64 = Type::getInt64Ty(context);
  Function* wrapper = Function::Create(kernelType(context), GlobalValue::ExternalLinkage,
                                       kernelSymbol(kernel, index), module);
  wrapper->setVisibility(GlobalValue::HiddenVisibility);
  wrapper->setDSOLocal(true);
  for (unsigned tables : {0u, 1u}) { // nobody writes the lists of buffers and of sizes during the call
    wrapper->addParamAttr(tables, Attribute::NoAlias);
    wrapper->addParamAttr(tables, Attribute::ReadOnly);
  }
  wrapper->addParamAttr(4, Attribute::NoAlias);
  wrapper->addParamAttr(4, Attribute::getWithAlignment(context, Align(64)));

  SmallVector<uint64_t> words(kernel.params.begin(), kernel.params.end());
  FunctionType* holeType =
      FunctionType::get(Type::getVoidTy(context), {pointer, i64, i64, i64, pointer}, false);
  SmallVector<Constant*> holes;
  for (auto [h, hole] : enumerate(kernel.holes))
    holes.push_back(
        hole.used() ? cast<Constant>(module.getOrInsertFunction(holeSymbol(index, h), holeType).getCallee())
                    : ConstantPointerNull::get(pointer));
  SmallVector<Value*> arguments;
  for (Argument& argument : wrapper->args())
    arguments.push_back(&argument);
  arguments.push_back(constantTable(module, ConstantDataArray::get(context, words), "params"));
  arguments.push_back(
      constantTable(module, ConstantArray::get(ArrayType::get(pointer, holes.size()), holes), "holes"));
  SmallVector<Type*> types;
  for (Value* argument : arguments)
    types.push_back(argument->getType());
  FunctionCallee skeleton = module.getOrInsertFunction(
      "r1_" + std::string(kernel.skeleton->name), FunctionType::get(Type::getVoidTy(context), types, false));
  IRBuilder<> builder(BasicBlock::Create(context, "entry", wrapper));
  builder.CreateCall(skeleton, arguments);
  builder.CreateRetVoid();
}

Error linkNeeded(Module& module, MemoryBufferRef bitcode) {
  Expected<std::unique_ptr<Module>> part = getLazyBitcodeModule(bitcode, module.getContext());
  if (!part)
    return part.takeError();
  (*part)->setTargetTriple(module.getTargetTriple());
  (*part)->setDataLayout(module.getDataLayout());
  if (Linker::linkModules(module, std::move(*part), Linker::Flags::LinkOnlyNeeded))
    return createStringError("bitcode '" + bitcode.getBufferIdentifier() + "' could not be linked");
  return Error::success();
}

// Nothing is inlined across functions whose features or treatment of built-in functions differ, so all get
// the same.
void unifyAttributes(Module& module, const CpuTarget& target) {
  // Where there are 64-byte vectors, kernels mean to use them, whatever the processor's tuning says about
  // mixed code.
  bool wide = is_contained(target.features, "avx512f");
  for (Function& function : module) {
    if (function.isDeclaration())
      continue;
    AttributeList kept = function.getAttributes();
    AttrBuilder attributes(module.getContext());
    for (Attribute attribute : kept.getFnAttrs())
      if (!attribute.isStringAttribute())
        attributes.addAttribute(attribute);
    for (auto kind :
         {Attribute::NoInline, Attribute::OptimizeNone, Attribute::OptimizeForSize, Attribute::MinSize,
          Attribute::AlwaysInline, Attribute::InlineHint, Attribute::StackProtect,
          Attribute::StackProtectStrong, Attribute::StackProtectReq, Attribute::UWTable})
      attributes.removeAttribute(kind);
    attributes.addAttribute(Attribute::NoUnwind);
    if (function.hasLocalLinkage())
      attributes.addAttribute(Attribute::AlwaysInline);
    attributes.addAttribute("target-cpu", "x86-64");
    attributes.addAttribute("tune-cpu", target.processor);
    attributes.addAttribute("target-features", target.llvmFeatures());
    attributes.addAttribute("prefer-vector-width", wide ? "512" : "256");
    attributes.addAttribute("min-legal-vector-width", wide ? "512" : "256");
    attributes.addAttribute("no-builtins"); // a loop stays a loop instead of becoming a call of memset
    function.setAttributes(
        kept.removeFnAttributes(module.getContext()).addFnAttributes(module.getContext(), attributes));
  }
}

Error compile(const Job& job, size_t index, Compiled& result) {
  const KernelSource& kernel = job.kernels[index];
  auto start = std::chrono::steady_clock::now();
  LLVMContext context;
  std::string problem;
  context.setDiagnosticHandlerCallBack(
      [](const DiagnosticInfo* info, void* text) {
        if (info->getSeverity() != DS_Error || !static_cast<std::string*>(text)->empty())
          return;
        raw_string_ostream stream(*static_cast<std::string*>(text));
        DiagnosticPrinterRawOStream printer(stream);
        info->print(printer);
      },
      &problem);
  auto fail = [&](const Twine& message) {
    return createStringError("kernel " + kernel.name + ": " + message);
  };

  std::unique_ptr<TargetMachine> machine = createMachine(job.target);
  if (!machine)
    return fail("LLVM has no code generator for x86-64");
  Module module("kernel", context);
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());
  buildWrapper(module, kernel, index);
  if (Error error = joinErrors(linkNeeded(module, job.skeletons), linkNeeded(module, job.holes)))
    return fail(toString(std::move(error)) + " " + problem);
  std::string skeleton = "r1_" + std::string(kernel.skeleton->name);
  if (!module.getFunction(skeleton) || module.getFunction(skeleton)->isDeclaration())
    return fail("the kernels for " + job.target.isaLevel + " have no function " + skeleton);
  for (StringRef keeper :
       {"llvm.used", "llvm.compiler.used"}) // nothing but the kernel is kept for its own sake
    if (GlobalVariable* list = module.getNamedGlobal(keeper))
      list->eraseFromParent();
  internalizeModule(module,
                    [&](const GlobalValue& value) { return value.getName() == kernelSymbol(kernel, index); });
  unifyAttributes(module, job.target);
  std::string invalid;
  raw_string_ostream invalidStream(invalid);
  if (verifyModule(module, &invalidStream))
    return fail("LLVM rejects the kernel before optimisation: " + StringRef(invalid).rtrim());

  optimize(module, *machine);
  removeMemoryCalls(module);
  if (!job.options.dumpFolder.empty()) {
    std::error_code error;
    std::string path = job.options.dumpFolder + "/" + kernelSymbol(kernel, index) + ".ll";
    raw_fd_ostream stream(path, error);
    if (error)
      return fail("cannot write " + path + ": " + error.message());
    module.print(stream, nullptr);
  }
  result.report.name = kernel.name;
  result.report.remainingCalls = remainingCalls(module);
  if (Error error = generateObject(module, *machine, result.object))
    return fail(toString(std::move(error)));
  if (!problem.empty())
    return fail(problem);
  Expected<ObjectFacts> facts =
      inspectObject(MemoryBufferRef({result.object.data(), result.object.size()}, kernel.name));
  if (!facts)
    return facts.takeError();
  if (!facts->undefined.empty())
    return fail("the code calls '" + facts->undefined.front() + "', which an image does not have");
  result.report.codeBytes = facts->codeBytes;
  result.report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return Error::success();
}

// The table of kernels and the function that hands it out.
Error compileQuery(ArrayRef<KernelSource> kernels, const CpuTarget& target, SmallVector<char, 0>& object) {
  LLVMContext context;
  std::unique_ptr<TargetMachine> machine = createMachine(target);
  if (!machine)
    return createStringError("LLVM has no code generator for x86-64");
  Module module("query", context);
  module.setTargetTriple(machine->getTargetTriple());
  module.setDataLayout(machine->createDataLayout());
  module.setPICLevel(PICLevel::BigPIC);
  PointerType* pointer = PointerType::get(context, 0);
  Type* i32 = Type::getInt32Ty(context);
  SmallVector<Constant*> entries;
  for (auto [i, kernel] : enumerate(kernels)) {
    Function* function =
        Function::Create(kernelType(context), GlobalValue::ExternalLinkage, kernelSymbol(kernel, i), module);
    function->setVisibility(GlobalValue::HiddenVisibility);
    function->setDSOLocal(true);
    entries.push_back(function);
  }
  Constant* table =
      constantTable(module, ConstantArray::get(ArrayType::get(pointer, entries.size()), entries), "kernels");
  Function* query = Function::Create(FunctionType::get(pointer, {i32, pointer}, false),
                                     GlobalValue::ExternalLinkage, kernels::kCpuQuerySymbol, module);
  query->addFnAttr(Attribute::NoUnwind);
  IRBuilder<> builder(BasicBlock::Create(context, "entry", query));
  Value* speaks = builder.CreateICmpEQ(query->getArg(0), ConstantInt::get(i32, kernels::kCpuAbiVersion));
  builder.CreateStore(
      builder.CreateSelect(speaks, ConstantInt::get(i32, entries.size()), ConstantInt::get(i32, 0)),
      query->getArg(1));
  builder.CreateRet(builder.CreateSelect(speaks, table, ConstantPointerNull::get(pointer)));
  return generateObject(module, *machine, object);
}

} // namespace

Expected<std::string> emitCpuImage(ArrayRef<KernelSource> kernels, const CpuTarget& target,
                                   const CpuEmitOptions& options, std::vector<CpuKernelReport>* reports) {
  initializeX86();
  Expected<SmallVector<char, 0>> holes = lowerHoles(kernels);
  if (!holes)
    return holes.takeError();
  std::string_view skeletons =
      options.bitcode.empty() ? r1::kernels::bitcode(target.isaLevel) : options.bitcode;
  Job job{kernels, target, options, MemoryBufferRef(StringRef(skeletons), "skeletons"),
          MemoryBufferRef({holes->data(), holes->size()}, "holes")};

  // One module and one LLVM context per kernel: threads share nothing, and the grouping does not depend on
  // their number.
  std::vector<Compiled> compiled(kernels.size());
  std::vector<std::optional<Error>> errors(kernels.size());
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i; (i = next++) < kernels.size();) {
      Error interrupted = checkInterrupt();
      errors[i].emplace(interrupted ? std::move(interrupted) : compile(job, i, compiled[i]));
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::min<size_t>(options.jobs, kernels.size()); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread& thread : threads)
    thread.join();
  Error failed = Error::success();
  for (std::optional<Error>& error : errors) {
    if (!failed)
      failed = std::move(*error); // of the first kernel, so that the message does not depend on timing
    else
      consumeError(std::move(*error));
  }
  if (failed)
    return failed;

  SmallVector<char, 0> query;
  if (Error error = compileQuery(kernels, target, query))
    return error;
  std::vector<MemoryBufferRef> objects;
  for (auto [i, kernel] : enumerate(compiled))
    objects.emplace_back(StringRef(kernel.object.data(), kernel.object.size()), "kernel.o");
  objects.emplace_back(StringRef(query.data(), query.size()), "query.o");
  Expected<std::string> image = linkImage(objects);
  if (!image)
    return image;
  if (Error error = checkImage(*image, kernels::kCpuQuerySymbol))
    return error;
  if (reports)
    for (Compiled& kernel : compiled)
      reports->push_back(std::move(kernel.report));
  return image;
}

} // namespace r1
