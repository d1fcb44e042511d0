// Which code a GPU runs: the names that targets are made for ("sm_90a") against the compute capability of a device.
#pragma once
#include <string>
#include <string_view>

namespace r1::cuda {

struct Capability {
  int major = 0, minor = 0;
};

// True where a device of that capability runs code made for `processor`:
//   sm_80        any 8.x from 8.0 on        sm_100f       10.0 and what is of its family, 10.x from 10.0 on
//   sm_90a       9.0 and nothing else       compute_90    9.0 and anything newer: the driver compiles it
bool runs_on(std::string_view processor, Capability device);

// True where kernels made for it wait for the launch before them themselves, so that it may still run when they start: native code
// since sm_90. What the driver compiles was written for older chips and does not.
bool waits_itself(std::string_view processor);

// Of those that run on one device, the highest is the fastest.
int strength(std::string_view processor);

// The target to compile for a device: "sm_90a" for 9.0.
std::string best_processor(Capability device);

} // namespace r1::cuda
