// Names of CPU targets: what they resolve to, and how wrong ones are refused.
#include "compiler/target/CpuTarget.h"
#include "llvm/ADT/STLExtras.h"
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

namespace r1 {
namespace {

CpuTarget parse(const char* name) {
  llvm::Expected<CpuTarget> target = parseCpuTarget(name);
  if (target)
    return *target;
  ADD_FAILURE() << llvm::toString(target.takeError());
  return {};
}

std::string errorOf(const char* name) {
  llvm::Expected<CpuTarget> target = parseCpuTarget(name);
  return target ? "" : llvm::toString(target.takeError());
}

TEST(CpuTarget, LevelsAreTheStrongestTheProcessorHas) {
  EXPECT_EQ(parse("cpu:x86-64-v3").isaLevel, "x86-64-v3");
  EXPECT_EQ(parse("cpu:haswell").isaLevel, "x86-64-v3");
  EXPECT_EQ(parse("cpu:znver3").isaLevel, "x86-64-v3");
  EXPECT_EQ(parse("cpu:x86-64-v4").isaLevel, "x86-64-v4");
  EXPECT_EQ(parse("cpu:skylake-avx512").isaLevel, "x86-64-v4");
  EXPECT_EQ(parse("cpu:znver4").isaLevel, "avx512_bf16");
  EXPECT_EQ(parse("cpu:znver5").isaLevel, "avx512_bf16");
  EXPECT_EQ(parse("cpu:sapphirerapids").isaLevel, "amx_bf16");
  EXPECT_EQ(parse("cpu:graniterapids").isaLevel, "amx_bf16");
}

TEST(CpuTarget, FeaturesAreOnlyThoseCodeCanUse) {
  CpuTarget target = parse("cpu:sapphirerapids");
  EXPECT_TRUE(llvm::is_sorted(target.features));
  for (const char* used : {"amx-bf16", "avx512bf16", "avx512vbmi", "fma", "sse4.2"})
    EXPECT_TRUE(llvm::is_contained(target.features, used)) << used;
  for (const char* unused : {"sgx", "uintr", "aes", "cldemote", "sse2", "64bit"})
    EXPECT_FALSE(llvm::is_contained(target.features, unused)) << unused;
  EXPECT_EQ(target.llvmFeatures().substr(0, 20), "+amx-bf16,+amx-int8,");
  EXPECT_FALSE(llvm::is_contained(parse("cpu:x86-64-v4").features, "avx512bf16"));
}

TEST(CpuTarget, NativeIsThisMachineAndNamesIt) {
  CpuTarget target = parse("cpu:native");
  EXPECT_EQ(target.name, "cpu:native");
  EXPECT_NE(target.processor, "native");
  EXPECT_EQ(target.reproducibleName().find("native"), std::string::npos);
  EXPECT_NE(target.reproducibleName().find(target.processor + " (" + target.isaLevel), std::string::npos);
  // What a hypervisor hides is not there, whatever the processor's name promises.
  std::ifstream info("/proc/cpuinfo");
  std::stringstream text;
  text << info.rdbuf();
  for (auto [ours, kernel] :
       {std::pair{"amx-tile", "amx_tile"}, {"avx512f", "avx512f"}, {"avx512bf16", "avx512_bf16"}})
    EXPECT_EQ(llvm::is_contained(target.features, ours),
              text.str().find(std::string(" ") + kernel) != std::string::npos)
        << ours;
}

TEST(CpuTarget, WrongNamesAreRefusedWithACure) {
  EXPECT_NE(errorOf("cpu:saphirerapids").find("did you mean cpu:sapphirerapids?"), std::string::npos);
  EXPECT_NE(errorOf("cpu:sandybridge").find("lacks avx2"), std::string::npos);
  EXPECT_NE(errorOf("cpu:x86-64").find("needs x86-64-v3"), std::string::npos);
  EXPECT_NE(errorOf("sm_90a").find("expected cpu:<processor>"), std::string::npos);
  EXPECT_NE(errorOf("cpu:").find("expected cpu:<processor>"), std::string::npos);
}

} // namespace
} // namespace r1
