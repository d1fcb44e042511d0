// Private to emit: the functions that fill a skeleton's holes.
#pragma once
#include "compiler/emit/CpuCodegen.h"
#include "llvm/ADT/SmallVector.h"

namespace r1 {

std::string holeSymbol(size_t kernel, size_t hole);

// LLVM bitcode of one module with a function of type kernels::Hole for each hole that has a body. Checks
// every description.
llvm::Expected<llvm::SmallVector<char, 0>> lowerHoles(llvm::ArrayRef<KernelSource> kernels);

} // namespace r1
