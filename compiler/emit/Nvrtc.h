// NVIDIA's run-time compiler, opened where it is found: the only part of CUDA that r1c knows.
#pragma once
#include "kernels/sources.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>

namespace r1 {

class Nvrtc {
public:
  /// Opens libnvrtc from R1C_NVRTC (a file or its folder), CUDA_HOME, the loader's path, /usr/local/cuda, a Python wheel's folder or
  /// where tools/setup.sh puts one, in this order. The error says where it looked and how to install it.
  static llvm::Expected<std::shared_ptr<const Nvrtc>> open();

  /// "13.0"; part of what compiled bytes depend on.
  const std::string& version() const { return versionText; }
  /// Fails where this release does not know chip 90, naming the ones it knows.
  llvm::Error checkChip(int chip) const;

  struct Result {
    std::string code; // cubin or PTX
    std::string log;  // of compiler and assembler
  };
  /// Compiles one program; any number of threads at once. An error holds the log's first complaint.
  llvm::Expected<Result> compile(const std::string& source, const std::string& name,
                                 llvm::ArrayRef<kernels::SourceFile> headers,
                                 llvm::ArrayRef<std::string> options, bool ptx) const;

private:
  struct Functions;
  Nvrtc() = default;
  std::shared_ptr<const Functions> call;
  std::string versionText, path;
};

} // namespace r1
