// The C interface compiles as C and does what its header says.
#include "runtime/api/r1rt.h"

#include <gtest/gtest.h>

#include "test/unit/runtime/api/r1rt_use.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

TEST(R1rt, UsedFromC) {
  std::string path = testing::temporary("c.r1a");
  testing::write_fake_model(path, {.text = true});
  EXPECT_STREQ(use_r1rt(path.c_str()), nullptr);
}

// A program built against an older header passes a shorter structure: what it lacks has its default.
TEST(R1rt, ShorterStructuresOfOlderPrograms) {
  std::string path = testing::temporary("old.r1a");
  testing::write_fake_model(path);
  r1_model_options options;
  r1_model_options_init(&options);
  options.memory_limit = 1; // beyond the size given below, so it must not be read
  options.size = offsetof(r1_model_options, memory_limit);
  r1_model* model = nullptr;
  EXPECT_EQ(r1_model_open(path.c_str(), &options, &model), R1_OK) << r1_model_error(model);
  r1_model_close(model);
  options.size = sizeof options;
  EXPECT_EQ(r1_model_open(path.c_str(), &options, &model), R1_OUT_OF_MEMORY);
  r1_model_close(model);
}

} // namespace
} // namespace r1
