// The machine's C++ compiler, for images of `sim:` targets: the same generated CUDA C++, built against the emulator's headers.
#pragma once
#include "kernels/sources.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace r1 {

class HostCompiler {
public:
  /// R1C_HOST_CXX, or the first of clang++-22, clang++, g++, c++ that is there. Writes the headers into a temporary folder.
  static llvm::Expected<HostCompiler> open(llvm::ArrayRef<kernels::SourceFile> headers);
  HostCompiler(HostCompiler&&);
  ~HostCompiler(); // removes the folder

  /// Name and version, on one line; part of what compiled bytes depend on.
  const std::string& version() const { return versionText; }
  /// The bytes of a shared object whose undefined symbols are the emulator's. Any number of threads at once.
  llvm::Expected<std::string> compile(const std::string& source, const std::string& name,
                                      llvm::ArrayRef<std::string> options) const;

private:
  HostCompiler() = default;
  std::string program, versionText, folder;
};

} // namespace r1
