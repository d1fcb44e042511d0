// The CPU device refuses what it cannot run, with cause and cure, and loads what it can in every way the same.
#include "runtime/device/cpu/cpu_device.h"

#include <gtest/gtest.h>

#include "runtime/device/cpu/features.h"
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
  EXPECT_EQ(
      open_with({}, {.change = [](ArtifactT& a) { a.targets[0]->device = artifact::Device::Cuda; }}).code(),
      Code::kUnsupported);
}

TEST(CpuDevice, UnknownTargetListsWhatThereIs) {
  ProgramOptions options;
  options.target = "cpu:z80";
  Status s = open_with(options);
  EXPECT_EQ(s.code(), Code::kNotFound);
  EXPECT_NE(s.message().find("cpu:x86-64"), std::string::npos) << s.message();
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
  EXPECT_NE(s.message().find("4 kernels"), std::string::npos) << s.message();
}

TEST(CpuDevice, NoWeightsIsSaid) {
  Status s = open_with({}, {.weights = false});
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("--random-weights"), std::string::npos) << s.message();
}

TEST(CpuDevice, DamagedWeightsAreNotUsed) {
  std::string path = temporary("weights.r1a");
  write_fake_model(path);
  auto bytes = testing::read_file(path);
  uint64_t segment = 2 << 20;
  bytes[segment + 100] ^= 4;
  testing::write_file(path, bytes);
  for (bool map : {false, true}) {
    ProgramOptions options;
    options.device.map_weights = map;
    EXPECT_EQ(Program::open(path, options).status().code(), Code::kCorrupt);
  }
}

std::vector<float> first_logits(const std::string& path, const ProgramOptions& options) {
  std::vector<float> row;
  auto program = Program::open(path, options);
  EXPECT_TRUE(program.ok()) << program.status().message();
  if (!program.ok())
    return row;
  Session session(**program);
  int32_t ids[] = {3, 4, 5};
  EXPECT_TRUE(session
                  .prefill(*session.open_sequence(), ids, Want::kLast,
                           [&](int64_t, int64_t, const float* logits) {
                             row.assign(logits, logits + testing::kVocab);
                             return Status();
                           })
                  .ok());
  return row;
}

TEST(CpuDevice, ReadMappedAndSideFileAgree) {
  write_fake_model(temporary("in.r1a"));
  write_fake_model(temporary("beside.r1a"), {.side_file = "beside.weights"});
  ProgramOptions read, map;
  map.device.map_weights = true;
  auto expected = first_logits(temporary("in.r1a"), read);
  EXPECT_EQ(first_logits(temporary("in.r1a"), map), expected);
  EXPECT_EQ(first_logits(temporary("beside.r1a"), read), expected);
  EXPECT_EQ(first_logits(temporary("beside.r1a"), map), expected);
}

TEST(CpuDevice, RandomWeightsDependOnTheSeedAlone) {
  std::string path = temporary("random.r1a");
  write_fake_model(path, {.weights = false});
  auto with = [&](uint64_t seed, int threads) {
    ProgramOptions options;
    options.device.random_weights = true;
    options.device.random_seed = seed;
    options.device.threads = threads;
    return first_logits(path, options);
  };
  EXPECT_EQ(with(1, 1), with(1, 3));
  EXPECT_NE(with(1, 1), with(2, 1));
}

TEST(CpuDevice, TheStrongestTargetIsChosen) {
  flatbuffers::FlatBufferBuilder builder;
  ArtifactT a;
  a.model = std::make_unique<artifact::ModelT>();
  a.generation = std::make_unique<artifact::GenerationT>();
  a.provenance = std::make_unique<artifact::ProvenanceT>();
  for (auto [name, features] : std::initializer_list<std::pair<const char*, std::vector<std::string>>>{
           {"cpu:plain", {"sse2"}}, {"cpu:better", {"sse2", "sse3"}}, {"cpu:impossible", {"avx9000"}}}) {
    auto t = std::make_unique<artifact::TargetT>();
    t->name = name;
    t->features = features;
    t->image = std::make_unique<artifact::SectionT>();
    t->image->hash = std::make_unique<artifact::Hash>();
    a.targets.push_back(std::move(t));
  }
  builder.Finish(artifact::CreateArtifact(builder, &a));
  auto chosen = choose_target(*artifact::GetArtifact(builder.GetBufferPointer()), "");
  ASSERT_TRUE(chosen.ok()) << chosen.status().message();
  EXPECT_EQ((*chosen)->name()->str(), "cpu:better");
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
  ASSERT_EQ(times.size(), 5u);
  for (const LaunchTime& t : times) {
    EXPECT_EQ(t.calls, 1u);
    EXPECT_GE(t.seconds, 0);
  }
}

TEST(Features, SpellingDoesNotMatter) {
  EXPECT_TRUE(has_feature("sse2"));
  EXPECT_EQ(has_feature("sse4.2"), has_feature("SSE4_2"));
  EXPECT_EQ(has_feature("avx512bf16"), has_feature("avx512_bf16"));
  EXPECT_EQ(has_feature("amx-bf16"), has_feature("amx_bf16"));
  EXPECT_FALSE(has_feature("no such thing"));
}

} // namespace
} // namespace r1::cpu
