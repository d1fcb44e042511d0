// What finished code says of itself, from a cubin, from a host shared object and from the assembler's log; and what no block can have.
#include "compiler/emit/CodeFacts.h"
#include "test/unit/compiler/emit/CudaFixture.h"

namespace r1::test {
namespace {

std::string factsError(llvm::StringRef elf, llvm::StringRef symbol) {
  llvm::Expected<CodeFacts> facts = readCodeFacts(elf, symbol);
  return facts ? "" : llvm::toString(facts.takeError());
}

std::string imageOf(const CudaKernel& kernel, const char* target) {
  llvm::Expected<CudaImage> image = emitCuda({kernel}, gpu(target));
  if (image)
    return image->bytes;
  ADD_FAILURE() << llvm::toString(image.takeError());
  return "";
}

TEST(CodeFacts, OfACubin) {
  if (std::string reason = withoutNvrtc(); !reason.empty())
    GTEST_SKIP() << reason;
  llvm::Expected<CodeFacts> facts =
      readCodeFacts(imageOf(scaleKernel("scale", {"Scale", 96, 2048}), "sm_90a"), "scale");
  ASSERT_TRUE(bool(facts)) << llvm::toString(facts.takeError());
  EXPECT_EQ(facts->threads, 96);
  EXPECT_EQ(facts->sharedBytes, 2048);
  EXPECT_EQ(facts->params, 1);
  EXPECT_GT(facts->registers, 3);
  EXPECT_LT(facts->registers, 64);
  EXPECT_EQ(facts->stackBytes, 0);
  EXPECT_EQ(facts->staticSharedBytes, 0);
}

// Shared memory that the source declares, without what the launch gives and without what the system keeps for itself.
TEST(CodeFacts, OfSharedMemoryInACubin) {
  if (std::string reason = withoutNvrtc(); !reason.empty())
    GTEST_SKIP() << reason;
  for (const char* target : {"sm_80", "sm_90a", "sm_120a"}) {
    auto facts = readCodeFacts(imageOf(scaleKernel("given", {"Given", 32, 4096}), target), "given");
    ASSERT_TRUE(bool(facts)) << llvm::toString(facts.takeError());
    EXPECT_EQ(facts->sharedBytes, 4096) << target;
    EXPECT_LE(facts->staticSharedBytes, 0) << target;
    facts = readCodeFacts(imageOf(scaleKernel("exchange", {"Exchange", 32, 4096}), target), "exchange");
    ASSERT_TRUE(bool(facts)) << llvm::toString(facts.takeError());
    EXPECT_EQ(facts->sharedBytes, 4096) << target;
    EXPECT_GE(facts->staticSharedBytes, 512) << target;
    EXPECT_LE(facts->staticSharedBytes, 1024)
        << target << ": more than its own, rounded up to the alignment of what is given";
  }
}

TEST(CodeFacts, OfAHostSharedObject) {
  llvm::Expected<CodeFacts> facts =
      readCodeFacts(imageOf(scaleKernel("scale", {"Scale", 96, 2048}), "sim:sm_90a"), "scale");
  ASSERT_TRUE(bool(facts)) << llvm::toString(facts.takeError());
  EXPECT_EQ(facts->threads, 96);
  EXPECT_EQ(facts->sharedBytes, 2048);
  EXPECT_EQ(facts->params, 1);
  EXPECT_EQ(facts->registers, -1);
  EXPECT_EQ(facts->stackBytes, -1);
  EXPECT_EQ(facts->spillBytes, -1);
}

// Whatever a damaged file holds, reading it ends, and with an answer.
TEST(CodeFacts, OfDamagedCode) {
  std::string image = imageOf(scaleKernel("scale", {}), "sim:sm_90a");
  ASSERT_FALSE(image.empty());
  EXPECT_NE(factsError(image, "other").find("lacks 'other_info'"), std::string::npos);
  EXPECT_NE(factsError("", "scale"), "");
  EXPECT_NE(factsError("not an ELF file, but long enough to hold the header of one, in any case", "scale"),
            "");
  for (size_t size = 0; size < image.size(); size += 97)
    EXPECT_NE(factsError(llvm::StringRef(image).take_front(size), "scale"), "") << size;
  std::mt19937 random(11);
  for (int trial = 0; trial < 300; ++trial) {
    std::string bad = image;
    for (int change = 0; change < 20; ++change)
      bad[random() % bad.size()] = char(random());
    factsError(bad, "scale");
  }
}

constexpr char kCleanLog[] = R"(ptxas info    : 8 bytes gmem
ptxas info    : Compiling entry function 'scale' for 'sm_90a'
ptxas info    : Function properties for scale
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 24 registers, used 1 barriers, 400 bytes cmem[0]
)";

TEST(CodeFacts, ACleanLogHasNoComplaint) {
  CodeFacts facts;
  EXPECT_TRUE(readAssemblerLog(kCleanLog, facts).empty());
  EXPECT_EQ(facts.stackBytes, 0);
  EXPECT_EQ(facts.spillBytes, 0);
  CodeFacts silent;
  EXPECT_TRUE(readAssemblerLog("", silent).empty());
  EXPECT_EQ(silent.spillBytes, -1);
}

TEST(CodeFacts, SpillsStackFramesAndSerialisedInstructionsAreComplaints) {
  for (auto [line, spills, stack] :
       {std::tuple{"    16 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads", 0, 16},
        {"    0 bytes stack frame, 8 bytes spill stores, 12 bytes spill loads", 20, 0},
        {"    552 bytes stack frame, 612 bytes spill stores, 612 bytes spill loads", 1224, 552}}) {
    CodeFacts facts;
    std::vector<std::string> complaints = readAssemblerLog(std::string(kCleanLog) + line + "\n", facts);
    ASSERT_EQ(complaints.size(), 1u) << line;
    EXPECT_EQ(complaints[0], llvm::StringRef(line).trim().str());
    EXPECT_EQ(facts.spillBytes, spills);
    EXPECT_EQ(facts.stackBytes, stack);
  }
  CodeFacts facts;
  std::string serialised = "ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions "
                           "are serialized due to x";
  EXPECT_EQ(readAssemblerLog(kCleanLog + serialised, facts), std::vector<std::string>{serialised});
  EXPECT_TRUE(readAssemblerLog("ptxas info    : (C7400) something harmless", facts).empty());
}

TEST(CodeFacts, WhatNoBlockCanHaveIsOverBudget) {
  GpuTarget hopper = gpu("sm_90a"), ampere = gpu("sm_86");
  CodeFacts fine;
  fine.threads = 256, fine.sharedBytes = 227 << 10, fine.registers = 255;
  EXPECT_EQ(overBudget(fine, hopper), "");
  EXPECT_EQ(overBudget(fine, ampere), "232448 bytes of shared memory, the chip has 101376");
  CodeFacts host; // says nothing of registers
  host.threads = 1024, host.sharedBytes = 0;
  EXPECT_EQ(overBudget(host, ampere), "");
  CodeFacts both = fine;
  both.sharedBytes -= 16, both.staticSharedBytes = 32;
  EXPECT_EQ(overBudget(both, hopper), "232464 bytes of shared memory, the chip has 232448");
  for (int threads : {0, -1, 31, 48, 1056}) {
    CodeFacts facts = fine;
    facts.threads = threads;
    EXPECT_EQ(overBudget(facts, hopper), "blocks of " + std::to_string(threads) +
                                             " threads, expected whole warps, 1024 threads at most");
  }
  CodeFacts greedy = fine;
  greedy.threads = 512, greedy.registers = 129;
  EXPECT_EQ(overBudget(greedy, hopper),
            "129 registers in each of 512 threads, the chip has 65536 for a block");
  greedy.registers = 128;
  EXPECT_EQ(overBudget(greedy, hopper), "");
}

} // namespace
} // namespace r1::test
