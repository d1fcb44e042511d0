// The driver's functions refuse what a driver refuses.
#include "runtime/device/cuda/driver_api.h"

#include <gtest/gtest.h>

#include "runtime/device/cuda/abi.h"
#include "test/unit/tools/simcuda/session.h"

namespace r1::simcuda {
namespace {

TEST(Driver, CopiesStayInsideAllocations) {
  Session s;
  driver::Pointer p = s.allocate(1000), q = s.allocate(1000);
  std::vector<uint8_t> host(2000);
  auto* pinned = static_cast<uint8_t*>(s.pinned(500));
  const cuda::Driver& d = s.d;
  EXPECT_EQ(d.cuMemcpyHtoDAsync(p, host.data(), 1000, s.stream), 0);
  for (int result :
       {d.cuMemcpyHtoDAsync(p, host.data(), 1001, s.stream),
        d.cuMemcpyHtoDAsync(p - 1, host.data(), 1, s.stream),
        d.cuMemcpyHtoDAsync(driver::Pointer(host.data()), host.data(), 1, s.stream),
        d.cuMemcpyHtoDAsync(p, pinned, 501, s.stream),
        d.cuMemcpyHtoDAsync(p, reinterpret_cast<void*>(q), 1, s.stream),
        d.cuMemcpyDtoHAsync(host.data(), p + 1, 1000, s.stream),
        d.cuMemcpyDtoHAsync(pinned + 1, p, 500, s.stream), d.cuMemcpyDtoDAsync(p, q + 500, 501, s.stream),
        d.cuMemcpyDtoDAsync(p + 500, q, 501, s.stream), d.cuMemsetD8Async(p, 0, 1001, s.stream)})
    EXPECT_EQ(result, driver::kInvalidValue);
  EXPECT_EQ(s.finish(), 0);
}

TEST(Driver, MemoryIsLimited) {
  Session s("memory=1MiB,alloc_fails=3");
  size_t free = 0, total = 0;
  driver::Pointer p = 0;
  ASSERT_EQ(s.d.cuMemGetInfo(&free, &total), 0);
  EXPECT_EQ(total, 1u << 20);
  EXPECT_EQ(s.d.cuMemAlloc(&p, total), driver::kOutOfMemory) << "the session's own allocation is there";
  EXPECT_EQ(s.d.cuMemAlloc(&p, 16), driver::kOutOfMemory) << "the third";
  EXPECT_EQ(s.d.cuMemAlloc(&p, free), 0);
  EXPECT_EQ(s.d.cuMemAlloc(&p, 0), driver::kInvalidValue);
  EXPECT_EQ(s.d.cuMemFree(p + 1), driver::kInvalidValue);
}

TEST(Driver, LaunchesMustFit) {
  Session s("chip=86");
  driver::Pointer p = s.allocate(128);
  driver::Kernel shared = s.kernel("test_shared");
  EXPECT_EQ(s.launch(shared, 1, p, 100 << 10), driver::kInvalidValue) << "not allowed so much";
  EXPECT_EQ(s.d.cuKernelSetAttribute(driver::kMaxDynamicSharedBytes, 100 << 10, shared, 0),
            driver::kInvalidValue)
      << "this chip has 99 KiB";
  EXPECT_EQ(s.d.cuKernelSetAttribute(1, 0, shared, 0), driver::kInvalidValue);
  EXPECT_EQ(s.launch(s.kernel("test_step"), 0, p), driver::kInvalidValue) << "no blocks";
  cuda::KernelArguments a{};
  void* params[] = {&a};
  auto step = reinterpret_cast<driver::Function>(s.kernel("test_step"));
  EXPECT_EQ(s.d.cuLaunchKernel(step, 1, 1, 1, 64, 1, 1, 0, s.stream, params, nullptr), driver::kInvalidValue);
  EXPECT_EQ(s.d.cuLaunchKernel(step, 1, 2, 1, 32, 1, 1, 0, s.stream, params, nullptr), driver::kInvalidValue);
  EXPECT_EQ(s.d.cuLaunchKernel(step, 1, 1, 1, 32, 1, 1, 0, nullptr, params, nullptr), driver::kInvalidHandle);
  EXPECT_EQ(s.d.cuLaunchKernel(nullptr, 1, 1, 1, 32, 1, 1, 0, s.stream, params, nullptr),
            driver::kInvalidHandle);
}

TEST(Driver, SharedMemoryThatWasAskedFor) {
  Session s;
  driver::Pointer p = s.allocate(128);
  driver::Kernel shared = s.kernel("test_shared");
  ASSERT_EQ(s.d.cuKernelSetAttribute(driver::kMaxDynamicSharedBytes, 100 << 10, shared, 0), 0);
  ASSERT_EQ(s.launch(shared, 1, p, 100 << 10), 0);
  ASSERT_EQ(s.finish(), 0);
  EXPECT_EQ(reinterpret_cast<int*>(p)[31], 7);
}

TEST(Driver, TensorMapsReachTheKernel) {
  Session s("seed=1,schedule=priority,async=lazy");
  driver::Pointer from = s.allocate(4 * 40 * sizeof(int)), to = s.allocate(3 * 32 * sizeof(int));
  auto* source = reinterpret_cast<int*>(from);
  for (int i = 0; i < 160; ++i)
    source[i] = i;
  struct {
    driver::TensorMap map[2];
  } maps;
  uint64_t extents[] = {40, 3}, strides[] = {160};
  uint32_t box[] = {32, 1}, steps[] = {1, 1};
  auto encode = [&](void* address) {
    return s.d.cuTensorMapEncodeTiled(&maps.map[1], driver::kMapI32, 2, address, extents, strides, box, steps,
                                      0, 0, driver::kMapPromoteL2To256, 0);
  };
  ASSERT_EQ(encode(source), 0) << s.text(driver::kInvalidValue);
  maps.map[0] = maps.map[1];
  cuda::KernelArguments a{};
  a.buffers[0] = reinterpret_cast<void*>(to);
  void* params[] = {&a, &maps};
  ASSERT_EQ(s.d.cuLaunchKernel(reinterpret_cast<driver::Function>(s.kernel("test_mapped")), 3, 1, 1, 32, 1, 1,
                               256, s.stream, params, nullptr),
            0);
  memset(&maps, 0, sizeof maps); // parameters were copied
  ASSERT_EQ(s.finish(), 0) << s.text(driver::kLaunchFailed);
  for (int i = 0; i < 96; ++i)
    EXPECT_EQ(reinterpret_cast<int*>(to)[i], i / 32 * 40 + i % 32);
  EXPECT_EQ(encode(source + 1), driver::kInvalidValue) << "not aligned";
  extents[1] = 5;
  EXPECT_EQ(encode(source), driver::kInvalidValue) << "larger than its allocation";
}

TEST(Driver, HandlesMustBeKnown) {
  Session s;
  const cuda::Driver& d = s.d;
  driver::Graph graph = nullptr;
  driver::Node node = nullptr;
  ASSERT_EQ(d.cuGraphCreate(&graph, 0), 0);
  EXPECT_EQ(s.add_node(graph, s.kernel("test_step"), 0, {reinterpret_cast<driver::Node>(&s)}, node),
            driver::kInvalidValue);
  driver::Executable executable = nullptr;
  EXPECT_EQ(d.cuGraphInstantiateWithFlags(&executable, nullptr, 0), driver::kInvalidHandle);
  EXPECT_EQ(d.cuGraphLaunch(executable, s.stream), driver::kInvalidHandle);
  EXPECT_EQ(d.cuEventSynchronize(nullptr), driver::kInvalidHandle);
  EXPECT_EQ(d.cuCtxSetCurrent(reinterpret_cast<driver::Context>(&s)), driver::kInvalidContext);
  EXPECT_EQ(d.cuCtxSetCurrent(nullptr), 0);
  driver::Pointer p = 0;
  EXPECT_EQ(d.cuMemAlloc(&p, 4), driver::kInvalidContext);
  int device = 0;
  EXPECT_EQ(d.cuDeviceGet(&device, 1), driver::kInvalidDevice);
}

TEST(Driver, ABadConfigurationIsSaid) {
  {
    Session s;
  } // the driver is loaded, its device closed
  setenv("R1_CUDA_LIBRARY", R1C_SIMCUDA, 1);
  setenv("R1_SIMCUDA", "chip=ninety", 1);
  Status status = cuda::Driver::open(artifact::Device::Sim).status();
  EXPECT_NE(status.message().find("chip=ninety"), std::string::npos) << status.message();
}

} // namespace
} // namespace r1::simcuda
