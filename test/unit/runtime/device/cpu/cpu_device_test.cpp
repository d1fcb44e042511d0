// The CPU device refuses what it cannot run, with cause and cure, and loads what it can in every way the same.
#include "runtime/device/cpu/cpu_device.h"

#include <gtest/gtest.h>

#include "runtime/program/session.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::cpu {
namespace {

using artifact::ArtifactT;
using testing::temporary, testing::write_fake_model;

Status open_with(const ProgramOptions& options, const testing::FakeOptions& fake = {}) {
  std::string path = temporary("device.r1a");
  write_fake_model(path, fake);
  return Program::open(path, options).status();
}

TEST(CpuDevice, MissingInstructionsAreNamed) {
  Status s = open_with(
      {}, {.change = [](ArtifactT& a) { a.targets[0]->features = {"sse2", "avx9000", "quantum-bf16"}; }});
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("avx9000, quantum-bf16"), std::string::npos) << s.message();
  EXPECT_EQ(s.message().find("sse2"), std::string::npos) << s.message();
  EXPECT_NE(s.message().find("--target cpu:x86-64-v"), std::string::npos) << s.message();
}

TEST(CpuDevice, OtherDevicesAreRefused) {
  std::string path = temporary("other.r1a");
  write_fake_model(path, {.devices = {artifact::Device::Cuda}});
  auto reader = artifact::Reader::open(path);
  ASSERT_TRUE(reader.ok()) << reader.status().message();
  EXPECT_EQ(can_run(*(*reader)->index().targets()->Get(0)).code(), Code::kUnsupported);
}

TEST(CpuDevice, TooLittleMemoryIsRefusedWithNumbers) {
  ProgramOptions options;
  options.device.memory_limit = 1 << 10;
  Status s = open_with(options);
  EXPECT_EQ(s.code(), Code::kOutOfMemory);
  EXPECT_NE(s.message().find("weights"), std::string::npos) << s.message();
  options.device.memory_limit = 0;
  s = open_with(options,
                {.change = [](ArtifactT& a) { a.targets[0]->entries[0]->arena_bytes = uint64_t(1) << 44; }});
  EXPECT_EQ(s.code(), Code::kOutOfMemory) << s.message();
}

TEST(CpuDevice, ImagesThatAreNotSound) {
  Status s = open_with({}, {.change = [](ArtifactT& a) { a.targets[0]->image->bytes -= 1; }});
  EXPECT_EQ(s.code(), Code::kCorrupt) << s.message();
  s = open_with({}, {.change = [](ArtifactT& a) {
                  a.targets[0]->kernels.push_back(
                      std::make_unique<artifact::KernelT>(*a.targets[0]->kernels[0]));
                }});
  EXPECT_EQ(s.code(), Code::kCorrupt);
  EXPECT_NE(s.message().find("has 5 kernels, the index names 6"), std::string::npos) << s.message();
}

TEST(CpuDevice, ProfileCountsEveryLaunch) {
  std::string path = temporary("profile.r1a");
  write_fake_model(path);
  ProgramOptions options;
  options.device.profile = true;
  auto program = Program::open(path, options);
  ASSERT_TRUE(program.ok());
  Session session(**program);
  int32_t ids[] = {3, 4, 5};
  ASSERT_TRUE(session
                  .prefill(*session.open_sequence(), ids, Want::kLast,
                           [](int64_t, int64_t, const float*) { return Status(); })
                  .ok());
  auto times = (*program)->device().take_profile(0);
  ASSERT_EQ(times.size(), 6u);
  for (const LaunchTime& t : times) {
    EXPECT_EQ(t.calls, 1u);
    EXPECT_GE(t.seconds, 0);
    EXPECT_EQ(t.rows, t.launch < 4 ? 3 : 1) << "tokens, then the one row of logits";
    EXPECT_EQ(t.pairs, 3 * t.rows);
  }
  for (const LaunchTime& t : (*program)->device().take_profile(0))
    EXPECT_TRUE(t.calls == 0 && t.seconds == 0 && t.rows == 0 && t.pairs == 0) << "counted twice";
}

} // namespace
} // namespace r1::cpu
