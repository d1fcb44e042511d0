// What this machine can do at most, measured: how fast threads stream memory, how fast they multiply.
#pragma once
#include <string>

#include "runtime/device/device.h"

namespace r1::bench {

// Memory to stream through: huge pages, as weights lie in, touched by the threads that will read it.
class Stream {
public:
  // At most `bytes`, less where memory is short; the larger, the less a cache helps.
  static Result<Stream> make(Device& device, uint64_t bytes);
  // Bytes a second, the median over `passes`; every pass reads all of it, in pieces, on all threads of the device.
  double bytes_per_second(Device& device, int passes);
  uint64_t bytes() const { return memory_.bytes(); }

private:
  os::Memory memory_;
};

struct MatrixRate {
  std::string instruction; // "amx-bf16", "avx512-bf16", "fma-f32"
  double flops_per_second; // two for a multiply and add; operands in registers, all threads
};
// The fastest that this CPU has among those a target with these features may use.
MatrixRate matrix_rate(Device& device, const artifact::Target& target);

} // namespace r1::bench
