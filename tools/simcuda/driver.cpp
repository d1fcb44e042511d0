// The driver's functions, as runtime/device/cuda/driver_api.h lists them, on a simulated machine: the driver itself, its devices
// and their memory.
#include <cstdio>
#include <cstring>

#include "tools/simcuda/calls.h"

using namespace r1::simcuda;
namespace driver = r1::driver;

thread_local Device* r1::simcuda::current_device = nullptr;

namespace {

struct Named {
  int error;
  const char *name, *text;
};
constexpr Named kErrors[] = {
    {driver::kSuccess, "CUDA_SUCCESS", "no error"},
    {driver::kInvalidValue, "CUDA_ERROR_INVALID_VALUE", "invalid argument"},
    {driver::kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY", "out of memory"},
    {driver::kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED", "initialization error"},
    {driver::kNoDevice, "CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"},
    {driver::kInvalidDevice, "CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"},
    {driver::kInvalidImage, "CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"},
    {driver::kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT", "invalid device context"},
    {driver::kNoBinaryForGpu, "CUDA_ERROR_NO_BINARY_FOR_GPU", "no kernel image is available for the device"},
    {driver::kOperatingSystem, "CUDA_ERROR_OPERATING_SYSTEM", "OS call failed"},
    {driver::kInvalidHandle, "CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"},
    {driver::kNotFound, "CUDA_ERROR_NOT_FOUND", "named symbol not found"},
    {driver::kNotReady, "CUDA_ERROR_NOT_READY", "device not ready"},
    {driver::kIllegalAddress, "CUDA_ERROR_ILLEGAL_ADDRESS", "an illegal memory access was encountered"},
    {driver::kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"},
    {driver::kUnknown, "CUDA_ERROR_UNKNOWN", "unknown error"},
};

const Named* named(int error) {
  auto found =
      std::find_if(std::begin(kErrors), std::end(kErrors), [&](const Named& n) { return n.error == error; });
  return found == std::end(kErrors) ? nullptr : found;
}

} // namespace

// ---- The driver itself

int cuInit(unsigned flags) {
  Machine& m = Machine::get();
  std::lock_guard lock(m.mutex);
  return flags ? m.refuse(driver::kInvalidValue, "cuInit takes no flags") : m.initialise();
}

// What the configuration says, whether the driver has been started or not: so does a real one.
int cuDriverGetVersion(int* version) {
  Machine& m = Machine::get();
  std::lock_guard lock(m.mutex);
  Config config;
  const char* text = getenv("R1_SIMCUDA");
  (void)parse(text ? text : "", config); // cuInit complains
  *version = config.driver;
  return driver::kSuccess;
}

int cuGetErrorName(int result, const char** text) {
  const Named* n = named(result);
  *text = n ? n->name : nullptr;
  return n ? driver::kSuccess : driver::kInvalidValue;
}

// Says more than a real driver does: what exactly went wrong last.
int cuGetErrorString(int result, const char** text) {
  Machine& m = Machine::get();
  std::lock_guard lock(m.mutex);
  thread_local std::string said;
  const Named* n = named(result);
  *text = n ? n->text : nullptr;
  if (n && result != driver::kSuccess && !m.reason.empty())
    said = m.reason, *text = said.c_str();
  return n ? driver::kSuccess : driver::kInvalidValue;
}

int cuGetProcAddress_v2(const char* name, void** function, int version, uint64_t, int* found) {
  constexpr int kFound = 0, kNoSymbol = 1, kTooOld = 2;
  int offered = 0, how = kNoSymbol;
  (void)cuDriverGetVersion(&offered);
  *function = nullptr;
#define R1_FIND(api, since, symbol, parameters)                                                              \
  if (!strcmp(name, #api)) {                                                                                 \
    how = version >= since && offered >= since ? kFound : kTooOld;                                           \
    if (how == kFound)                                                                                       \
      *function = reinterpret_cast<void*>(&symbol);                                                          \
  }
  R1_CUDA_DRIVER(R1_FIND)
#undef R1_FIND
  if (found)
    *found = how;
  return how == kFound ? driver::kSuccess : driver::kNotFound;
}

// ---- Devices and contexts

int cuDeviceGetCount(int* count) {
  return call([&](Machine& m) { return *count = int(m.devices.size()), driver::kSuccess; });
}

int cuDeviceGet(int* device, int ordinal) {
  return call([&](Machine& m) -> Error {
    if (!m.device(ordinal))
      return m.refuse(driver::kInvalidDevice, "there is no device " + std::to_string(ordinal));
    return *device = ordinal, driver::kSuccess;
  });
}

int cuDeviceGetName(char* name, int size, int device) {
  return call([&](Machine& m) -> Error {
    if (!m.device(device) || size < 1)
      return m.refuse(driver::kInvalidDevice, "there is no device " + std::to_string(device));
    snprintf(name, size_t(size), "simulated GPU %d (sm_%d)", device, m.config.chip);
    return driver::kSuccess;
  });
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  return call([&](Machine& m) -> Error {
    if (!m.device(device))
      return m.refuse(driver::kInvalidDevice, "there is no device " + std::to_string(device));
    switch (attribute) {
    case driver::kMultiprocessors:
      return *value = 4, driver::kSuccess;
    case driver::kCapabilityMajor:
      return *value = m.config.chip / 10, driver::kSuccess;
    case driver::kCapabilityMinor:
      return *value = m.config.chip % 10, driver::kSuccess;
    case driver::kMaxSharedBytes:
      return *value = max_shared_bytes(m.config.chip), driver::kSuccess;
    }
    return m.refuse(driver::kInvalidValue, "attribute " + std::to_string(attribute) + " is not simulated");
  });
}

int cuDevicePrimaryCtxRetain(driver::Context* context, int device) {
  return call([&](Machine& m) -> Error {
    Device* d = m.device(device);
    if (!d)
      return m.refuse(driver::kInvalidDevice, "there is no device " + std::to_string(device));
    if (d->error != driver::kSuccess)
      return d->error;
    ++d->references;
    *context = reinterpret_cast<driver::Context>(d);
    return driver::kSuccess;
  });
}

int cuDevicePrimaryCtxRelease_v2(int device) {
  return call([&](Machine& m) -> Error {
    Device* d = m.device(device);
    if (!d || d->references == 0)
      return m.refuse(driver::kInvalidContext, "the context of this device is not retained");
    if (--d->references == 0 && current_device == d)
      current_device = nullptr;
    return driver::kSuccess;
  });
}

int cuCtxSetCurrent(driver::Context context) {
  return call([&](Machine& m) -> Error {
    if (!context)
      return current_device = nullptr, driver::kSuccess;
    for (const auto& d : m.devices)
      if (reinterpret_cast<driver::Context>(d.get()) == context && d->references > 0)
        return current_device = d.get(), driver::kSuccess;
    return m.refuse(driver::kInvalidContext, "no such context");
  });
}

// ---- Memory

int cuMemGetInfo_v2(size_t* free, size_t* total) {
  return call_on_device([&](Machine& m, Device& d) {
    *total = m.config.memory;
    *free = m.config.memory - std::min(m.config.memory, d.memory.used());
    return driver::kSuccess;
  });
}

int cuMemAlloc_v2(driver::Pointer* pointer, size_t bytes) {
  return call_on_device([&](Machine& m, Device& d) -> Error {
    if (bytes == 0)
      return m.refuse(driver::kInvalidValue, "an allocation of no bytes");
    bool full = d.memory.used() > m.config.memory || bytes > m.config.memory - d.memory.used();
    if (++m.allocations == m.config.alloc_fails || full)
      return m.refuse(driver::kOutOfMemory, "out of memory");
    uintptr_t address = d.memory.allocate(bytes);
    if (!address)
      return m.refuse(driver::kOutOfMemory, "the machine that simulates is out of memory");
    return *pointer = address, driver::kSuccess;
  });
}

int cuMemFree_v2(driver::Pointer pointer) {
  return call_on_device([&](Machine& m, Device& d) -> Error {
    (void)m.drain(d);
    bool known = false;
    std::string damage = d.memory.free(uintptr_t(pointer), known);
    if (!known)
      return m.refuse(driver::kInvalidValue, "what is freed was not allocated");
    if (!damage.empty())
      return m.fail(d, driver::kIllegalAddress, "an illegal memory access was encountered (" + damage + ")");
    return driver::kSuccess;
  });
}

int cuMemHostAlloc(void** pointer, size_t bytes, unsigned) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    uintptr_t address = bytes ? m.pinned.allocate(bytes) : 0;
    if (!address)
      return m.refuse(bytes ? driver::kOutOfMemory : driver::kInvalidValue, "no page-locked memory");
    *pointer = reinterpret_cast<void*>(address);
    return driver::kSuccess;
  });
}

int cuMemFreeHost(void* pointer) {
  return call_on_device([&](Machine& m, Device& d) -> Error {
    (void)m.drain(d);
    bool known = false;
    std::string damage = m.pinned.free(reinterpret_cast<uintptr_t>(pointer), known);
    if (!known)
      return m.refuse(driver::kInvalidValue, "what is freed was not allocated");
    if (!damage.empty())
      return m.refuse(driver::kInvalidValue, "page-locked memory was damaged: " + damage);
    return driver::kSuccess;
  });
}
