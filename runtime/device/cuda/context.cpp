#include "runtime/device/cuda/context.h"

namespace r1::cuda {

Result<std::vector<Gpu>> list_gpus(const Driver& driver) {
  int count = 0;
  R1_CUDA(driver, cuDeviceGetCount, "counting GPUs", &count);
  std::vector<Gpu> gpus;
  for (int i = 0; i < count; ++i) {
    Gpu gpu;
    char name[256] = {};
    R1_CUDA(driver, cuDeviceGet, "looking at the GPU", &gpu.device, i);
    R1_CUDA(driver, cuDeviceGetName, "looking at the GPU", name, int(sizeof name) - 1, gpu.device);
    R1_CUDA(driver, cuDeviceGetAttribute, "looking at the GPU", &gpu.capability.major,
            driver::kCapabilityMajor, gpu.device);
    R1_CUDA(driver, cuDeviceGetAttribute, "looking at the GPU", &gpu.capability.minor,
            driver::kCapabilityMinor, gpu.device);
    gpu.name = name;
    gpus.push_back(std::move(gpu));
  }
  if (gpus.empty())
    return driver.check(driver::kNoDevice, "counting GPUs");
  return gpus;
}

Result<std::unique_ptr<Context>> Context::open(const Driver& driver, const Gpu& gpu) {
  std::unique_ptr<Context> c(new Context(driver, gpu));
  R1_CUDA(driver, cuDevicePrimaryCtxRetain, "opening the GPU", &c->context_, gpu.device);
  R1_RETURN_IF_ERROR(c->enter());
  R1_CUDA(driver, cuStreamCreate, "opening the GPU", &c->stream, driver::kStreamNonBlocking);
  return c;
}

Context::~Context() {
  // Nothing can be done about a GPU that fails while it is closed.
  if (stream && enter().ok())
    (void)driver.cuStreamDestroy(stream);
  if (context_)
    (void)driver.cuDevicePrimaryCtxRelease(gpu.device);
}

Result<uint64_t> Context::free_memory() const {
  size_t free = 0, total = 0;
  R1_CUDA(driver, cuMemGetInfo, "asking for free memory", &free, &total);
  return uint64_t(free);
}

Result<DeviceMemory> DeviceMemory::allocate(const Context& context, uint64_t bytes, const char* what) {
  DeviceMemory memory;
  if (bytes == 0)
    return memory;
  std::string doing = format("allocating %.1f MiB for %s", double(bytes) / (1 << 20), what);
  R1_CUDA(context.driver, cuMemAlloc, doing.c_str(), &memory.address_, bytes);
  memory.context_ = &context;
  memory.bytes_ = bytes;
  return memory;
}

DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(address_, other.address_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

DeviceMemory::~DeviceMemory() {
  if (context_ && context_->enter().ok())
    (void)context_->driver.cuMemFree(address_);
}

Result<PinnedMemory> PinnedMemory::allocate(const Context& context, uint64_t bytes) {
  PinnedMemory memory;
  if (bytes == 0)
    return memory;
  void* data = nullptr;
  int result = context.driver.cuMemHostAlloc(&data, bytes, 0);
  if (result == driver::kOutOfMemory) // of the host, so the driver's own words would mislead
    return fail(Code::kOutOfMemory, "the system refused %.1f MiB of page-locked memory; close other programs",
                double(bytes) / (1 << 20));
  R1_RETURN_IF_ERROR(context.driver.check(result, "allocating page-locked memory"));
  memory.context_ = &context;
  memory.data_ = static_cast<uint8_t*>(data);
  memory.bytes_ = bytes;
  return memory;
}

PinnedMemory& PinnedMemory::operator=(PinnedMemory&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

PinnedMemory::~PinnedMemory() {
  if (context_ && context_->enter().ok())
    (void)context_->driver.cuMemFreeHost(data_);
}

Result<Event> Event::create(const Context& context, bool timed) {
  Event e;
  R1_CUDA(context.driver, cuEventCreate, "preparing a step", &e.event_,
          timed ? driver::kEventDefault : driver::kEventNoTiming);
  e.context_ = &context;
  return e;
}

Event& Event::operator=(Event&& other) noexcept {
  std::swap(context_, other.context_);
  std::swap(event_, other.event_);
  return *this;
}

Event::~Event() {
  if (context_ && context_->enter().ok())
    (void)context_->driver.cuEventDestroy(event_);
}

Status Event::record() const {
  return context_->driver.check(context_->driver.cuEventRecord(event_, context_->stream),
                                "marking the stream");
}

Status Event::wait(const char* doing) const {
  return context_->driver.check(context_->driver.cuEventSynchronize(event_), doing);
}

Result<double> Event::seconds(const Event& begin, const Event& end) {
  float milliseconds = 0;
  R1_CUDA(begin.context_->driver, cuEventElapsedTime, "measuring time", &milliseconds, begin.event_,
          end.event_);
  return double(milliseconds) * 1e-3;
}

} // namespace r1::cuda
