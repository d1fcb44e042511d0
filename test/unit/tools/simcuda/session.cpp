#include "test/unit/tools/simcuda/session.h"

#include <cstdlib>

#include "runtime/base/os.h"
#include "runtime/device/cuda/abi.h"

namespace r1::simcuda {

std::vector<uint8_t> module_bytes() {
  auto file = os::File::open(R1C_KERNELS);
  EXPECT_TRUE(file.ok()) << file.status().message();
  std::vector<uint8_t> bytes(file->bytes());
  EXPECT_TRUE(file->read(0, bytes).ok());
  return bytes;
}

Session::Session(const std::string& config) {
  setenv("R1_CUDA_LIBRARY", R1C_SIMCUDA, 1);
  setenv("R1_SIMCUDA", config.c_str(), 1);
  auto driver = cuda::Driver::open(artifact::Device::Sim);
  EXPECT_TRUE(driver.ok()) << driver.status().message();
  if (!driver.ok())
    return;
  d = *driver;
  EXPECT_EQ(d.cuDevicePrimaryCtxRetain(&context, 0), 0);
  EXPECT_EQ(d.cuCtxSetCurrent(context), 0);
  EXPECT_EQ(d.cuStreamCreate(&stream, driver::kStreamNonBlocking), 0);
  std::vector<uint8_t> bytes = module_bytes();
  EXPECT_EQ(d.cuLibraryLoadData(&library, bytes.data(), nullptr, nullptr, 0, nullptr, nullptr, 0), 0);
  EXPECT_EQ(d.cuMemAlloc(&dims_, 3 * sizeof(int)), 0);
}

Session::~Session() {
  if (context)
    (void)d.cuDevicePrimaryCtxRelease(0);
  unsetenv("R1_CUDA_LIBRARY");
  unsetenv("R1_SIMCUDA");
}

driver::Kernel Session::kernel(const char* name) {
  driver::Kernel kernel = nullptr;
  EXPECT_EQ(d.cuLibraryGetKernel(&kernel, library, name), 0) << name;
  return kernel;
}

driver::Pointer Session::allocate(size_t bytes) {
  driver::Pointer pointer = 0;
  EXPECT_EQ(d.cuMemAlloc(&pointer, bytes), 0);
  return pointer;
}

void* Session::pinned(size_t bytes) {
  void* pointer = nullptr;
  EXPECT_EQ(d.cuMemHostAlloc(&pointer, bytes, 0), 0);
  return pointer;
}

static cuda::KernelArguments arguments(driver::Pointer dims, driver::Pointer buffer) {
  cuda::KernelArguments a{reinterpret_cast<const int32_t*>(dims), {}};
  a.buffers[0] = reinterpret_cast<void*>(buffer);
  return a;
}

int Session::launch(driver::Kernel kernel, unsigned grid, driver::Pointer buffer, unsigned shared_bytes) {
  cuda::KernelArguments a = arguments(dims_, buffer);
  void* params[] = {&a};
  return d.cuLaunchKernel(reinterpret_cast<driver::Function>(kernel), grid, 1, 1, 32, 1, 1, shared_bytes,
                          stream, params, nullptr);
}

int Session::add_node(driver::Graph graph, driver::Kernel kernel, driver::Pointer buffer,
                      std::vector<driver::Node> after, driver::Node& node) {
  cuda::KernelArguments a = arguments(dims_, buffer);
  void* params[] = {&a};
  driver::NodeParams p{nullptr, 1, 1, 1, 32, 1, 1, 0, params, nullptr, kernel, nullptr};
  return d.cuGraphAddKernelNode(&node, graph, after.data(), after.size(), &p);
}

std::string Session::text(int result) const {
  const char *name = nullptr, *why = nullptr;
  (void)d.cuGetErrorName(result, &name);
  (void)d.cuGetErrorString(result, &why);
  return std::string(name ? name : "?") + ": " + (why ? why : "?");
}

} // namespace r1::simcuda
