// Compile: what a folder becomes, run by the runtime in this process. Sequences decoded together say what each says alone.
#include "compiler/pipeline/Compile.h"
#include "runtime/program/session.h"
#include "test/oracle/synthetic_checkpoint.h"

#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <gtest/gtest.h>

namespace r1::pipeline {
namespace {

struct Folder {
  llvm::SmallString<128> path;
  Folder() { EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("r1c-compile-test", path)); }
  ~Folder() { llvm::sys::fs::remove_directories(path); }
  std::string file(const char* name) const { return (path + "/" + name).str(); }
};

std::string compileCase(const Folder& folder, const std::string& name, const std::string& fusions = "",
                        const char* target = "cpu:native", int vHeadDim = 0) {
  auto test_case = oracle::read_case("test/oracle/golden/" + name + ".json");
  EXPECT_TRUE(test_case.has_value());
  if (vHeadDim)
    test_case->config["v_head_dim"] = vHeadDim;
  oracle::write_checkpoint(*test_case, folder.path.str().str());
  CompileOptions options;
  options.folder = folder.path.str();
  options.targets = {target};
  options.output = folder.file("model.r1a");
  options.fusions = fusions;
  options.limits = {.maxContext = 192, .maxBatch = 4, .prefillChunk = 32};
  options.jobs = 2;
  auto report = compile(options);
  EXPECT_TRUE(bool(report)) << llvm::toString(report.takeError());
  return options.output;
}

/// Greedy continuation of three prompts of different length (one over a page); together: in one batch.
std::vector<std::vector<float>> continuations(const std::string& artifact, bool together, int threads = 0) {
  ProgramOptions options;
  options.device.threads = threads;
  auto program = Program::open(artifact, options);
  EXPECT_TRUE(program.ok()) << program.status().message();
  if (!program.ok())
    return {};
  Session session(**program);
  const int64_t vocabulary = (*program)->model().vocab_size();
  const std::vector<int> lengths = {3, 70, 17};
  std::vector<int> sequences;
  for (int length : lengths) {
    auto sequence = session.open_sequence();
    EXPECT_TRUE(sequence.ok());
    std::vector<int32_t> prompt;
    for (int i = 0; i < length; ++i)
      prompt.push_back((i * 37 + length) % vocabulary);
    EXPECT_TRUE(session.prefill(*sequence, prompt, Want::kNone, {}).ok());
    sequences.push_back(*sequence);
  }
  std::vector<std::vector<float>> result(lengths.size());
  const int64_t stride = (*program)->model().logits_stride();
  for (int step = 0; step < 5; ++step) {
    std::vector<Session::Next> nexts;
    for (int sequence : sequences)
      nexts.push_back({sequence, int32_t((step * 11 + sequence * 5) % vocabulary)});
    auto decode = [&](std::span<const Session::Next> some, size_t begin) {
      Status status = session.decode(some, [&](int64_t first, int64_t rows, const float* logits) {
        for (int64_t row = 0; row < rows; ++row)
          result[begin + first + row].insert(result[begin + first + row].end(), logits + row * stride,
                                             logits + row * stride + vocabulary);
        return Status();
      });
      EXPECT_TRUE(status.ok()) << status.message();
    };
    if (together)
      decode(nexts, 0);
    else
      for (size_t i = 0; i < nexts.size(); ++i)
        decode({&nexts[i], 1}, i);
  }
  return result;
}

double error(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (a[i] - b[i]) * (a[i] - b[i]);
    norm += a[i] * a[i];
  }
  return std::sqrt(difference / norm);
}

class Compile : public testing::TestWithParam<const char*> {};

TEST_P(Compile, SequencesDecodedTogetherSayWhatEachSaysAlone) {
  Folder folder;
  std::string artifact = compileCase(folder, GetParam());
  auto alone = continuations(artifact, false), together = continuations(artifact, true);
  ASSERT_EQ(alone.size(), together.size());
  for (size_t i = 0; i < alone.size(); ++i) {
    ASSERT_EQ(alone[i].size(), together[i].size());
    ASSERT_FALSE(alone[i].empty());
    // AMX sums tiles of many rows in another order than one row; elsewhere the bits are the same.
    EXPECT_TRUE(error(alone[i], together[i]) < 1e-2)
        << "sequence " << i << ": " << error(alone[i], together[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, Compile,
                         testing::Values("deepseek_v3_odd_sizes", "deepseek_v3_bf16_sharded"),
                         [](const auto& info) { return std::string(info.param); });

TEST(CompileFolder, DecodeWithoutAbsorptionServesSeveralSequencesToo) {
  Folder folder;
  std::string artifact = compileCase(folder, "deepseek_v3_bf16_sharded", "-absorb-kv-b");
  auto alone = continuations(artifact, false), together = continuations(artifact, true);
  ASSERT_EQ(alone.size(), together.size());
  for (size_t i = 0; i < alone.size(); ++i)
    EXPECT_TRUE(error(alone[i], together[i]) < 1e-2)
        << "sequence " << i << ": " << error(alone[i], together[i]);
}

// A head's 33rd column is stored alone and must not reach the next head's first, which another thread writes.
TEST(CompileFolder, HeadsOfAnOddWidthDoNotTouchEachOther) {
  if (!__builtin_cpu_supports("avx512bw"))
    GTEST_SKIP() << "needs AVX-512, where stores of one lane once went wrong";
  Folder folder;
  std::string artifact = compileCase(folder, "deepseek_v3_bf16_sharded", "", "cpu:x86-64-v4", 33);
  auto alone = continuations(artifact, true, 1);
  for (int round = 0; round < 10; ++round)
    EXPECT_EQ(continuations(artifact, true, 2), alone) << "round " << round;
}

} // namespace
} // namespace r1::pipeline
