// What this machine can do at most, measured: how fast memory is streamed, how fast numbers are multiplied.
#pragma once
#include <string>

#include "runtime/device/device.h"

namespace r1::bench {

// Memory to stream through. CPU: huge pages, as weights lie in, read by the threads that touched it. GPU: copies in its memory.
class Stream {
public:
  // At most `bytes`, less where memory is short; the larger, the less a cache helps.
  static Result<Stream> make(Device& device, const artifact::Target& target, uint64_t bytes);
  // Bytes a second, the median over `passes`; every pass touches all of it, in pieces, on all threads of the device. 0: unknown.
  double bytes_per_second(Device& device, int passes);
  uint64_t bytes() const { return bytes_; }

private:
  os::Memory memory_; // none for a GPU
  uint64_t bytes_ = 0;
};

struct MatrixRate {
  std::string instruction; // "amx-bf16", "avx512-bf16", "fma-f32"; "unknown" on a GPU
  double flops_per_second; // two for a multiply and add; operands in registers, all threads; 0: unknown
};
// The fastest that this CPU has among those a target with these features may use. Of a GPU it is not known: measuring it takes a
// kernel, and which instruction a kernel would use is not the runtime's knowledge.
MatrixRate matrix_rate(Device& device, const artifact::Target& target);

} // namespace r1::bench
