// The machine's limits are measured with every thread, and a matrix rate is never claimed for what a target may not use.
#include "runtime/bench/machine.h"

#include <gtest/gtest.h>

#include "runtime/program/program.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::bench {
namespace {

TEST(Machine, StreamAndMatrixAreMeasured) {
  std::string path = testing::temporary("machine.r1a");
  testing::write_fake_model(path);
  auto program = Program::open(path);
  ASSERT_TRUE(program.ok()) << program.status().message();
  Device& device = (*program)->device();
  auto stream = Stream::make(device, (*program)->target(), 32 << 20);
  ASSERT_TRUE(stream.ok());
  EXPECT_EQ(stream->bytes(), 32u << 20);
  EXPECT_GT(stream->bytes_per_second(device, 3), 1e8);
  MatrixRate rate = matrix_rate(device, (*program)->target());
  EXPECT_EQ(rate.instruction, "fma-f32") << "the fake target has SSE2 alone";
}

} // namespace
} // namespace r1::bench
