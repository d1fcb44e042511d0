// Compiled kernels by content: the same source, headers, options and compiler give the same bytes, so they are compiled once.
#pragma once
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace r1 {

struct CompiledCode {
  std::string elf; // cubin, or host shared object
  std::string ptx; // where it was asked for
  std::string log; // of the assembler
};

/// A folder of files named by hash. Whatever goes wrong with it only costs time: a file that is damaged or unreadable counts as absent.
/// Any number of threads and processes at once.
class KernelCache {
public:
  /// `key`: all that results depend on but a kernel's source. An empty folder name: nothing is kept.
  KernelCache(std::string folder, llvm::StringRef key);
  std::optional<CompiledCode> find(llvm::StringRef source) const;
  void store(llvm::StringRef source, const CompiledCode& code) const;

private:
  std::string pathOf(llvm::StringRef source) const;
  std::string folder, keyHash;
};

} // namespace r1
