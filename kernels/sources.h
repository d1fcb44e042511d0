// The CUDA C++ of the skeletons, as r1c hands it to a compiler: every header that generated source may reach, by the path it is
// included under. Headers of the emulator (kernels/simt) are among them, for host builds.
#pragma once
#include <span>
#include <string_view>

namespace r1::kernels {

struct SourceFile {
  const char* path; // "kernels/gemm/cuda.h"
  const char* text; // ends with a zero byte
};
std::span<const SourceFile> cuda_sources();

} // namespace r1::kernels
