#include "compiler/emit/LLVMSupport.h"
#include "llvm/Analysis/TargetTransformInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/InlineAsm.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Transforms/Utils/LowerMemIntrinsics.h"
#include <mutex>

namespace r1 {

using namespace llvm;

void initializeX86() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); // inline assembly in skeletons
  });
}

std::unique_ptr<TargetMachine> createMachine(const CpuTarget& target) {
  Triple triple("x86_64-unknown-linux-gnu");
  std::string error;
  const Target* x86 = TargetRegistry::lookupTarget(triple, error);
  if (!x86)
    return nullptr;
  TargetOptions options;
  return std::unique_ptr<TargetMachine>(x86->createTargetMachine(triple, "x86-64", target.llvmFeatures(),
                                                                 options, Reloc::PIC_, std::nullopt,
                                                                 CodeGenOptLevel::Aggressive));
}

// A masked store of one constant lane becomes a store of that element. LLVM 22's x86 back end merges trunc and masked.store, then
// writes the one lane at its width before the trunc: four bytes for two, over the neighbour that another thread owns.
static void narrowSingleLaneStores(Module& module) {
  std::vector<IntrinsicInst*> found;
  for (Function& function : module)
    for (Instruction& instruction : instructions(function))
      if (auto* call = dyn_cast<IntrinsicInst>(&instruction);
          call && call->getIntrinsicID() == Intrinsic::masked_store)
        found.push_back(call);
  for (IntrinsicInst* call : found) {
    auto* mask = dyn_cast<Constant>(call->getArgOperand(2));
    auto* type = dyn_cast<FixedVectorType>(call->getArgOperand(0)->getType());
    if (!mask || !type)
      continue;
    int lane = -1, lanes = 0;
    for (unsigned i = 0; i < type->getNumElements(); ++i)
      if (Constant* bit = mask->getAggregateElement(i); bit && !bit->isNullValue()) {
        lane = int(i);
        ++lanes;
      }
    if (lanes != 1)
      continue;
    IRBuilder<> builder(call);
    Value* element = builder.CreateExtractElement(call->getArgOperand(0), uint64_t(lane));
    Value* place =
        builder.CreateConstInBoundsGEP1_64(type->getElementType(), call->getArgOperand(1), uint64_t(lane));
    builder.CreateAlignedStore(element, place, Align(1));
    call->eraseFromParent();
  }
}

void optimize(Module& module, TargetMachine& machine) {
  LoopAnalysisManager loops;
  FunctionAnalysisManager functions;
  CGSCCAnalysisManager components;
  ModuleAnalysisManager modules;
  PipelineTuningOptions tuning;
  tuning.LoopVectorization = tuning.SLPVectorization = tuning.LoopInterleaving = tuning.LoopUnrolling = true;
  PassBuilder builder(&machine, tuning);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(components);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, components, modules);
  builder.buildPerModuleDefaultPipeline(OptimizationLevel::O3).run(module, modules);
  narrowSingleLaneStores(module);
}

void removeMemoryCalls(Module& module) {
  // At most eight 16-byte moves, the least that any x86 code generator setting expands in place.
  constexpr uint64_t kExpandedInPlace = 128;
  std::vector<MemIntrinsic*> found;
  for (Function& function : module)
    for (Instruction& instruction : instructions(function))
      if (auto* call = dyn_cast<MemIntrinsic>(&instruction))
        found.push_back(call);
  LLVMContext& context = module.getContext();
  Type *pointer = PointerType::get(context, 0), *i64 = Type::getInt64Ty(context),
       *i8 = Type::getInt8Ty(context);
  for (MemIntrinsic* call : found) {
    auto* length = dyn_cast<ConstantInt>(call->getLength());
    if (length && length->getZExtValue() <= kExpandedInPlace)
      continue;
    IRBuilder<> builder(call);
    Value* bytes = builder.CreateZExtOrTrunc(call->getLength(), i64);
    // "x" results: the string instructions advance their registers.
    if (auto* set = dyn_cast<MemSetInst>(call)) {
      auto* type = FunctionType::get(StructType::get(pointer, i64), {i8, pointer, i64}, false);
      builder.CreateCall(type,
                         InlineAsm::get(type, "rep stosb",
                                        "={di},={cx},{al},0,1,~{memory},~{dirflag},~{fpsr},~{flags}", true),
                         {set->getValue(), set->getDest(), bytes});
    } else if (isa<MemCpyInst>(call)) {
      auto* type = FunctionType::get(StructType::get(pointer, pointer, i64), {pointer, pointer, i64}, false);
      builder.CreateCall(type,
                         InlineAsm::get(type, "rep movsb",
                                        "={di},={si},={cx},0,1,2,~{memory},~{dirflag},~{fpsr},~{flags}",
                                        true),
                         {call->getRawDest(), cast<MemCpyInst>(call)->getRawSource(), bytes});
    } else {
      TargetTransformInfo generic(module.getDataLayout());
      expandMemMoveAsLoop(cast<MemMoveInst>(call), generic);
    }
    call->eraseFromParent();
  }
}

std::vector<std::string> remainingCalls(const Module& module) {
  std::vector<std::string> found;
  for (const Function& function : module)
    for (const Instruction& instruction : instructions(function)) {
      const auto* call = dyn_cast<CallBase>(&instruction);
      if (!call || call->isInlineAsm())
        continue;
      const Function* callee = call->getCalledFunction();
      if (!callee || !callee->isIntrinsic())
        found.push_back((function.getName() + " -> " + (callee ? callee->getName() : "a pointer")).str());
    }
  return found;
}

Error generateObject(Module& module, TargetMachine& machine, SmallVectorImpl<char>& object) {
  raw_svector_ostream stream(object);
  legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, nullptr, CodeGenFileType::ObjectFile))
    return createStringError("LLVM cannot write objects for x86-64");
  passes.run(module);
  return Error::success();
}

} // namespace r1
