// A driver that is not there, not one, too old or without a device is refused in one line with cause and cure.
#include "runtime/device/cuda/driver.h"

#include <gtest/gtest.h>

#include "runtime/base/os.h"
#include "runtime/device/cuda/context.h"
#include "test/unit/runtime/device/cuda/simulation.h"

namespace r1::cuda {
namespace {

using artifact::Device;
using testing::Simulation;

void expect_refusal(const Status& s, std::initializer_list<const char*> parts) {
  EXPECT_EQ(s.code(), Code::kUnsupported) << s.message();
  for (const char* part : parts)
    EXPECT_NE(s.message().find(part), std::string::npos) << part << " is not in: " << s.message();
  EXPECT_EQ(s.message().find('\n'), std::string::npos) << s.message();
}

TEST(Driver, IsNotThere) {
  unsetenv("R1_CUDA_LIBRARY");
  if (os::resident_symbol("libcuda.so.1", "cuInit").ok())
    GTEST_SKIP() << "this machine has a driver";
  expect_refusal(Driver::open(Device::Cuda).status(),
                 {"no NVIDIA driver", "libcuda.so.1", "install", "cpu:"});
  expect_refusal(Driver::open(Device::Sim).status(), {"libsimcuda.so", "R1_CUDA_LIBRARY"});
}

TEST(Driver, ALibraryThatIsNone) {
  Simulation simulation;
  setenv("R1_CUDA_LIBRARY", "/nowhere/libcuda.so", 1);
  expect_refusal(Driver::open(Device::Cuda).status(), {"R1_CUDA_LIBRARY", "/nowhere/libcuda.so"});
  setenv("R1_CUDA_LIBRARY", "libm.so.6", 1);
  expect_refusal(Driver::open(Device::Cuda).status(), {"too old", "cuGetProcAddress_v2", "580"});
}

TEST(Driver, TooOld) {
  Simulation simulation("driver=12080");
  expect_refusal(Driver::open(Device::Cuda).status(), {"12.8", "13.0", "580"});
}

TEST(Driver, NoDevice) {
  Simulation simulation("devices=0");
  expect_refusal(Driver::open(Device::Cuda).status(), {"no GPU", "CUDA_ERROR_NO_DEVICE", "nvidia-smi"});
}

TEST(Driver, DevicesAreListed) {
  Simulation simulation("devices=3,chip=103");
  auto driver = Driver::open(Device::Sim);
  ASSERT_TRUE(driver.ok()) << driver.status().message();
  auto gpus = list_gpus(*driver);
  ASSERT_TRUE(gpus.ok()) << gpus.status().message();
  ASSERT_EQ(gpus->size(), 3u);
  EXPECT_EQ((*gpus)[2].device, 2);
  EXPECT_EQ((*gpus)[2].capability.major, 10);
  EXPECT_EQ((*gpus)[2].capability.minor, 3);
}

TEST(Driver, EveryKindOfFailureHasACure) {
  Simulation simulation;
  auto driver = Driver::open(Device::Sim);
  ASSERT_TRUE(driver.ok());
  struct Case {
    int result;
    Code code;
    const char* part;
  };
  for (const Case& c :
       std::initializer_list<Case>{{driver::kOutOfMemory, Code::kOutOfMemory, "nvidia-smi"},
                                   {driver::kStubLibrary, Code::kUnsupported, "stub"},
                                   {driver::kUnsupportedPtxVersion, Code::kUnsupported, "580"},
                                   {driver::kNoBinaryForGpu, Code::kUnsupported, "compile"},
                                   {driver::kIllegalAddress, Code::kDevice, "a kernel failed"},
                                   {driver::kLaunchFailed, Code::kDevice, "a kernel failed"},
                                   {driver::kEccUncorrectable, Code::kDevice, "lost"},
                                   {driver::kUnknown, Code::kDevice, "Xid"},
                                   {driver::kInvalidValue, Code::kDevice, "defect"},
                                   {4711, Code::kDevice, "error 4711"}}) {
    Status s = driver->check(c.result, "testing");
    EXPECT_EQ(s.code(), c.code) << s.message();
    EXPECT_NE(s.message().find(c.part), std::string::npos) << s.message();
    EXPECT_NE(s.message().find("while testing"), std::string::npos) << s.message();
  }
  EXPECT_TRUE(driver->check(driver::kSuccess, "testing").ok());
}

TEST(Driver, MemoryIsCountedAndRefused) {
  Simulation simulation("memory=1MiB,devices=2");
  auto driver = Driver::open(Device::Sim);
  ASSERT_TRUE(driver.ok());
  auto gpus = list_gpus(*driver);
  ASSERT_TRUE(gpus.ok());
  auto context = Context::open(*driver, (*gpus)[1]);
  ASSERT_TRUE(context.ok()) << context.status().message();
  EXPECT_EQ(*(*context)->free_memory(), 1u << 20);
  auto half = DeviceMemory::allocate(**context, 1 << 19, "a test");
  ASSERT_TRUE(half.ok());
  EXPECT_EQ(*(*context)->free_memory(), 1u << 19);
  Status s = DeviceMemory::allocate(**context, (1 << 19) + 1, "a test").status();
  EXPECT_EQ(s.code(), Code::kOutOfMemory);
  EXPECT_NE(s.message().find("0.5 MiB for a test"), std::string::npos) << s.message();
  half = Result<DeviceMemory>(DeviceMemory());
  EXPECT_EQ(*(*context)->free_memory(), 1u << 20) << "freed with its owner";
}

} // namespace
} // namespace r1::cuda
