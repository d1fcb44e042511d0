// What runs a conformance kernel: a device through the driver, or the model on the host.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/device/cuda/context.h"

namespace r1::conformance {

using Bytes = std::vector<uint8_t>;

// A tensor map over a buffer of a launch; driver_api.h has the numbers of types and swizzles.
struct MapRequest {
  int buffer, type;
  std::vector<uint64_t> extents, strides; // elements, innermost first; bytes, of all but the innermost
  std::vector<uint32_t> box;
  int swizzle;
};

struct Launch {
  std::string kernel;
  unsigned grid = 1;
  std::vector<Bytes> buffers; // read and written
  std::vector<MapRequest> maps;
  int times = 1;
};

class Machine {
public:
  virtual ~Machine() = default;
  // Replaces the buffers by what the kernel leaves in them.
  virtual Status run(Launch& launch) = 0;
};

// The kernels that this program was linked with, run by kernels/simt.
std::unique_ptr<Machine> make_model(bool hopper_sums);

// A device with the kernels of an image loaded.
class Gpu final : public Machine {
public:
  // `image`: a cubin, or, where the driver is simulated, a shared object.
  static Result<std::unique_ptr<Gpu>> open(const cuda::Driver& driver, const cuda::Gpu& gpu,
                                           const Bytes& image);
  ~Gpu() override;
  Status run(Launch& launch) override;
  // Seconds that a kernel without maps takes: the median of some runs.
  Result<double> seconds(Launch& launch);
  int multiprocessors() const { return multiprocessors_; }

private:
  struct Prepared; // a launch in the device's memory
  Status enqueue(const Launch& launch, Prepared& prepared);
  Result<Prepared> prepare(const Launch& launch);

  std::unique_ptr<cuda::Context> context_;
  driver::Library library_ = nullptr;
  int multiprocessors_ = 0;
};

// Threads and dynamic shared memory of a block of a kernel, its smallest chip, and whether no other chip has it.
struct KernelFacts {
  unsigned threads, shared_bytes;
  int chip;
  bool only;
};
const KernelFacts& facts_of(const std::string& kernel);

} // namespace r1::conformance
