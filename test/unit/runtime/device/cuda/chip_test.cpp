// Which code a GPU runs is what NVIDIA's rules for binary compatibility say.
#include "runtime/device/cuda/chip.h"

#include <gtest/gtest.h>

namespace r1::cuda {
namespace {

TEST(Chip, CodeRunsWhereItWasMadeFor) {
  struct Case {
    const char* processor;
    Capability device;
    bool runs;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"sm_80", {8, 0}, true},       {"sm_80", {8, 9}, true},       {"sm_86", {8, 0}, false},
           {"sm_80", {9, 0}, false},      {"sm_90", {9, 0}, true},       {"sm_90a", {9, 0}, true},
           {"sm_90a", {9, 1}, false},     {"sm_90a", {10, 0}, false},    {"sm_100a", {10, 0}, true},
           {"sm_100a", {10, 3}, false},   {"sm_100f", {10, 3}, true},    {"sm_103f", {10, 0}, false},
           {"sm_100f", {12, 0}, false},   {"sm_120", {12, 1}, true},     {"compute_80", {9, 0}, true},
           {"compute_90", {8, 9}, false}, {"compute_90a", {9, 0}, true}, {"compute_90a", {10, 0}, false},
           {"x86-64", {9, 0}, false},     {"sm_", {9, 0}, false},        {"sm_90b", {9, 0}, false},
           {"sm_90aa", {9, 0}, false},    {"sm_9", {0, 9}, false},       {"sm_-90", {9, 0}, false}})
    EXPECT_EQ(runs_on(c.processor, c.device), c.runs)
        << c.processor << " on " << c.device.major << "." << c.device.minor;
}

TEST(Chip, OnlyNativeCodeSince90WaitsItself) {
  for (const char* processor : {"sm_90", "sm_90a", "sm_100f", "sm_121a"})
    EXPECT_TRUE(waits_itself(processor)) << processor;
  for (const char* processor : {"sm_80", "sm_89", "compute_90", "compute_120", "x86-64"})
    EXPECT_FALSE(waits_itself(processor)) << processor;
}

TEST(Chip, TheMostSpecialCodeIsTheFastest) {
  const char* ascending[] = {"x86-64", "compute_80", "compute_90", "sm_80",
                             "sm_86",  "sm_90",      "sm_100f",    "sm_90a"};
  for (size_t i = 1; i < std::size(ascending); ++i)
    EXPECT_GT(strength(ascending[i]), strength(ascending[i - 1])) << ascending[i];
}

TEST(Chip, TheTargetToCompile) {
  EXPECT_EQ(best_processor({8, 0}), "sm_80");
  EXPECT_EQ(best_processor({8, 9}), "sm_89");
  EXPECT_EQ(best_processor({9, 0}), "sm_90a");
  EXPECT_EQ(best_processor({12, 1}), "sm_121a");
}

} // namespace
} // namespace r1::cuda
