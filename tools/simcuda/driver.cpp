// The driver's functions, as runtime/device/cuda/driver_api.h lists them, on a simulated machine.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>

#include "kernels/simt/tensor_map.h"
#include "tools/simcuda/machine.h"

using namespace r1::simcuda;
namespace driver = r1::driver;
namespace simt = r1::simt;

#define R1_DECLARE(name, version, symbol, parameters) extern "C" R1_SIMT_EXPORT int symbol parameters;
R1_CUDA_DRIVER(R1_DECLARE)
#undef R1_DECLARE
extern "C" R1_SIMT_EXPORT int cuGetProcAddress_v2(const char*, void**, int, uint64_t, int*);

namespace {

thread_local Device* current_device = nullptr; // whose context the thread entered

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Handles are the addresses of what they stand for.
template <class Handle, class T> T* find(std::map<void*, std::unique_ptr<T>>& all, Handle handle) {
  auto found = all.find(handle);
  return found == all.end() ? nullptr : found->second.get();
}
template <class Handle, class T>
Handle keep(std::map<void*, std::unique_ptr<T>>& all, std::unique_ptr<T> value) {
  void* handle = value.get();
  all[handle] = std::move(value);
  return reinterpret_cast<Handle>(handle);
}

// A call that needs a started driver.
template <class Body> int call(Body body) {
  Machine& m = Machine::get();
  std::lock_guard lock(m.mutex);
  if (!m.initialised)
    return m.refuse(driver::kNotInitialized, "cuInit has not been called");
  return body(m);
}

// A call that needs the thread's context; it fails once the device has.
template <class Body> int call_on_device(Body body) {
  return call([&](Machine& m) -> Error {
    if (!current_device)
      return m.refuse(driver::kInvalidContext, "the thread has entered no context");
    if (current_device->error != driver::kSuccess)
      return current_device->error;
    return body(m, *current_device);
  });
}

// A call that puts work into a stream.
template <class Body> int call_on_stream(driver::Stream handle, Body body) {
  return call_on_device([&](Machine& m, Device& device) -> Error {
    Stream* stream = find(m.streams, handle);
    if (!stream || stream->device != &device)
      return m.refuse(driver::kInvalidHandle, "no stream of this context");
    return body(m, device, *stream);
  });
}

Error no_handle(Machine& m, const char* what) {
  return m.refuse(driver::kInvalidHandle, std::string("no such ") + what);
}

bool in_device(Machine& m, driver::Pointer p, size_t bytes) {
  return std::any_of(m.devices.begin(), m.devices.end(),
                     [&](const auto& d) { return d->memory.holds(uintptr_t(p), bytes); });
}

// Ok where a range of the host may be copied: page-locked memory must hold all of it.
bool in_host(Machine& m, const void* p, size_t bytes) {
  auto address = reinterpret_cast<uintptr_t>(p);
  return !in_device(m, address, 0) && (!m.pinned.touches(address) || m.pinned.holds(address, bytes));
}

Error outside(Machine& m, const char* what) {
  return m.refuse(driver::kInvalidValue, std::string(what) + " leaves its allocation");
}

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

// ---- Work in streams

int cuMemcpyHtoDAsync_v2(driver::Pointer to, const void* from, size_t bytes, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    if (!in_device(m, to, bytes) || !in_host(m, from, bytes))
      return outside(m, "a copy to the device");
    auto target = reinterpret_cast<uint8_t*>(to);
    if (m.pinned.touches(reinterpret_cast<uintptr_t>(from))) {
      m.add(s, [=] { return memcpy(target, from, bytes), driver::kSuccess; });
      return driver::kSuccess;
    }
    // Ordinary memory is read before the call returns.
    auto first = static_cast<const uint8_t*>(from);
    m.add(s, [=, copy = std::vector<uint8_t>(first, first + bytes)] {
      return memcpy(target, copy.data(), bytes), driver::kSuccess;
    });
    return driver::kSuccess;
  });
}

int cuMemcpyDtoHAsync_v2(void* to, driver::Pointer from, size_t bytes, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    if (!in_device(m, from, bytes) || !in_host(m, to, bytes))
      return outside(m, "a copy from the device");
    m.add(s, [=] { return memcpy(to, reinterpret_cast<const void*>(from), bytes), driver::kSuccess; });
    // Ordinary memory is written before the call returns.
    return m.pinned.touches(reinterpret_cast<uintptr_t>(to)) ? driver::kSuccess : m.drain(s, s.added);
  });
}

int cuMemcpyDtoDAsync_v2(driver::Pointer to, driver::Pointer from, size_t bytes, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    if (!in_device(m, from, bytes) || !in_device(m, to, bytes))
      return outside(m, "a copy on the device");
    m.add(s, [=] {
      memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
      return driver::kSuccess;
    });
    return driver::kSuccess;
  });
}

int cuMemsetD8Async(driver::Pointer to, unsigned char value, size_t bytes, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    if (!in_device(m, to, bytes))
      return outside(m, "a fill");
    m.add(s, [=] { return memset(reinterpret_cast<void*>(to), value, bytes), driver::kSuccess; });
    return driver::kSuccess;
  });
}

