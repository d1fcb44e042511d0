// A kernel as CUDA C++: its skeleton's header, a Config with every parameter, its holes, and the one line that makes it a kernel.
#pragma once
#include "compiler/emit/KernelSource.h"
#include "llvm/Support/Error.h"

namespace r1 {

/// What the launches of a kernel have in common, for the arithmetic at the head of its source.
struct KernelUse {
  std::string location; // of the first launch
  size_t launches = 0;  // in all entries
  int64_t maxRows = 0;  // most tokens of a step that launches it
  int64_t weightBytes = 0, flopsPerToken = 0;
  double expertFraction = 1;
  std::vector<std::string> fusions;
};

/// The whole translation unit. The text does not depend on the target.
llvm::Expected<std::string> cudaSource(const KernelSource& kernel, const KernelUse& use);

} // namespace r1
