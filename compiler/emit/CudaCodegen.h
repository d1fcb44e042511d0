// From kernel descriptions to a target's image: cubins by NVRTC, or host shared objects of the same source.
#pragma once
#include "compiler/emit/CodeFacts.h"
#include "compiler/emit/CudaSource.h"
#include "compiler/target/GpuTarget.h"
#include "kernels/sources.h"
#include "llvm/ADT/ArrayRef.h"

namespace r1 {

struct CudaKernel {
  KernelSource source; // the name is the symbol
  KernelUse use;
};

struct CudaEmitOptions {
  unsigned jobs = 1; // kernels compiled at once; the image does not depend on it
  std::string cache; // folder of compiled kernels by content, made if absent; empty: none
  std::string
      dumpFolder;        // gets every kernel's source, and the headers it includes; empty: nothing is written
  bool dumpOnly = false; // no compiler is called, the image stays empty
  llvm::ArrayRef<kernels::SourceFile>
      headers; // what sources may include; empty: the skeletons r1c was built with
};

struct CudaKernelReport {
  std::string symbol;
  uint64_t offset = 0, bytes = 0; // in the image; kernels of the same code share it
  CodeFacts facts;
};

struct CudaImage {
  std::string bytes;
  std::vector<CudaKernelReport> kernels;
  std::string compiler; // "NVRTC 13.0"
};

/// Compiles every kernel for `target`. Fails on shared memory or registers beyond the chip's and, but for PTX, on a
/// spill, on a stack frame and on an instruction the assembler serialised. Same arguments and compiler, same bytes.
llvm::Expected<CudaImage> emitCudaImage(llvm::ArrayRef<CudaKernel> kernels, const GpuTarget& target,
                                        const CudaEmitOptions& options);

/// Where compiled kernels are kept unless the user says otherwise: R1C_CACHE, or r1c below the user's cache folder; "" where there is none.
std::string defaultKernelCache();

} // namespace r1
