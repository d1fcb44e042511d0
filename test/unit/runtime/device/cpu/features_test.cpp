// Feature names mean the same however they are spelled, and an unknown one is never there.
#include "runtime/device/cpu/features.h"

#include <gtest/gtest.h>

namespace r1::cpu {
namespace {

TEST(Features, SpellingDoesNotMatter) {
  EXPECT_TRUE(has_feature("sse2"));
  EXPECT_EQ(has_feature("sse4.2"), has_feature("SSE4_2"));
  EXPECT_EQ(has_feature("avx512bf16"), has_feature("avx512_bf16"));
  EXPECT_EQ(has_feature("amx-bf16"), has_feature("amx_bf16"));
  EXPECT_FALSE(has_feature("no such thing"));
}

TEST(Features, MissingOnesKeepTheirOrder) {
  EXPECT_EQ(missing_features({"zz", "sse2", "aa"}), (std::vector<std::string>{"zz", "aa"}));
  EXPECT_TRUE(missing_features({}).empty());
}

// What the compiler's own builtin knows must agree.
TEST(Features, AgreeWithTheCompiler) {
  EXPECT_EQ(has_feature("avx2"), bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(has_feature("fma"), bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(has_feature("avx512f"), bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(has_feature("avx512vbmi2"), bool(__builtin_cpu_supports("avx512vbmi2")));
  EXPECT_EQ(has_feature("bmi2"), bool(__builtin_cpu_supports("bmi2")));
}

TEST(Features, TheBestTargetIsOneThatR1cKnows) {
  EXPECT_TRUE(best_target() == "cpu:x86-64-v3" || best_target() == "cpu:x86-64-v4" ||
              best_target() == "cpu:sapphirerapids");
}

} // namespace
} // namespace r1::cpu
