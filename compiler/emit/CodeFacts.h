// What finished GPU code says of itself, read from its ELF and from the assembler's log.
#pragma once
#include "compiler/target/GpuTarget.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace r1 {

/// -1: the code does not say.
struct CodeFacts {
  int threads = -1, sharedBytes = -1, params = -1; // what R1_CUDA_KERNEL writes beside a kernel
  int registers = -1, staticSharedBytes = -1, stackBytes = -1, spillBytes = -1;
};

/// Of a cubin or a host shared object that holds one kernel called `symbol`.
llvm::Expected<CodeFacts> readCodeFacts(llvm::StringRef elf, llvm::StringRef symbol);

/// Adds what only the log of `--ptxas-options=-v` tells (spills), and returns its complaints that must end a build: an instruction that
/// was serialised or ignored (C75xx), a spill, a stack frame.
std::vector<std::string> readAssemblerLog(llvm::StringRef log, CodeFacts& facts);

/// What of it no block on `target` can have, or "".
std::string overBudget(const CodeFacts& facts, const GpuTarget& target);

} // namespace r1
