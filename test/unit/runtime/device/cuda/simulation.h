// Tests of the CUDA device run on simcuda: this makes the runtime find it, and says what machine it simulates.
#pragma once
#include <string>

namespace r1::testing {

class Simulation {
public:
  // `config`: R1_SIMCUDA. In effect until the end of the scope; one at a time, opened while no device is in use.
  explicit Simulation(const std::string& config = "");
  ~Simulation();
  Simulation(const Simulation&) = delete;
};

} // namespace r1::testing
