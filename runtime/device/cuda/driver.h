// The CUDA driver, opened at run time: one binary serves machines with and without it. The one place where a CUresult
// becomes a Status.
#pragma once
#include "runtime/artifact/artifact_generated.h"
#include "runtime/base/status.h"
#include "runtime/device/cuda/driver_api.h"

namespace r1::cuda {

// The entry points of a driver, by their names. Copies are equal; the library stays loaded as long as the process lives,
// because a driver that was used cannot be unloaded safely.
class Driver {
public:
  // The system's driver for Device::Cuda, the simulated one for Device::Sim, R1_CUDA_LIBRARY instead of either. It has
  // been initialised. kUnsupported, with cause and cure, where there is none, it is too old, or it has no device.
  static Result<Driver> open(artifact::Device kind);

#define R1_DECLARE(name, version, symbol, parameters) int(*name) parameters = nullptr;
  R1_CUDA_DRIVER(R1_DECLARE)
#undef R1_DECLARE

  // What a result means; `doing` completes "while ...": "copying the weights".
  Status check(int result, const char* doing) const;
};

} // namespace r1::cuda

// Leaves the function with the failure of a driver's function, if there is one.
#define R1_CUDA(driver, function, doing, ...)                                                                \
  R1_RETURN_IF_ERROR((driver).check((driver).function(__VA_ARGS__), doing))
