#include "compiler/target/Target.h"

namespace r1 {

llvm::StringRef nameOf(Machine machine) { return machine == Machine::Cpu ? "cpu" : "cuda"; }

std::optional<Machine> parseMachine(llvm::StringRef name) {
  for (Machine machine : {Machine::Cpu, Machine::Cuda})
    if (name == nameOf(machine))
      return machine;
  return std::nullopt;
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
