// What the driver's functions have in common: their declarations, locks and checks.
#pragma once
#include <algorithm>

#include "tools/simcuda/machine.h"

#define R1_DECLARE(name, version, symbol, parameters) extern "C" R1_SIMT_EXPORT int symbol parameters;
R1_CUDA_DRIVER(R1_DECLARE)
#undef R1_DECLARE
extern "C" R1_SIMT_EXPORT int cuGetProcAddress_v2(const char*, void**, int, uint64_t, int*);

namespace r1::simcuda {

extern thread_local Device* current_device; // whose context the thread entered

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
    // Devices are made anew where nobody uses one, and other threads are not told.
    auto known = [](const auto& d) { return d.get() == current_device; };
    if (std::none_of(m.devices.begin(), m.devices.end(), known) || current_device->references == 0)
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

inline Error no_handle(Machine& m, const char* what) {
  return m.refuse(driver::kInvalidHandle, std::string("no such ") + what);
}

inline bool in_device(Machine& m, driver::Pointer p, size_t bytes) {
  return std::any_of(m.devices.begin(), m.devices.end(),
                     [&](const auto& d) { return d->memory.holds(uintptr_t(p), bytes); });
}

// Ok where a range of the host may be copied: page-locked memory must hold all of it.
inline bool in_host(Machine& m, const void* p, size_t bytes) {
  auto address = reinterpret_cast<uintptr_t>(p);
  return !in_device(m, address, 0) && (!m.pinned.touches(address) || m.pinned.holds(address, bytes));
}

inline Error outside(Machine& m, const char* what) {
  return m.refuse(driver::kInvalidValue, std::string(what) + " leaves its allocation");
}

} // namespace r1::simcuda
