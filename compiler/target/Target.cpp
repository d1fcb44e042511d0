#include "compiler/target/Target.h"
#include "mlir/IR/BuiltinOps.h"

namespace r1 {

static constexpr char kMachineAttr[] = "r1.machine", kChipAttr[] = "r1.chip", kCuda[] = "cuda";

void setMachine(mlir::Operation* module, Machine machine, int scheduleChip) {
  mlir::MLIRContext* context = module->getContext();
  module->setAttr(kMachineAttr, mlir::StringAttr::get(context, machine == Machine::Cuda ? kCuda : "cpu"));
  if (machine == Machine::Cuda)
    module->setAttr(kChipAttr, mlir::IntegerAttr::get(mlir::IntegerType::get(context, 64), scheduleChip));
}

// An attribute of the module around `op`, or of `op`; null where there is none.
template <class AttrT> static AttrT moduleAttr(mlir::Operation* op, llvm::StringRef name) {
  auto module = llvm::dyn_cast<mlir::ModuleOp>(op);
  if (!module)
    module = op->getParentOfType<mlir::ModuleOp>();
  return module ? module->getAttrOfType<AttrT>(name) : AttrT();
}

Machine machineOf(mlir::Operation* op) {
  auto name = moduleAttr<mlir::StringAttr>(op, kMachineAttr);
  return name && name.getValue() == kCuda ? Machine::Cuda : Machine::Cpu;
}

int scheduleChipOf(mlir::Operation* op) {
  auto chip = moduleAttr<mlir::IntegerAttr>(op, kChipAttr);
  return chip ? static_cast<int>(chip.getInt()) : 80;
}

llvm::Expected<Target> parseTarget(llvm::StringRef name) {
  if (isGpuName(name)) {
    auto gpu = parseGpuTarget(name);
    if (!gpu)
      return gpu.takeError();
    return Target{std::move(*gpu)};
  }
  if (!name.starts_with("cpu:"))
    return llvm::createStringError(
        "target '" + name +
        "': expected cpu:<processor> (cpu:native), a GPU (sm_90a), sim:<GPU> or ptx:<capability>");
  auto cpu = parseCpuTarget(name);
  if (!cpu)
    return cpu.takeError();
  return Target{std::move(*cpu)};
}

} // namespace r1