int cuStreamCreate(driver::Stream* stream, unsigned) {
  return call_on_device([&](Machine& m, Device& d) {
    *stream = keep<driver::Stream>(m.streams, std::unique_ptr<Stream>(new Stream{&d, {}}));
    return driver::kSuccess;
  });
}

int cuStreamDestroy_v2(driver::Stream stream) {
  return call([&](Machine& m) -> Error {
    Stream* s = find(m.streams, stream);
    if (!s)
      return no_handle(m, "stream");
    Error error = m.drain(*s, s->added);
    for (auto& [handle, event] : m.events)
      if (event->stream == s)
        event->stream = nullptr; // all it marks is done
    m.streams.erase(stream);
    return error;
  });
}

int cuStreamSynchronize(driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) { return m.drain(s, s.added); });
}

int cuEventCreate(driver::Event* event, unsigned flags) {
  return call_on_device([&](Machine& m, Device&) {
    *event =
        keep<driver::Event>(m.events, std::unique_ptr<Event>(new Event{!(flags & driver::kEventNoTiming)}));
    return driver::kSuccess;
  });
}

int cuEventDestroy_v2(driver::Event event) {
  return call([&](Machine& m) -> Error {
    Event* e = find(m.events, event);
    if (!e)
      return no_handle(m, "event");
    if (e->stream) // its mark may still be to come
      (void)m.drain(*e->stream, e->number);
    m.events.erase(event);
    return driver::kSuccess;
  });
}

int cuEventRecord(driver::Event event, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream& s) -> Error {
    Event* e = find(m.events, event);
    if (!e)
      return no_handle(m, "event");
    if (e->stream)
      (void)m.drain(*e->stream, e->number);
    m.add(s, [e] { return e->seconds = now(), driver::kSuccess; });
    e->stream = &s;
    e->number = s.added;
    return driver::kSuccess;
  });
}

int cuEventSynchronize(driver::Event event) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Event* e = find(m.events, event);
    if (!e)
      return no_handle(m, "event");
    return e->stream ? m.drain(*e->stream, e->number) : driver::kSuccess;
  });
}

int cuEventElapsedTime(float* milliseconds, driver::Event begin, driver::Event end) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Event *b = find(m.events, begin), *e = find(m.events, end);
    if (!b || !e || !b->timed || !e->timed)
      return no_handle(m, "timed event");
    if (!b->stream || !e->stream)
      return m.refuse(driver::kInvalidHandle, "an event that was not recorded");
    if (b->stream->done < b->number || e->stream->done < e->number)
      return m.refuse(driver::kNotReady, "an event that has not passed");
    return *milliseconds = float((e->seconds - b->seconds) * 1e3), driver::kSuccess;
  });
}

// ---- Code

int cuLibraryLoadData(driver::Library* library, const void* code, int*, void**, unsigned, int*, void**,
                      unsigned) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    std::unique_ptr<Image> image;
    std::string reason;
    Error error = Image::load(code, image, reason);
    if (error != driver::kSuccess)
      return m.refuse(error, reason);
    *library = keep<driver::Library>(m.images, std::move(image));
    return driver::kSuccess;
  });
}

int cuLibraryUnload(driver::Library library) {
  return call_on_device([&](Machine& m, Device& d) -> Error {
    (void)m.drain(d);
    return m.images.erase(library) ? driver::kSuccess : no_handle(m, "library");
  });
}

int cuLibraryGetKernel(driver::Kernel* kernel, driver::Library library, const char* name) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Image* image = find(m.images, library);
    if (!image)
      return no_handle(m, "library");
    Kernel* found = image->find(name);
    if (!found)
      return m.refuse(driver::kNotFound, std::string("the image has no kernel ") + name);
    *kernel = reinterpret_cast<driver::Kernel>(found);
    return driver::kSuccess;
  });
}

int cuKernelSetAttribute(int attribute, int value, driver::Kernel handle, int) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    auto* kernel = reinterpret_cast<Kernel*>(handle);
    if (!m.owns(kernel))
      return no_handle(m, "kernel");
    if (attribute != driver::kMaxDynamicSharedBytes || value < 0 || value > max_shared_bytes(m.config.chip))
      return m.refuse(driver::kInvalidValue, "kernel " + kernel->name + ": attribute " +
                                                 std::to_string(attribute) + " cannot be " +
                                                 std::to_string(value));
    kernel->shared_allowed = std::max(uint32_t(value), driver::kFreeSharedBytes);
    return driver::kSuccess;
  });
}

// Grids of one dimension, which is all that our kernels are.
static Error make_launch(Machine& m, void* handle, const unsigned (&grid)[3], const unsigned (&block)[3],
                         unsigned shared_bytes, void** params, Launch& launch) {
  auto* kernel = static_cast<Kernel*>(handle);
  if (!m.owns(kernel))
    return no_handle(m, "kernel");
  if (grid[1] != 1 || grid[2] != 1 || block[1] != 1 || block[2] != 1)
    return m.refuse(driver::kInvalidValue,
                    "kernel " + kernel->name + ": only grids of one dimension are simulated");
  std::string reason;
  Error error = Launch::make(kernel, grid[0], block[0], shared_bytes, params, launch, reason);
  return error == driver::kSuccess ? error : m.refuse(error, reason);
}

