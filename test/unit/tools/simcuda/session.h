// A simulated machine as the tests of simcuda use it: the driver's functions, a context, a stream, and the kernels of kernels_cuda.cpp.
#pragma once
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "runtime/device/cuda/driver.h"

namespace r1::simcuda {

class Session {
public:
  // `config`: R1_SIMCUDA. One at a time.
  explicit Session(const std::string& config = "");
  ~Session();
  Session(const Session&) = delete;

  driver::Kernel kernel(const char* name);
  driver::Pointer allocate(size_t bytes);
  void* pinned(size_t bytes);
  // Results of the driver.
  int launch(driver::Kernel kernel, unsigned grid, driver::Pointer buffer, unsigned shared_bytes = 0);
  int add_node(driver::Graph graph, driver::Kernel kernel, driver::Pointer buffer,
               std::vector<driver::Node> after, driver::Node& node);
  int finish() { return d.cuStreamSynchronize(stream); }
  // What the driver says of a result.
  std::string text(int result) const;

  cuda::Driver d;
  driver::Context context = nullptr;
  driver::Stream stream = nullptr;
  driver::Library library = nullptr;

private:
  driver::Pointer dims_ = 0;
};

std::vector<uint8_t> module_bytes(); // of the kernels

} // namespace r1::simcuda
