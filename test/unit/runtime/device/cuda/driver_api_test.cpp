// Our declarations of the driver's interface are NVIDIA's: checked where a toolkit is at hand, else skipped.
#include "runtime/device/cuda/driver_api.h"

#include <gtest/gtest.h>

#ifdef R1C_CUDA_H
#include <cuda.h>
#include <cudaTypedefs.h>
#include <type_traits>
#endif

#if defined(R1C_CUDA_H) && CUDA_VERSION >= 13000

namespace r1::driver {
namespace {

static_assert(sizeof(NodeParams) == sizeof(CUDA_KERNEL_NODE_PARAMS_v2));
static_assert(offsetof(NodeParams, params) == offsetof(CUDA_KERNEL_NODE_PARAMS_v2, kernelParams));
static_assert(offsetof(NodeParams, shared_bytes) == offsetof(CUDA_KERNEL_NODE_PARAMS_v2, sharedMemBytes));
static_assert(offsetof(NodeParams, kernel) == offsetof(CUDA_KERNEL_NODE_PARAMS_v2, kern));
static_assert(offsetof(NodeParams, context) == offsetof(CUDA_KERNEL_NODE_PARAMS_v2, ctx));
static_assert(sizeof(TensorMap) == sizeof(CUtensorMap) && alignof(TensorMap) == alignof(CUtensorMap));
static_assert(std::is_same_v<Pointer, CUdeviceptr>);

#define R1_EQUAL(ours, theirs) static_assert(int(ours) == int(theirs));
R1_EQUAL(kInvalidValue, CUDA_ERROR_INVALID_VALUE)
R1_EQUAL(kOutOfMemory, CUDA_ERROR_OUT_OF_MEMORY)
R1_EQUAL(kNotInitialized, CUDA_ERROR_NOT_INITIALIZED)
R1_EQUAL(kStubLibrary, CUDA_ERROR_STUB_LIBRARY)
R1_EQUAL(kNewerDriverNeeded, CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER)
R1_EQUAL(kDeviceUnavailable, CUDA_ERROR_DEVICE_UNAVAILABLE)
R1_EQUAL(kNoDevice, CUDA_ERROR_NO_DEVICE)
R1_EQUAL(kInvalidDevice, CUDA_ERROR_INVALID_DEVICE)
R1_EQUAL(kInvalidImage, CUDA_ERROR_INVALID_IMAGE)
R1_EQUAL(kInvalidContext, CUDA_ERROR_INVALID_CONTEXT)
R1_EQUAL(kNoBinaryForGpu, CUDA_ERROR_NO_BINARY_FOR_GPU)
R1_EQUAL(kEccUncorrectable, CUDA_ERROR_ECC_UNCORRECTABLE)
R1_EQUAL(kInvalidPtx, CUDA_ERROR_INVALID_PTX)
R1_EQUAL(kNvlinkUncorrectable, CUDA_ERROR_NVLINK_UNCORRECTABLE)
R1_EQUAL(kContained, CUDA_ERROR_CONTAINED)
R1_EQUAL(kUnsupportedPtxVersion, CUDA_ERROR_UNSUPPORTED_PTX_VERSION)
R1_EQUAL(kOperatingSystem, CUDA_ERROR_OPERATING_SYSTEM)
R1_EQUAL(kInvalidHandle, CUDA_ERROR_INVALID_HANDLE)
R1_EQUAL(kNotFound, CUDA_ERROR_NOT_FOUND)
R1_EQUAL(kNotReady, CUDA_ERROR_NOT_READY)
R1_EQUAL(kIllegalAddress, CUDA_ERROR_ILLEGAL_ADDRESS)
R1_EQUAL(kLaunchTimeout, CUDA_ERROR_LAUNCH_TIMEOUT)
R1_EQUAL(kLaunchOutOfResources, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES)
R1_EQUAL(kAssert, CUDA_ERROR_ASSERT)
R1_EQUAL(kHardwareStackError, CUDA_ERROR_HARDWARE_STACK_ERROR)
R1_EQUAL(kInvalidPc, CUDA_ERROR_INVALID_PC)
R1_EQUAL(kIllegalInstruction, CUDA_ERROR_ILLEGAL_INSTRUCTION)
R1_EQUAL(kMisalignedAddress, CUDA_ERROR_MISALIGNED_ADDRESS)
R1_EQUAL(kInvalidAddressSpace, CUDA_ERROR_INVALID_ADDRESS_SPACE)
R1_EQUAL(kLaunchFailed, CUDA_ERROR_LAUNCH_FAILED)
R1_EQUAL(kUnknown, CUDA_ERROR_UNKNOWN)
R1_EQUAL(kSystemDriverMismatch, CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)
R1_EQUAL(kCompatNotSupported, CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE)

R1_EQUAL(kMultiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)
R1_EQUAL(kCapabilityMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
R1_EQUAL(kCapabilityMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR)
R1_EQUAL(kMaxSharedBytes, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN)
R1_EQUAL(kMaxDynamicSharedBytes, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
R1_EQUAL(kStreamNonBlocking, CU_STREAM_NON_BLOCKING)
R1_EQUAL(kEventNoTiming, CU_EVENT_DISABLE_TIMING)
R1_EQUAL(kMapU8, CU_TENSOR_MAP_DATA_TYPE_UINT8)
R1_EQUAL(kMapI32, CU_TENSOR_MAP_DATA_TYPE_INT32)
R1_EQUAL(kMapF16, CU_TENSOR_MAP_DATA_TYPE_FLOAT16)
R1_EQUAL(kMapF32, CU_TENSOR_MAP_DATA_TYPE_FLOAT32)
R1_EQUAL(kMapBF16, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16)
R1_EQUAL(kSwizzle32, CU_TENSOR_MAP_SWIZZLE_32B)
R1_EQUAL(kSwizzle64, CU_TENSOR_MAP_SWIZZLE_64B)
R1_EQUAL(kSwizzle128, CU_TENSOR_MAP_SWIZZLE_128B)
R1_EQUAL(kMapPromoteL2To256, CU_TENSOR_MAP_L2_PROMOTION_L2_256B)
R1_EQUAL(CU_TENSOR_MAP_INTERLEAVE_NONE, 0)
R1_EQUAL(CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE, 0)

// Parameters agree where they are passed alike: pointers of any kind as pointers, enums as int.
template <class Ours, class Theirs> constexpr bool alike() {
  if constexpr (std::is_pointer_v<Ours> || std::is_pointer_v<Theirs>)
    return std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>;
  else if constexpr (std::is_enum_v<Theirs>)
    return std::is_same_v<Ours, int>;
  else
    return std::is_integral_v<Ours> && sizeof(Ours) == sizeof(Theirs) &&
           std::is_signed_v<Ours> == std::is_signed_v<Theirs>;
}
template <class... Ours, class... Theirs> constexpr bool same(int (*)(Ours...), CUresult (*)(Theirs...)) {
  if constexpr (sizeof...(Ours) != sizeof...(Theirs))
    return false;
  else
    return (alike<Ours, Theirs>() && ...);
}

// PFN_<name>_v<version> is the toolkit's type of a function since that version.
#define R1_SAME(name, version, symbol, parameters)                                                           \
  static_assert(same(static_cast<int(*) parameters>(nullptr), static_cast<PFN_##name##_v##version>(nullptr)));
R1_CUDA_DRIVER(R1_SAME)

TEST(DriverApi, IsTheToolkits) { SUCCEED() << "checked while it was compiled"; }

} // namespace
} // namespace r1::driver
#else
TEST(DriverApi, IsTheToolkits) { GTEST_SKIP() << "no CUDA toolkit of version 13 here to compare with"; }
#endif