int cuLaunchKernel(driver::Function function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                   unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared_bytes,
                   driver::Stream stream, void** params, void**) {
  return call_on_stream(stream, [&](Machine& m, Device& d, Stream& s) -> Error {
    Launch launch;
    Error error = make_launch(m, function, {grid_x, grid_y, grid_z}, {block_x, block_y, block_z},
                              shared_bytes, params, launch);
    if (error != driver::kSuccess)
      return error;
    m.add(s, [&m, &d, launch = std::move(launch)] { return m.run(d, launch); });
    return driver::kSuccess;
  });
}

// ---- Graphs

int cuGraphCreate(driver::Graph* graph, unsigned) {
  return call([&](Machine& m) {
    return *graph = keep<driver::Graph>(m.graphs, std::make_unique<Graph>()), driver::kSuccess;
  });
}

int cuGraphDestroy(driver::Graph graph) {
  return call([&](Machine& m) { return m.graphs.erase(graph) ? driver::kSuccess : no_handle(m, "graph"); });
}

int cuGraphAddKernelNode_v2(driver::Node* node, driver::Graph handle, const driver::Node* after, size_t count,
                            const driver::NodeParams* p) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Graph* graph = find(m.graphs, handle);
    if (!graph)
      return no_handle(m, "graph");
    auto made = std::make_unique<Node>();
    for (size_t i = 0; i < count; ++i) {
      auto same = [&](const auto& n) { return reinterpret_cast<driver::Node>(n.get()) == after[i]; };
      auto found = std::find_if(graph->nodes.begin(), graph->nodes.end(), same);
      if (found == graph->nodes.end())
        return m.refuse(driver::kInvalidValue, "a node waits for one of another graph");
      made->after.push_back(size_t(found - graph->nodes.begin()));
    }
    void* kernel = p->function ? static_cast<void*>(p->function) : static_cast<void*>(p->kernel);
    Error error = make_launch(m, kernel, {p->grid_x, p->grid_y, p->grid_z},
                              {p->block_x, p->block_y, p->block_z}, p->shared_bytes, p->params, made->launch);
    if (error != driver::kSuccess)
      return error;
    *node = reinterpret_cast<driver::Node>(made.get());
    graph->nodes.push_back(std::move(made));
    return driver::kSuccess;
  });
}

int cuGraphInstantiateWithFlags(driver::Executable* executable, driver::Graph handle, unsigned long long) {
  return call_on_device([&](Machine& m, Device&) -> Error {
    Graph* graph = find(m.graphs, handle);
    if (!graph)
      return no_handle(m, "graph");
    auto made = std::make_unique<Executable>();
    for (const auto& node : graph->nodes)
      made->nodes.push_back(*node);
    *executable = keep<driver::Executable>(m.executables, std::move(made));
    return driver::kSuccess;
  });
}

int cuGraphExecDestroy(driver::Executable executable) {
  return call([&](Machine& m) -> Error {
    for (const auto& d : m.devices)
      (void)m.drain(*d);
    return m.executables.erase(executable) ? driver::kSuccess : no_handle(m, "executable graph");
  });
}

int cuGraphUpload(driver::Executable executable, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device&, Stream&) {
    return find(m.executables, executable) ? driver::kSuccess : no_handle(m, "executable graph");
  });
}

int cuGraphLaunch(driver::Executable handle, driver::Stream stream) {
  return call_on_stream(stream, [&](Machine& m, Device& d, Stream& s) -> Error {
    Executable* executable = find(m.executables, handle);
    if (!executable)
      return no_handle(m, "executable graph");
    m.add(s, [&m, &d, executable] { return m.run(d, *executable); });
    return driver::kSuccess;
  });
}

// ---- Tensor maps

int cuTensorMapEncodeTiled(driver::TensorMap* map, int type, uint32_t rank, void* address,
                           const uint64_t* extents, const uint64_t* strides, const uint32_t* box,
                           const uint32_t* element_strides, int interleave, int swizzle, int promotion,
                           int fill) {
  return call([&](Machine& m) -> Error {
    simt::TensorMapFacts facts{uint32_t(type),    rank,
                               address,           extents,
                               strides,           box,
                               element_strides,   uint32_t(interleave),
                               uint32_t(swizzle), uint32_t(promotion),
                               uint32_t(fill)};
    if (std::string why = simt::encode_tensor_map(map, facts); !why.empty())
      return m.refuse(driver::kInvalidValue, why);
    // A real driver trusts the caller here.
    simt::TensorMapView view;
    memcpy(&view, map, sizeof view);
    uint64_t bytes = view.strides[0];
    for (uint32_t i = 0; i < rank; ++i)
      bytes += (view.dims[i] - 1) * view.strides[i];
    return in_device(m, reinterpret_cast<uintptr_t>(address), bytes) ? driver::kSuccess
                                                                     : outside(m, "a tensor map");
  });
}
