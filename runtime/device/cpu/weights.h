// Brings the weight segments of a target into memory.
#pragma once
#include <vector>

#include "runtime/device/cpu/pool.h"
#include "runtime/device/device.h"

namespace r1::cpu {

// Segments up to this size in all are hashed at load without being asked: it costs milliseconds.
inline constexpr uint64_t kAlwaysVerified = uint64_t(32) << 20;

// One Memory for each of the target's segments, in their order.
Result<std::vector<os::Memory>> load_weights(const artifact::Reader& reader, const artifact::Target& target,
                                             const DeviceOptions& options, Pool& pool);

} // namespace r1::cpu
