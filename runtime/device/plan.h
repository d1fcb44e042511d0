// What a device must hold for one target, and what every device says alike when it cannot.
#pragma once
#include "runtime/device/device.h"

namespace r1 {

inline constexpr int kIoSlots = int(artifact::IoSlot::MAX) + 1;

// Sizes that follow from the artifact and the options alone.
struct TargetSizes {
  uint32_t pages = 0;               // of every layer of the cache
  uint64_t segments = 0;            // bytes of weights
  uint64_t cache = 0, arena = 0;    // bytes; the largest arena of any entry
  uint64_t tokens = 0, rows = 0;    // of a step, at most
  uint64_t io_bytes[kIoSlots] = {}; // of every input and output array
};
TargetSizes sizes_of(const artifact::Artifact& artifact, const artifact::Target& target,
                     const DeviceOptions& options);

// Ok where a step of that shape fits the entry of the target.
Status check_step(const artifact::Artifact& artifact, const artifact::Target& target, uint32_t entry,
                  const StepShape& shape);
// Ok where `count` values at `first` fit an input array of `bytes` bytes.
Status check_write(artifact::IoSlot slot, uint64_t first, uint64_t count, uint64_t bytes);
// Ok, and told to options.report_memory, where `memory` fits; `where`: "memory", "GPU memory".
Status check_memory(const MemoryPlan& memory, uint64_t available, const char* where,
                    const DeviceOptions& options);

// Whether the segments of a target are to be hashed at load: where it is asked for, and where it costs milliseconds.
bool hashes_weights(const artifact::Artifact& artifact, const artifact::Target& target,
                    const DeviceOptions& options);
// The failures of loading weights.
Status no_weights(const artifact::Reader& reader);
Status segment_mismatch(const os::File& file, uint32_t segment);

} // namespace r1
