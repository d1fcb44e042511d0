// A GPU as a device, through the driver alone: modules loaded by index, a graph for every entry and bucket of tokens.
#pragma once
#include "runtime/device/device.h"

namespace r1::cuda {

// Ok where a GPU of this machine runs the target; else kUnsupported, with cause and cure. `artifact` holds the target and
// tells what else there is. Targets for Device::Sim are run by a simulated driver.
Status can_run(const artifact::Artifact& artifact, const artifact::Target& target);

// Of the targets that one GPU runs, the highest is the fastest.
int strength(const artifact::Target& target);

// Loads the modules of a target that can run here and finds every kernel.
Status check_image(const artifact::Reader& reader, const artifact::Target& target);

// `reader` must outlive the device; `target` is one of its own.
Result<std::unique_ptr<Device>> open(const artifact::Reader& reader, const artifact::Target& target,
                                     const DeviceOptions& options);

} // namespace r1::cuda
