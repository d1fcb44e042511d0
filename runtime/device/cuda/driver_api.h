// What we use of the CUDA driver's interface, declared ourselves: no toolkit is needed to build, and one list names
// everything that a driver, real or simulated (tools/simcuda), must offer.
// test/unit/runtime/device/cuda/driver_api_test.cpp compares it with NVIDIA's cuda.h where a toolkit is at hand.
#pragma once
#include <cstddef>
#include <cstdint>

namespace r1::driver {

using Pointer = unsigned long long; // in device memory
using Context = struct ContextHandle*;
using Stream = struct StreamHandle*;
using Event = struct EventHandle*;
using Library = struct LibraryHandle*;
using Kernel = struct KernelHandle*;
using Function = struct FunctionHandle*;
using Graph = struct GraphHandle*;
using Node = struct NodeHandle*;
using Executable = struct ExecutableHandle*; // an instantiated graph

// Results that somebody tells apart; 0 is success.
enum Error : int {
  kSuccess = 0,
  kInvalidValue = 1,
  kOutOfMemory = 2,
  kNotInitialized = 3,
  kStubLibrary = 34,
  kNewerDriverNeeded = 36,
  kDeviceUnavailable = 46,
  kNoDevice = 100,
  kInvalidDevice = 101,
  kInvalidImage = 200,
  kInvalidContext = 201,
  kNoBinaryForGpu = 209,
  kEccUncorrectable = 214,
  kInvalidPtx = 218,
  kNvlinkUncorrectable = 220,
  kUnsupportedPtxVersion = 222,
  kContained = 226,
  kOperatingSystem = 304,
  kInvalidHandle = 400,
  kNotFound = 500,
  kNotReady = 600,
  kIllegalAddress = 700,
  kLaunchOutOfResources = 701,
  kLaunchTimeout = 702,
  kAssert = 710,
  kHardwareStackError = 714,
  kIllegalInstruction = 715,
  kMisalignedAddress = 716,
  kInvalidAddressSpace = 717,
  kInvalidPc = 718,
  kLaunchFailed = 719,
  kSystemDriverMismatch = 803,
  kCompatNotSupported = 804,
  kUnknown = 999,
};

enum Attribute : int { // of a device
  kMultiprocessors = 16,
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
  kMaxSharedBytes = 97, // of a block that asks for it
};

inline constexpr int kMaxDynamicSharedBytes = 8; // attribute of a kernel
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kEventDefault = 0, kEventNoTiming = 2;
inline constexpr uint32_t kFreeSharedBytes = 48 << 10; // dynamic shared memory that needs no attribute

// CUDA_KERNEL_NODE_PARAMS_v2
struct NodeParams {
  Function function; // null: `kernel` counts
  unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes;
  void** params;
  void** extra;
  Kernel kernel;
  Context context; // null: the current one
};

// What an edge between two kernels waits for. All zero: the end of the first. Programmatic: the second may start while the first runs,
// and waits itself (griddepcontrol.wait).
struct EdgeData {
  unsigned char from_port, to_port, type, reserved[5];
};
inline constexpr EdgeData kWholeEdge = {};
inline constexpr EdgeData kProgrammaticEdge = {1, 0, 1, {}};

struct alignas(128) TensorMap {
  uint64_t opaque[16];
};
enum MapType : int { kMapU8 = 0, kMapI32 = 3, kMapF16 = 6, kMapF32 = 7, kMapBF16 = 9 };
enum MapSwizzle : int { kSwizzleNone = 0, kSwizzle32 = 1, kSwizzle64 = 2, kSwizzle128 = 3 };
inline constexpr int kMapPromoteL2To256 = 3;

// The version of the interface that we ask a driver for, as cuDriverGetVersion counts: 13.0.
inline constexpr int kVersion = 13000;

// X(name, version that first had this signature, symbol that drivers export it as, parameters)
#define R1_CUDA_DRIVER(X)                                                                                    \
  X(cuInit, 2000, cuInit, (unsigned flags))                                                                  \
  X(cuDriverGetVersion, 2020, cuDriverGetVersion, (int* version))                                            \
  X(cuGetErrorName, 6000, cuGetErrorName, (int result, const char** text))                                   \
  X(cuGetErrorString, 6000, cuGetErrorString, (int result, const char** text))                               \
  X(cuDeviceGetCount, 2000, cuDeviceGetCount, (int* count))                                                  \
  X(cuDeviceGet, 2000, cuDeviceGet, (int* device, int ordinal))                                              \
  X(cuDeviceGetName, 2000, cuDeviceGetName, (char* name, int size, int device))                              \
  X(cuDeviceGetAttribute, 2000, cuDeviceGetAttribute, (int* value, int attribute, int device))               \
  X(cuDevicePrimaryCtxRetain, 7000, cuDevicePrimaryCtxRetain, (r1::driver::Context * context, int device))   \
  X(cuDevicePrimaryCtxRelease, 11000, cuDevicePrimaryCtxRelease_v2, (int device))                            \
  X(cuCtxSetCurrent, 4000, cuCtxSetCurrent, (r1::driver::Context context))                                   \
  X(cuMemGetInfo, 3020, cuMemGetInfo_v2, (size_t* free, size_t* total))                                      \
  X(cuMemAlloc, 3020, cuMemAlloc_v2, (r1::driver::Pointer * pointer, size_t bytes))                          \
  X(cuMemFree, 3020, cuMemFree_v2, (r1::driver::Pointer pointer))                                            \
  X(cuMemHostAlloc, 2020, cuMemHostAlloc, (void** pointer, size_t bytes, unsigned flags))                    \
  X(cuMemFreeHost, 2000, cuMemFreeHost, (void* pointer))                                                     \
  X(cuMemcpyHtoDAsync, 3020, cuMemcpyHtoDAsync_v2,                                                           \
    (r1::driver::Pointer to, const void* from, size_t bytes, r1::driver::Stream stream))                     \
  X(cuMemcpyDtoHAsync, 3020, cuMemcpyDtoHAsync_v2,                                                           \
    (void* to, r1::driver::Pointer from, size_t bytes, r1::driver::Stream stream))                           \
  X(cuMemcpyDtoDAsync, 3020, cuMemcpyDtoDAsync_v2,                                                           \
    (r1::driver::Pointer to, r1::driver::Pointer from, size_t bytes, r1::driver::Stream stream))             \
  X(cuMemsetD8Async, 3020, cuMemsetD8Async,                                                                  \
    (r1::driver::Pointer to, unsigned char value, size_t bytes, r1::driver::Stream stream))                  \
  X(cuStreamCreate, 2000, cuStreamCreate, (r1::driver::Stream * stream, unsigned flags))                     \
  X(cuStreamDestroy, 4000, cuStreamDestroy_v2, (r1::driver::Stream stream))                                  \
  X(cuStreamSynchronize, 2000, cuStreamSynchronize, (r1::driver::Stream stream))                             \
  X(cuEventCreate, 2000, cuEventCreate, (r1::driver::Event * event, unsigned flags))                         \
  X(cuEventDestroy, 4000, cuEventDestroy_v2, (r1::driver::Event event))                                      \
  X(cuEventRecord, 2000, cuEventRecord, (r1::driver::Event event, r1::driver::Stream stream))                \
  X(cuEventSynchronize, 2000, cuEventSynchronize, (r1::driver::Event event))                                 \
  X(cuEventElapsedTime, 2000, cuEventElapsedTime,                                                            \
    (float* milliseconds, r1::driver::Event begin, r1::driver::Event end))                                   \
  X(cuLibraryLoadData, 12000, cuLibraryLoadData,                                                             \
    (r1::driver::Library * library, const void* code, int* jit_options, void** jit_values,                   \
     unsigned jit_count, int* options, void** values, unsigned count))                                       \
  X(cuLibraryUnload, 12000, cuLibraryUnload, (r1::driver::Library library))                                  \
  X(cuLibraryGetKernel, 12000, cuLibraryGetKernel,                                                           \
    (r1::driver::Kernel * kernel, r1::driver::Library library, const char* name))                            \
  X(cuKernelSetAttribute, 12000, cuKernelSetAttribute,                                                       \
    (int attribute, int value, r1::driver::Kernel kernel, int device))                                       \
  X(cuLaunchKernel, 4000, cuLaunchKernel,                                                                    \
    (r1::driver::Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,     \
     unsigned block_y, unsigned block_z, unsigned shared_bytes, r1::driver::Stream stream, void** params,    \
     void** extra))                                                                                          \
  X(cuGraphCreate, 10000, cuGraphCreate, (r1::driver::Graph * graph, unsigned flags))                        \
  X(cuGraphDestroy, 10000, cuGraphDestroy, (r1::driver::Graph graph))                                        \
  X(cuGraphAddKernelNode, 12000, cuGraphAddKernelNode_v2,                                                    \
    (r1::driver::Node * node, r1::driver::Graph graph, const r1::driver::Node* after, size_t count,          \
     const r1::driver::NodeParams* params))                                                                  \
  X(cuGraphAddDependencies, 12030, cuGraphAddDependencies_v2,                                                \
    (r1::driver::Graph graph, const r1::driver::Node* from, const r1::driver::Node* to,                      \
     const r1::driver::EdgeData* edges, size_t count))                                                       \
  X(cuGraphInstantiateWithFlags, 11040, cuGraphInstantiateWithFlags,                                         \
    (r1::driver::Executable * executable, r1::driver::Graph graph, unsigned long long flags))                \
  X(cuGraphExecDestroy, 10000, cuGraphExecDestroy, (r1::driver::Executable executable))                      \
  X(cuGraphUpload, 11010, cuGraphUpload, (r1::driver::Executable executable, r1::driver::Stream stream))     \
  X(cuGraphLaunch, 10000, cuGraphLaunch, (r1::driver::Executable executable, r1::driver::Stream stream))     \
  X(cuTensorMapEncodeTiled, 12000, cuTensorMapEncodeTiled,                                                   \
    (r1::driver::TensorMap * map, int type, uint32_t rank, void* address, const uint64_t* extents,           \
     const uint64_t* strides, const uint32_t* box, const uint32_t* element_strides, int interleave,          \
     int swizzle, int promotion, int fill))

// The one function that is found by its exported name; it finds the others.
inline constexpr char kGetProcAddress[] = "cuGetProcAddress_v2";
using GetProcAddress = int (*)(const char* name, void** function, int version, uint64_t flags, int* found);

} // namespace r1::driver
