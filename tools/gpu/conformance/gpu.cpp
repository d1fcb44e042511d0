// A device, real or simulated, through the driver.
#include <algorithm>

#include "runtime/device/cuda/abi.h"
#include "tools/gpu/conformance/machine.h"

namespace r1::conformance {

struct Gpu::Prepared {
  driver::Kernel kernel = nullptr;
  cuda::DeviceMemory dims;
  std::vector<cuda::DeviceMemory> memory;
  cuda::KernelArguments arguments{};
  std::vector<driver::TensorMap> maps;
};

Result<std::unique_ptr<Gpu>> Gpu::open(const cuda::Driver& driver, const cuda::Gpu& device,
                                       const Bytes& image) {
  std::unique_ptr<Gpu> gpu(new Gpu);
  R1_ASSIGN_OR_RETURN(gpu->context_, cuda::Context::open(driver, device));
  R1_CUDA(driver, cuDeviceGetAttribute, "looking at the GPU", &gpu->multiprocessors_,
          driver::kMultiprocessors, device.device);
  R1_CUDA(driver, cuLibraryLoadData, "loading the kernels", &gpu->library_, image.data(), nullptr, nullptr, 0,
          nullptr, nullptr, 0);
  return gpu;
}

Gpu::~Gpu() {
  if (library_ && context_->enter().ok())
    (void)context_->driver.cuLibraryUnload(library_);
}

Result<Gpu::Prepared> Gpu::prepare(const Launch& launch) {
  const cuda::Driver& driver = context_->driver;
  Prepared p;
  const KernelFacts& facts = facts_of(launch.kernel);
  R1_CUDA(driver, cuLibraryGetKernel, "finding a kernel", &p.kernel, library_, launch.kernel.c_str());
  if (facts.shared_bytes > driver::kFreeSharedBytes)
    R1_CUDA(driver, cuKernelSetAttribute, "asking for shared memory", driver::kMaxDynamicSharedBytes,
            int(facts.shared_bytes), p.kernel, context_->gpu.device);
  R1_ASSIGN_OR_RETURN(p.dims,
                      cuda::DeviceMemory::allocate(*context_, cuda::kDimCount * sizeof(int32_t), "sizes"));
  p.arguments.dims = reinterpret_cast<const int32_t*>(p.dims.address());
  for (size_t i = 0; i < launch.buffers.size(); ++i) {
    const Bytes& bytes = launch.buffers[i];
    R1_ASSIGN_OR_RETURN(cuda::DeviceMemory memory,
                        cuda::DeviceMemory::allocate(*context_, bytes.size(), "a buffer"));
    R1_CUDA(driver, cuMemcpyHtoDAsync, "copying to the GPU", memory.address(), bytes.data(), bytes.size(),
            context_->stream);
    p.arguments.buffers[i] = reinterpret_cast<void*>(memory.address());
    p.memory.push_back(std::move(memory));
  }
  for (const MapRequest& m : launch.maps) {
    const std::vector<uint32_t> ones(m.extents.size(), 1);
    R1_CUDA(driver, cuTensorMapEncodeTiled, "making a tensor map", &p.maps.emplace_back(), m.type,
            uint32_t(m.extents.size()), p.arguments.buffers[m.buffer], m.extents.data(), m.strides.data(),
            m.box.data(), ones.data(), 0, m.swizzle, driver::kMapPromoteL2To256, 0);
  }
  return p;
}

Status Gpu::enqueue(const Launch& launch, Prepared& p) {
  const KernelFacts& facts = facts_of(launch.kernel);
  void* params[] = {&p.arguments, p.maps.data()};
  R1_CUDA(context_->driver, cuLaunchKernel, "launching a kernel",
          reinterpret_cast<driver::Function>(p.kernel), launch.grid, 1, 1, facts.threads, 1, 1,
          facts.shared_bytes, context_->stream, params, nullptr);
  return Status();
}

Status Gpu::run(Launch& launch) {
  R1_RETURN_IF_ERROR(context_->enter());
  R1_ASSIGN_OR_RETURN(Prepared p, prepare(launch));
  for (int i = 0; i < launch.times; ++i)
    R1_RETURN_IF_ERROR(enqueue(launch, p));
  R1_RETURN_IF_ERROR(context_->finish(("running " + launch.kernel).c_str()));
  for (size_t i = 0; i < launch.buffers.size(); ++i)
    R1_CUDA(context_->driver, cuMemcpyDtoHAsync, "copying from the GPU", launch.buffers[i].data(),
            p.memory[i].address(), launch.buffers[i].size(), context_->stream);
  return context_->finish("copying from the GPU");
}

Result<double> Gpu::seconds(Launch& launch) {
  constexpr int kRuns = 9;
  R1_RETURN_IF_ERROR(context_->enter());
  R1_ASSIGN_OR_RETURN(Prepared p, prepare(launch));
  R1_ASSIGN_OR_RETURN(cuda::Event begin, cuda::Event::create(*context_, true));
  R1_ASSIGN_OR_RETURN(cuda::Event end, cuda::Event::create(*context_, true));
  std::vector<double> times;
  for (int i = 0; i <= kRuns; ++i) {
    R1_RETURN_IF_ERROR(begin.record());
    R1_RETURN_IF_ERROR(enqueue(launch, p));
    R1_RETURN_IF_ERROR(end.record());
    R1_RETURN_IF_ERROR(end.wait(launch.kernel.c_str()));
    R1_ASSIGN_OR_RETURN(double seconds, cuda::Event::seconds(begin, end));
    if (i > 0) // the first run warms up
      times.push_back(seconds);
  }
  std::nth_element(times.begin(), times.begin() + kRuns / 2, times.end());
  return times[kRuns / 2];
}

} // namespace r1::conformance
