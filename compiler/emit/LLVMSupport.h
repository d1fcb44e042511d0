// Private to emit: LLVM's optimiser and code generator, set up the one way images need them.
#pragma once
#include "compiler/target/CpuTarget.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/IR/Module.h"
#include "llvm/Target/TargetMachine.h"
#include <memory>
#include <string>
#include <vector>

namespace r1 {

void initializeX86(); // once per process; later calls do nothing

std::unique_ptr<llvm::TargetMachine> createMachine(const CpuTarget& target); // null without an x86 back end

void optimize(llvm::Module& module, llvm::TargetMachine& machine); // O3, vectorisers on

// An image has no memcpy or memset to call: large or variable ones become `rep movsb` and `rep stosb`,
// overlapping moves loops; small constant ones are left to the code generator, which expands them in place.
void removeMemoryCalls(llvm::Module& module);

// What module's functions still call, as "caller -> callee": functions, and pointers that stayed unknown.
std::vector<std::string> remainingCalls(const llvm::Module& module);

llvm::Error generateObject(llvm::Module& module, llvm::TargetMachine& machine,
                           llvm::SmallVectorImpl<char>& object);

} // namespace r1
