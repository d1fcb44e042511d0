// What a kernel built for the host exports: its entry, and what the driver stand-in must know to launch it.
#pragma once

#define R1_SIMT_EXPORT __attribute__((visibility("default")))

namespace r1::simt {

// params[0] is Arguments*, params[1], if the kernel has tensor maps, TensorMap*. Runs as one thread of a block.
using Entry = void (*)(void** params);

struct KernelInfo {
  unsigned threads, shared_bytes; // of a block
  unsigned params;                // 1, or 2 with tensor maps
  unsigned param_bytes[2];
};

} // namespace r1::simt
