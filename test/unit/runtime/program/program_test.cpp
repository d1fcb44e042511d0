// A program opens on the best target that this machine runs, or says why not.
#include "runtime/program/program.h"

#include <gtest/gtest.h>

#include "test/unit/runtime/device/cuda/simulation.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

using artifact::ArtifactT;
using testing::temporary, testing::write_fake_model;

TEST(Program, UnknownTargetListsWhatThereIs) {
  write_fake_model(temporary("program.r1a"));
  ProgramOptions options;
  options.target = "cpu:z80";
  Status s = Program::open(temporary("program.r1a"), options).status();
  EXPECT_EQ(s.code(), Code::kNotFound);
  EXPECT_NE(s.message().find("cpu:x86-64"), std::string::npos) << s.message();
}

TEST(Program, MoreContextThanTheArtifactAllowsIsRefused) {
  std::string path = temporary("context.r1a");
  write_fake_model(path);
  ProgramOptions options;
  options.device.cache_tokens = testing::kMaxContext;
  EXPECT_TRUE(Program::open(path, options).ok());
  ++options.device.cache_tokens;
  Status s = Program::open(path, options).status();
  EXPECT_EQ(s.code(), Code::kInvalidArgument);
  EXPECT_NE(
      s.message().find("compile the model with --max-context " + std::to_string(testing::kMaxContext + 1)),
      std::string::npos)
      << s.message();
}

// As mpirun says it to each process of a job.
struct JobOf {
  explicit JobOf(const char* processes) { setenv("OMPI_COMM_WORLD_SIZE", processes, 1); }
  ~JobOf() { unsetenv("OMPI_COMM_WORLD_SIZE"); }
};

TEST(Program, AWrongNumberOfRanksIsRefused) {
  using artifact::Device;
  testing::Simulation simulation;
  std::string path = temporary("ranks.r1a");
  for (uint32_t ranks : {1u, 8u}) {
    write_fake_model(
        path, {.devices = {Device::Cuda}, .change = [&](ArtifactT& a) { a.targets[0]->ranks = ranks; }});
    for (const char* processes : {"", "1", "2", "8", "eight", "0", "8 "}) {
      JobOf job(processes);
      Status s = Program::open(path).status();
      std::string text = processes;
      uint32_t found = text == "8" ? 8 : text == "2" ? 2 : 1;
      bool number = text == "" || text == "1" || text == "2" || text == "8";
      EXPECT_EQ(s.code(), !number          ? Code::kInvalidArgument
                          : found == ranks ? Code::kOk
                                           : Code::kUnsupported)
          << ranks << " ranks, '" << processes << "': " << s.message();
      if (!number || found == ranks)
        continue;
      const char* cure = ranks == 1 ? "start it alone" : "start it with mpirun -n 8";
      EXPECT_NE(s.message().find(cure), std::string::npos) << s.message();
      EXPECT_NE(s.message().find(path), std::string::npos) << s.message();
    }
  }
}

TEST(Program, TheStrongestTargetIsChosen) {
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

Result<std::unique_ptr<Program>> open_on(const std::string& target, std::vector<artifact::Device> devices) {
  write_fake_model(temporary("devices.r1a"), {.devices = std::move(devices)});
  return Program::open(temporary("devices.r1a"), {target, {}});
}

TEST(Program, OneReasonIsToldOnce) {
  testing::Simulation simulation("devices=0");
  flatbuffers::FlatBufferBuilder builder;
  ArtifactT a;
  a.model = std::make_unique<artifact::ModelT>();
  a.generation = std::make_unique<artifact::GenerationT>();
  a.provenance = std::make_unique<artifact::ProvenanceT>();
  for (const char* name : {"sm_80", "sm_90a"}) {
    auto t = std::make_unique<artifact::TargetT>();
    t->name = t->processor = name;
    t->device = artifact::Device::Cuda;
    t->image = std::make_unique<artifact::SectionT>();
    t->image->hash = std::make_unique<artifact::Hash>();
    a.targets.push_back(std::move(t));
  }
  builder.Finish(artifact::CreateArtifact(builder, &a));
  std::string text = choose_target(*artifact::GetArtifact(builder.GetBufferPointer()), "").status().message();
  size_t first = text.find("sees no GPU");
  EXPECT_NE(first, std::string::npos) << text;
  EXPECT_EQ(text.find("sees no GPU", first + 1), std::string::npos) << text;
}

TEST(Program, AGpuThatWorksComesFirst) {
  using artifact::Device;
  testing::Simulation simulation;
  auto program = open_on("", {Device::Cpu, Device::Sim, Device::Cuda});
  ASSERT_TRUE(program.ok()) << program.status().message();
  EXPECT_EQ((*program)->target().name()->str(), "sm_90a");
}

TEST(Program, WithoutOneTheCpuComesFirst) {
  using artifact::Device;
  for (const char* config : {"devices=0", "driver=12090", "chip=80"}) {
    testing::Simulation simulation(config);
    auto program = open_on("", {Device::Cuda, Device::Sim, Device::Cpu});
    ASSERT_TRUE(program.ok()) << program.status().message();
    EXPECT_EQ((*program)->target().name()->str(), "cpu:x86-64") << config;
    EXPECT_EQ(open_on("sm_90a", {Device::Cuda, Device::Cpu}).status().code(), Code::kUnsupported) << config;
  }
}

TEST(Program, ASimulationRunsOnlyWhereItIsNamed) {
  using artifact::Device;
  testing::Simulation simulation;
  auto program = open_on("sim:sm_90a", {Device::Cpu, Device::Sim});
  ASSERT_TRUE(program.ok()) << program.status().message();
  EXPECT_EQ((*program)->target().name()->str(), "sim:sm_90a");
  Status s = open_on("", {Device::Sim}).status();
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("--target names it"), std::string::npos) << s.message();
}

TEST(Program, EntriesFitWithTheLeastWaste) {
  write_fake_model(temporary("entries.r1a")); // prefill 48, decode 1, decode 3
  auto program = Program::open(temporary("entries.r1a"));
  ASSERT_TRUE(program.ok()) << program.status().message();
  using artifact::EntryKind;
  EXPECT_EQ((*program)->entry_for(EntryKind::Prefill, 1), 0u);
  EXPECT_EQ((*program)->entry_for(EntryKind::Prefill, 100), 0u);
  EXPECT_EQ((*program)->entry_for(EntryKind::Decode, 1), 1u);
  EXPECT_EQ((*program)->entry_for(EntryKind::Decode, 2), 2u);
  EXPECT_EQ((*program)->entry_for(EntryKind::Decode, 5), 2u);
}

} // namespace
} // namespace r1
