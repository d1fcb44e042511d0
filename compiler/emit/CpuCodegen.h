// From kernel descriptions to a finished ELF image for a CPU.
#pragma once
#include "compiler/emit/KernelSource.h"
#include "compiler/target/CpuTarget.h"
#include "llvm/ADT/ArrayRef.h"
#include <string_view>

namespace mlir {
class DialectRegistry;
}

namespace r1 {

struct CpuEmitOptions {
  unsigned jobs = 1;        // threads that generate code; the image does not depend on it
  std::string_view bitcode; // of the skeletons; empty: what r1c was built with for the target's ISA level
  std::string dumpFolder; // existing folder that gets <name>.ll for each kernel, as optimised; empty: nothing
                          // is written
};

struct CpuKernelReport {
  std::string name;
  uint64_t codeBytes = 0;
  std::vector<std::string>
      remainingCalls; // what is still called after inlining; empty for every kernel we ship
  double seconds = 0;
};

// Dialects and translations that emitCpuImage uses in the context of the regions.
void registerCpuEmitDialects(mlir::DialectRegistry& registry);

// The bytes of an ELF shared object that exports kernels::kCpuQuerySymbol and needs nothing: no library, no
// symbol. Kernel i of the image is kernels[i]. Regions are only read. All regions must belong to one
// MLIRContext, on which nothing else works meanwhile. Same arguments, same bytes.
llvm::Expected<std::string> emitCpuImage(llvm::ArrayRef<KernelSource> kernels, const CpuTarget& target,
                                         const CpuEmitOptions& options,
                                         std::vector<CpuKernelReport>* reports = nullptr);

} // namespace r1
