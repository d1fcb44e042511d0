// What the optimiser leaves: no call for memory, and every other call reported.
#include "compiler/emit/LLVMSupport.h"
#include "test/unit/compiler/emit/ImageFixture.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/Support/SourceMgr.h"

namespace r1::test {
namespace {

using LLVMSupport = HoleTest;

TEST_F(LLVMSupport, LargeFillsAndCopiesNeedNoLibrary) {
  KernelSource kernel{"memory", &kMemory, {0, 0}, {}};
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emit({kernel}, target));
    std::vector<float> out(8192, 5), scratch(4096, 7);
    image.run(0, {out.data()}, 2000, 10, 20, scratch.data());
    for (int i = 0; i < 8192; ++i) {
      int from = i >= 1 && i <= 2000 ? i - 1 : i;
      float expected = i < 4096 ? (from >= 10 && from < 20 ? from : 0) : (i < 6096 ? 0 : 5);
      ASSERT_EQ(out[i], expected) << i;
    }
  }
}

TEST_F(LLVMSupport, RemainingCallsAreNamed) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic problem;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(R"(
    declare float @expf(float)
    declare float @llvm.sqrt.f32(float)
    define float @f(float %x, ptr %g) {
      %a = call float @expf(float %x)
      %b = call float @llvm.sqrt.f32(float %a)
      %c = call float %g(float %b)
      call void asm sideeffect "nop", ""()
      ret float %c
    })",
                                                                   problem, context);
  ASSERT_TRUE(module) << problem.getMessage().str();
  EXPECT_EQ(remainingCalls(*module), (std::vector<std::string>{"f -> expf", "f -> a pointer"}));
}

} // namespace
} // namespace r1::test
