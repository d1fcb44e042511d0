#include "tools/simcuda/machine.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>

namespace r1::simcuda {

Machine& Machine::get() {
  static auto* machine = new Machine; // whoever closes a device while the process ends still finds it
  return *machine;
}

Error Machine::initialise() {
  bool used = std::any_of(devices.begin(), devices.end(), [](const auto& d) { return d->references > 0; });
  if (used)
    return driver::kSuccess;
  initialised = false;
  const char* text = getenv("R1_SIMCUDA");
  config = Config();
  if (std::string why = parse(text ? text : "", config); !why.empty())
    return refuse(driver::kInvalidValue, why);
  // What a failed device left behind.
  executables.clear(), graphs.clear(), events.clear(), streams.clear(), images.clear();
  pinned.clear();
  devices.clear();
  allocations = kernels_run_ = graphs_run_ = 0;
  for (int i = 0; i < config.devices; ++i) {
    devices.push_back(std::make_unique<Device>());
    devices.back()->ordinal = i;
  }
  if (devices.empty())
    return refuse(driver::kNoDevice, "no CUDA-capable device is detected");
  catch_wild_accesses();
  initialised = true;
  return driver::kSuccess;
}

Device* Machine::device(int ordinal) {
  return ordinal >= 0 && size_t(ordinal) < devices.size() ? devices[size_t(ordinal)].get() : nullptr;
}

bool Machine::owns(const Kernel* kernel) const {
  return std::any_of(images.begin(), images.end(), [&](const auto& i) { return i.second->owns(kernel); });
}

void Machine::add(Stream& stream, std::function<Error()> work) {
  stream.work.push_back(std::move(work));
  ++stream.added;
}

Error Machine::drain(Stream& stream, uint64_t number) {
  while (stream.done < number && !stream.work.empty()) {
    auto work = std::move(stream.work.front());
    stream.work.pop_front();
    ++stream.done;
    if (stream.device->error == driver::kSuccess)
      (void)work(); // what fails on a device stays with it
  }
  return stream.device->error;
}

Error Machine::drain(Device& device) {
  for (auto& [handle, stream] : streams)
    if (stream->device == &device)
      (void)drain(*stream, stream->added);
  return device.error;
}

Error Launch::make(Kernel* kernel, unsigned grid, unsigned threads, unsigned shared_bytes, void** params,
                   Launch& out, std::string& reason) {
  const simt::KernelInfo& info = kernel->info;
  auto bad = [&](const std::string& why) {
    reason = "kernel " + kernel->name + ": " + why;
    return driver::kInvalidValue;
  };
  if (grid == 0 || grid > INT32_MAX)
    return bad("a grid of " + std::to_string(grid) + " blocks");
  if (threads != info.threads)
    return bad("blocks of " + std::to_string(threads) + " threads, it was compiled for " +
               std::to_string(info.threads));
  if (shared_bytes > kernel->shared_allowed)
    return bad(std::to_string(shared_bytes) + " bytes of dynamic shared memory, " +
               std::to_string(kernel->shared_allowed) + " are allowed");
  if (shared_bytes < info.shared_bytes)
    return bad(std::to_string(shared_bytes) + " bytes of dynamic shared memory, it uses " +
               std::to_string(info.shared_bytes));
  out.kernel = kernel;
  out.shape = {grid, threads, shared_bytes};
  for (unsigned i = 0; i < info.params; ++i) {
    out.offsets.push_back(out.storage.size());
    size_t bytes = info.param_bytes[i];
    out.storage.resize(out.storage.size() +
                       (bytes + sizeof(driver::TensorMap) - 1) / sizeof(driver::TensorMap));
    memcpy(out.storage.data() + out.offsets.back(), params[i], bytes);
  }
  return driver::kSuccess;
}

Error Machine::run(Device& device, const Launch& launch) {
  if (device.error != driver::kSuccess)
    return device.error;
  uint64_t number = ++kernels_run_;
  if (config.lost_after && number > config.lost_after)
    return fail(device, driver::kUnknown, "unknown error (R1_SIMCUDA says lost_after)");
  if (number == config.launch_fails)
    return fail(device, driver::kLaunchFailed,
                "unspecified launch failure (kernel " + launch.kernel->name +
                    ", R1_SIMCUDA says launch_fails)");
  std::vector<driver::TensorMap> storage = launch.storage; // a kernel cannot change its parameters
  std::vector<void*> params;
  for (size_t offset : launch.offsets)
    params.push_back(storage.data() + offset);
  simt::Schedule schedule = config.schedule;
  schedule.seed += number * 0x9e3779b97f4a7c15u; // another order in every launch
  std::string wrong = simt::launch(launch.kernel->entry, launch.shape, params.data(), schedule);
  if (wild_access_seen())
    return fail(device, driver::kIllegalAddress, "an illegal memory access was encountered (" + wrong + ")");
  if (!wrong.empty())
    return fail(device, driver::kLaunchFailed, "unspecified launch failure (" + wrong + ")");
  for (auto& d : devices)
    if (std::string damage = d->memory.damage(); !damage.empty())
      return fail(device, driver::kIllegalAddress,
                  "an illegal memory access was encountered (kernel " + launch.kernel->name + ": " + damage +
                      ")");
  return driver::kSuccess;
}

Error Machine::run(Device& device, const Executable& graph) {
  std::mt19937_64 random(config.schedule.seed + ++graphs_run_);
  std::vector<size_t> waits(graph.nodes.size()), ready;
  std::vector<std::vector<size_t>> next(graph.nodes.size());
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    waits[i] = graph.nodes[i].after.size();
    for (size_t before : graph.nodes[i].after)
      next[before].push_back(i);
    if (waits[i] == 0)
      ready.push_back(i);
  }
  while (!ready.empty()) {
    std::swap(ready[random() % ready.size()], ready.back());
    size_t node = ready.back();
    ready.pop_back();
    if (Error error = run(device, graph.nodes[node].launch); error != driver::kSuccess)
      return error;
    for (size_t after : next[node])
      if (--waits[after] == 0)
        ready.push_back(after);
  }
  return driver::kSuccess;
}

} // namespace r1::simcuda
