// The runtime restates the interface of kernels instead of including it: both must be the same.
#include "runtime/device/cuda/abi.h"

#include <cstddef>
#include <gtest/gtest.h>

#include "kernels/primitives/cuda/base.h"
#include "runtime/artifact/artifact_generated.h"

namespace r1::cuda {
namespace {

static_assert(sizeof(KernelArguments) == sizeof(Arguments) && sizeof(KernelArguments) == 200);
static_assert(offsetof(KernelArguments, dims) == offsetof(Arguments, dims));
static_assert(offsetof(KernelArguments, buffers) == offsetof(Arguments, buffers));
static_assert(sizeof(KernelArguments::buffers) == sizeof(Arguments::buffers));
static_assert(kDimCount == int(artifact::Dim::MAX) + 1);
static_assert(sizeof(FillRequest) == 4 * sizeof(int64_t));

TEST(Abi, ArgumentsAreReadAsTheyAreWritten) {
  int32_t dims[3] = {1, 2, 3};
  float value = 7;
  KernelArguments ours{dims, {}};
  ours.buffers[23] = &value;
  Arguments theirs;
  static_assert(sizeof ours == sizeof theirs);
  __builtin_memcpy(&theirs, &ours, sizeof ours);
  EXPECT_EQ(theirs.dims[2], 3);
  EXPECT_EQ(*theirs.in<float>(23), 7);
}

} // namespace
} // namespace r1::cuda
