// Brings the weight segments of a target into the GPU's memory.
#pragma once
#include <vector>

#include "runtime/device/cuda/image.h"
#include "runtime/device/device.h"

namespace r1::cuda {

// One range for each of the target's segments, in their order. Files are read past the page cache into two page-locked
// buffers in turn, one being copied while the other is filled; absent weights are made up by the target's fill kernel.
Result<std::vector<DeviceMemory>> load_weights(const Context& context, const artifact::Reader& reader,
                                               const artifact::Target& target, const Image& image,
                                               const DeviceOptions& options);

} // namespace r1::cuda
