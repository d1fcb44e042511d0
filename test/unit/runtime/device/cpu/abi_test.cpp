// The runtime's copy of the kernel interface is the kernels' own.
#include "runtime/device/cpu/abi.h"

#include <gtest/gtest.h>
#include <type_traits>

#include "kernels/registry/cpu_abi.h"
#include "runtime/artifact/artifact_generated.h"

namespace r1 {

static_assert(cpu::kAbiVersion == kernels::kCpuAbiVersion);
static_assert(cpu::kDimCount == kernels::kDimCount);
static_assert(std::string_view(cpu::kQuerySymbol) == kernels::kCpuQuerySymbol);
static_assert(std::is_same_v<cpu::Kernel, kernels::CpuKernel>);
static_assert(std::is_same_v<cpu::Query, kernels::CpuQuery>);
static_assert(int(artifact::Dim::Tokens) == kernels::kTokens &&
              int(artifact::Dim::LogitRows) == kernels::kLogitRows &&
              int(artifact::Dim::Context) == kernels::kContext);

TEST(Abi, Agrees) { SUCCEED() << "proven when this was compiled"; }

} // namespace r1
