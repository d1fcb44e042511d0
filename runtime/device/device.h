// What the runtime knows of a device: it loads one target of an artifact, then runs steps.
//
// A device holds the weights, the arena, the paged cache and the input and output arrays. It knows no operation's name:
// it resolves the pointers of every launch once, at open, and then launches by index.
// One thread at a time may use a Device; the threads it works with are its own business.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtime/artifact/reader.h"
#include "runtime/base/status.h"

namespace r1 {

// Words of a row in IoSlot ChoiceOptions and Draws.
inline constexpr int kChoiceOptionWords = 4, kDrawWords = 2;

// The dynamic sizes of a step; their meaning is that of `Dim` in runtime/artifact/artifact.fbs.
struct StepShape {
  int64_t tokens = 0;
  int64_t logit_rows = 0;
  int64_t context = 0;
};

// Bytes a device needs for one target.
struct MemoryPlan {
  uint64_t weights = 0, cache = 0, arena = 0, other = 0;
  uint64_t total() const { return weights + cache + arena + other; }
};

// Told what is about to be allocated, of `available` bytes of "memory" or "GPU memory", before anything is.
using MemoryReport = std::function<void(const MemoryPlan& plan, uint64_t available, const char* where)>;

struct DeviceOptions {
  int threads = 0;              // CPU; 0: os::default_threads()
  uint32_t cache_sequences = 0; // the cache has room for so many sequences; 0: max_batch
  int64_t cache_tokens = 0;     // of so many tokens each; 0: max_context
  bool map_weights = false;     // CPU: map the file instead of reading it into huge pages
  bool verify_weights = false;  // hash every segment before use; small ones are always hashed
  bool random_weights = false;  // fill the segments that the artifact does not hold (--weights=none)
  uint64_t random_seed = 0;
  uint64_t memory_limit = 0;  // 0: what the system has available
  MemoryReport report_memory; // may be empty
  bool profile = false;       // every launch alone, timed
};

struct LaunchTime {
  uint32_t launch; // index in the entry
  double seconds;  // sum over all steps since the last take_profile()
  uint64_t calls;
  double rows = 0;  // of those steps, added up: tokens, or rows of logits, as the launch says
  double pairs = 0; // rows times context of those steps, added up

  void add(const artifact::Launch& launch, const StepShape& shape, double time);
};

// The times, which start again.
std::vector<LaunchTime> take(std::vector<LaunchTime>& times);

class Device {
public:
  virtual ~Device() = default;

  virtual const MemoryPlan& memory() const = 0;
  virtual uint32_t cache_pages() const = 0;
  virtual int threads() const = 0;

  // Fills part of an input array, elements [first, first + values.size()).
  virtual Status write(artifact::IoSlot slot, uint64_t first, std::span<const int32_t> values) = 0;
  // Runs one entry of the target, to its end. The arrays the entry reads must have been written.
  virtual Status run(uint32_t entry, const StepShape& shape) = 0;
  // The first `rows` rows of logits of the last step, logits_stride apart; valid until the next run(). Whoever wants ids alone does
  // not call it: the logits of a GPU are brought here when they are asked for.
  virtual Result<const float*> logits(int64_t rows) = 0;
  // The ids chosen from these rows, where the entry chooses; valid until the next run().
  virtual Result<std::span<const int32_t>> chosen(int64_t rows) = 0;

  // For measuring what a CPU can do, work by the device's own threads: body(part, parts) once for each. kUnsupported on a GPU.
  virtual Status parallel(const std::function<void(int part, int parts)>& body) = 0;
  // For measuring what a GPU can do: bytes a second, read and written, of copies within its memory that touch `bytes` bytes
  // (fewer where memory is short); the median of some passes. kUnsupported on a CPU.
  virtual Result<double> copy_rate(uint64_t bytes, int passes) = 0;
  // With DeviceOptions::profile: the time of every launch of an entry.
  virtual std::vector<LaunchTime> take_profile(uint32_t entry) = 0;
};

} // namespace r1
