// What machine is simulated: the environment variable R1_SIMCUDA, "key=value" by commas. README.md lists the keys.
#pragma once
#include <cstdint>
#include <string>

#include "kernels/simt/launch.h"

namespace r1::simcuda {

struct Config {
  int devices = 1;
  uint64_t memory = uint64_t(4) << 30; // bytes of each device
  int chip = 90;                       // compute capability, major * 10 + minor
  int driver = 13000;                  // as cuDriverGetVersion says it
  // Counted from 1 over all devices since cuInit; 0: never.
  uint64_t launch_fails = 0; // this kernel fails
  uint64_t lost_after = 0;   // once so many kernels have run, their device is gone
  uint64_t alloc_fails = 0;  // this allocation finds no memory
  simt::Schedule schedule;   // of the threads of a kernel; its seed also orders what a graph leaves open
};

// "" or what is wrong with the text.
std::string parse(const std::string& text, Config& config);

// What a chip has: shared memory that a block may ask for.
int max_shared_bytes(int chip);

} // namespace r1::simcuda
