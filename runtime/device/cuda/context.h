// A GPU of this machine, chosen and ready, and what is allocated on it.
#pragma once
#include <memory>
#include <utility>
#include <vector>

#include "runtime/device/cuda/chip.h"
#include "runtime/device/cuda/driver.h"

namespace r1::cuda {

// A device that the driver sees.
struct Gpu {
  int device = 0;
  std::string name;
  Capability capability;
};
Result<std::vector<Gpu>> list_gpus(const Driver& driver);

// The primary context of a GPU and one stream in it. What is allocated in it must go before it.
class Context {
public:
  static Result<std::unique_ptr<Context>> open(const Driver& driver, const Gpu& gpu);
  Context(const Context&) = delete;
  ~Context();

  // Makes it the calling thread's; what else takes a Context expects that.
  Status enter() const { return driver.check(driver.cuCtxSetCurrent(context_), "entering the context"); }
  // Waits for all work.
  Status finish(const char* doing) const { return driver.check(driver.cuStreamSynchronize(stream), doing); }
  // Bytes that can be allocated.
  Result<uint64_t> free_memory() const;

  const Driver driver;
  const Gpu gpu;
  driver::Stream stream = nullptr;

private:
  Context(const Driver& d, const Gpu& g) : driver(d), gpu(g) {}
  driver::Context context_ = nullptr;
};

// A range of the GPU's memory, uninitialised. Frees itself.
class DeviceMemory {
public:
  DeviceMemory() = default;
  static Result<DeviceMemory> allocate(const Context& context, uint64_t bytes, const char* what);
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;
  ~DeviceMemory();

  driver::Pointer address() const { return address_; }
  uint64_t bytes() const { return bytes_; }

private:
  const Context* context_ = nullptr;
  driver::Pointer address_ = 0;
  uint64_t bytes_ = 0;
};

// Memory of the host that the GPU copies from and to by itself; page-aligned. Frees itself.
class PinnedMemory {
public:
  PinnedMemory() = default;
  static Result<PinnedMemory> allocate(const Context& context, uint64_t bytes);
  PinnedMemory(PinnedMemory&& other) noexcept { *this = std::move(other); }
  PinnedMemory& operator=(PinnedMemory&& other) noexcept;
  ~PinnedMemory();

  uint8_t* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

private:
  const Context* context_ = nullptr;
  uint8_t* data_ = nullptr;
  uint64_t bytes_ = 0;
};

// A mark in the context's stream.
class Event {
public:
  Event() = default;
  static Result<Event> create(const Context& context, bool timed);
  Event(Event&& other) noexcept { *this = std::move(other); }
  Event& operator=(Event&& other) noexcept;
  ~Event();

  Status record() const;
  Status wait(const char* doing) const; // until all before the mark is done
  // Seconds between two marks that have passed.
  static Result<double> seconds(const Event& begin, const Event& end);

private:
  const Context* context_ = nullptr;
  driver::Event event_ = nullptr;
};

} // namespace r1::cuda
