// The CPU as a device: image by dlopen, weights in huge pages, launches by a thread pool.
#pragma once
#include "runtime/device/device.h"

namespace r1::cpu {

// Ok where this machine can run the target; else kUnsupported, naming what is missing and how to get a target that runs.
Status can_run(const artifact::Target& target);

// How much a target asks of the CPU; of those that run, the highest is the fastest.
int strength(const artifact::Target& target);

// Loads the image of a target that can run here and checks that it speaks our interface.
Status check_image(const artifact::Reader& reader, const artifact::Target& target);

// `reader` must outlive the device; `target` is one of its own.
Result<std::unique_ptr<Device>> open(const artifact::Reader& reader, const artifact::Target& target,
                                     const DeviceOptions& options);

} // namespace r1::cpu
