#include "test/unit/runtime/device/cuda/simulation.h"

#include <cstdlib>

namespace r1::testing {

Simulation::Simulation(const std::string& config) {
  setenv("R1_CUDA_LIBRARY", R1C_SIMCUDA, 1);
  setenv("R1_SIMCUDA", config.c_str(), 1);
}

Simulation::~Simulation() {
  unsetenv("R1_CUDA_LIBRARY");
  unsetenv("R1_SIMCUDA");
}

} // namespace r1::testing
