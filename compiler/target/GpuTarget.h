// A GPU that code is generated for, by the name of its chip: "sm_90a", or "sim:sm_90a" for host code of the same kernels, which runs
// where there is no GPU, or "ptx:compute_90" for text that a driver translates on a chip newer than the compiler.
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace r1 {

enum class GpuCode { Cubin, Ptx, Host };

struct GpuTarget {
  std::string name;      // as the user wrote it
  std::string processor; // as NVRTC is told: "sm_90a", "compute_90"; of Host code the chip it stands for
  GpuCode code;
  int chip = 0;            // 90: compute capability 9.0
  bool specific = false;   // an "a" name: instructions of this chip alone may be used
  int64_t sharedBytes = 0; // shared memory that one block may have
  /// Chips with the same schedules share a plan, named by one of them: 80 (80, 87), 86 (99 KiB of shared memory, as
  /// all of PTX below compute_89 keeps to), 89 (89, 120, 121 and PTX from compute_89 on: the same, and tensor cores that take e4m3), 90,
  /// 100 (100, 103, 110).
  int scheduleChip = 0;
};

/// True where `name` is meant as a GPU: "sm_...", "sim:..." or "ptx:...".
bool isGpuName(llvm::StringRef name);
/// Fails on a chip that is not listed, naming those that are.
llvm::Expected<GpuTarget> parseGpuTarget(llvm::StringRef name);
/// Names of the chips there are, "sm_80" first.
llvm::SmallVector<llvm::StringRef> gpuChips();

} // namespace r1
