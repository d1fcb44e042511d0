// The simulated machine: its devices, what was made on them, and what they are told to do. driver.cpp is its interface.
//
// Work that is put into a stream happens when somebody waits for it, as late as the driver's rules allow: a buffer that is
// used again too early, or a result that is read too early, shows.
#pragma once
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "tools/simcuda/config.h"
#include "tools/simcuda/image.h"
#include "tools/simcuda/memory.h"

namespace r1::simcuda {

using driver::Error;

struct Device {
  int ordinal = 0;
  int references = 0; // of its primary context, which the device itself stands for
  Memory memory;
  Error error = driver::kSuccess; // once it is set, all that touches the device fails with it
};

struct Stream {
  Device* device;
  std::deque<std::function<Error()>> work;
  uint64_t added = 0, done = 0; // pieces of work
};

struct Event {
  bool timed;
  Stream* stream = nullptr; // that it was last put into
  uint64_t number = 0;      // of the piece of work that it is there
  double seconds = 0;       // when that happened
};

// One kernel to run, with its own copy of its parameters.
struct Launch {
  Kernel* kernel = nullptr;
  simt::Shape shape{};
  std::vector<driver::TensorMap> storage; // for its alignment
  std::vector<size_t> offsets;            // of each parameter, in units of the storage

  // kInvalidValue, with a reason, for what no device would launch.
  static Error make(Kernel* kernel, unsigned grid, unsigned threads, unsigned shared_bytes, void** params,
                    Launch& out, std::string& reason);
};

struct Node {
  Launch launch;
  std::vector<size_t> after; // numbers of nodes
};
struct Graph {
  std::vector<std::unique_ptr<Node>> nodes;
};
struct Executable {
  std::vector<Node> nodes;
};

class Machine {
public:
  // The one of this process.
  static Machine& get();

  std::recursive_mutex mutex; // every function of the driver holds it
  Config config;
  bool initialised = false;
  std::string reason; // of the last failure, for cuGetErrorString

  std::vector<std::unique_ptr<Device>> devices;
  Memory pinned;
  std::map<void*, std::unique_ptr<Image>> images;
  std::map<void*, std::unique_ptr<Stream>> streams;
  std::map<void*, std::unique_ptr<Event>> events;
  std::map<void*, std::unique_ptr<Graph>> graphs;
  std::map<void*, std::unique_ptr<Executable>> executables;
  uint64_t allocations = 0;

  // Reads the configuration anew where nobody uses a device.
  Error initialise();
  Device* device(int ordinal);
  bool owns(const Kernel* kernel) const;

  void add(Stream& stream, std::function<Error()> work);
  // Does the work of a stream up to that number.
  Error drain(Stream& stream, uint64_t number);
  Error drain(Device& device);
  Error run(Device& device, const Launch& launch);
  // In any order that the edges allow.
  Error run(Device& device, const Executable& graph);

  // A failure of a call, or (sticky) of a device.
  Error refuse(Error error, std::string why) { return reason = std::move(why), error; }
  Error fail(Device& device, Error error, std::string why) {
    return device.error = error, refuse(error, std::move(why));
  }

private:
  uint64_t kernels_run_ = 0, graphs_run_ = 0;
};

// Turns a kernel thread's access to where no memory is into that kernel's failure.
void catch_wild_accesses();
bool wild_access_seen(); // since it was last asked

} // namespace r1::simcuda
