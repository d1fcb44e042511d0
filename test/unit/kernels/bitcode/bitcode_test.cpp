// Every level has bitcode, with every skeleton of the registry in it and no path of the machine that built it.
#include "kernels/bitcode.h"
#include "kernels/registry/registry.h"

#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

namespace r1::kernels {
namespace {

TEST(Bitcode, EveryLevelHoldsEverySkeleton) {
  for (const IsaLevel& level : isa_levels()) {
    const std::string_view bytes = bitcode(level.name);
    ASSERT_GT(bytes.size(), 4u) << level.name;
    EXPECT_EQ(bytes.substr(0, 2), "BC") << level.name;
    // The string table stores names back to back and unencoded.
    for (const Skeleton& skeleton : skeletons())
      EXPECT_EQ(skeleton.scratch_bytes == nullptr,
                bytes.find("r1_" + std::string(skeleton.name)) == bytes.npos)
          << level.name << " lacks, or has without need, " << skeleton.name;
    for (const char* function : {"memset", "memcpy", "memmove"})
      EXPECT_NE(bytes.find(function), bytes.npos) << level.name << " lacks " << function;
  }
  EXPECT_TRUE(bitcode("x86-64-v2").empty());
}

TEST(Bitcode, NamesNoPathOfTheBuildMachine) {
  const char* build = std::getenv("R1C_BUILD");
  if (!build)
    GTEST_SKIP() << "R1C_BUILD is not set; run through ctest";
  for (const IsaLevel& level : isa_levels()) {
    EXPECT_EQ(bitcode(level.name).find(build), std::string_view::npos) << level.name;
    EXPECT_EQ(bitcode(level.name).find("cpu.cpp"), std::string_view::npos) << level.name;
  }
}

} // namespace
} // namespace r1::kernels
