// Brings the weight segments of a target into memory.
#pragma once
#include <vector>

#include "runtime/device/cpu/pool.h"
#include "runtime/device/device.h"

namespace r1::cpu {

// One Memory for each of the target's segments, in their order.
Result<std::vector<os::Memory>> load_weights(const artifact::Reader& reader, const artifact::Target& target,
                                             const DeviceOptions& options, Pool& pool);

} // namespace r1::cpu
