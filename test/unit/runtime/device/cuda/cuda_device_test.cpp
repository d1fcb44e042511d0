// The CUDA device computes what the model says, in whatever order the driver runs what it leaves open, and refuses what it
// cannot run with cause and cure.
#include "runtime/device/cuda/cuda_device.h"

#include <gtest/gtest.h>

#include "runtime/bench/bench.h"
#include "test/unit/runtime/device/cuda/simulation.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::cuda {
namespace {

using artifact::ArtifactT;
using testing::Simulation, testing::temporary, testing::write_fake_model;
using Kind = artifact::Device;

Result<std::unique_ptr<Program>> open(testing::FakeOptions fake = {}, const DeviceOptions& device = {},
                                      const std::string& target = "sim:sm_90a") {
  std::string path = temporary("cuda_device.r1a");
  if (fake.devices == std::vector{Kind::Cpu})
    fake.devices = {Kind::Sim};
  write_fake_model(path, fake);
  return Program::open(path, {target, device});
}

// Prefills in chunks, decodes three sequences of different lengths together, and compares every logit.
void expect_right(Program& program) {
  Session session(program);
  std::vector<std::vector<int32_t>> ids(3);
  std::vector<int> numbers;
  auto compare = [&](std::span<const int32_t> tokens, const float* row) {
    for (int j = 0; j < testing::kVocab; ++j)
      ASSERT_EQ(row[j], testing::expected_logit(tokens, j)) << tokens.size() << " tokens, column " << j;
  };
  for (size_t s = 0; s < ids.size(); ++s) {
    for (size_t i = 0; i < 3 + 60 * s; ++i)
      ids[s].push_back(int32_t((i * 37 + s * 11 + 5) % testing::kVocab));
    numbers.push_back(*session.open_sequence());
    Status status = session.prefill(
        numbers[s], ids[s], Want::kAll, [&](int64_t first, int64_t rows, const float* logits) {
          for (int64_t r = 0; r < rows; ++r)
            compare(std::span(ids[s]).first(size_t(first + r + 1)), logits + r * testing::kVocab);
          return Status();
        });
    ASSERT_TRUE(status.ok()) << status.message();
  }
  for (size_t count : {3, 2, 1, 3}) {
    std::vector<Session::Next> nexts;
    for (size_t s = 0; s < count; ++s) {
      ids[s].push_back(int32_t(ids[s].size() % testing::kVocab));
      nexts.push_back({numbers[s], ids[s].back()});
    }
    Status status = session.decode(nexts, [&](int64_t first, int64_t rows, const float* logits) {
      for (int64_t r = 0; r < rows; ++r)
        compare(ids[size_t(first + r)], logits + r * testing::kVocab);
      return Status();
    });
    ASSERT_TRUE(status.ok()) << status.message();
  }
}

TEST(CudaDevice, LogitsAreRightInAnyOrder) {
  for (const char* config :
       {"", "seed=1,schedule=priority,async=lazy", "seed=2,schedule=priority,async=random",
        "seed=3,schedule=shuffle,workers=2", "seed=4,schedule=reverse,devices=2"}) {
    SCOPED_TRACE(config);
    Simulation simulation(config);
    auto program = open();
    ASSERT_TRUE(program.ok()) << program.status().message();
    expect_right(**program);
  }
}

TEST(CudaDevice, LaunchesThatDoNotWaitAreFree) {
  // All in one wave: then some order must give wrong results, or the one above proves nothing.
  Simulation simulation("seed=1");
  auto program = open({.change = [](ArtifactT& a) {
    for (auto& entry : a.targets[0]->entries)
      for (auto& launch : entry->launches)
        launch->after = false;
  }});
  ASSERT_TRUE(program.ok());
  Session session(**program);
  int32_t ids[] = {3, 4, 5};
  int wrong = 0;
  for (int run = 0; run < 20; ++run)
    ASSERT_TRUE(session
                    .prefill(*session.open_sequence(), ids, Want::kLast,
                             [&](int64_t, int64_t, const float* row) {
                               wrong += row[7] != testing::expected_logit(ids, 7);
                               session.close_sequence(0);
                               return Status();
                             })
                    .ok());
  EXPECT_GT(wrong, 0);
}

TEST(CudaDevice, TwoProgramsShareAGpu) {
  Simulation simulation;
  auto one = open();
  auto two = open();
  ASSERT_TRUE(one.ok() && two.ok());
  expect_right(**one);
  expect_right(**two);
  one = fail(Code::kInternal, "closed");
  expect_right(**two);
}

TEST(CudaDevice, ProfileTimesEveryLaunch) {
  Simulation simulation;
  DeviceOptions options;
  options.profile = true;
  auto program = open({}, options);
  ASSERT_TRUE(program.ok()) << program.status().message();
  expect_right(**program);
  auto times = (*program)->device().take_profile(2);
  ASSERT_EQ(times.size(), 6u);
  for (const LaunchTime& t : times) {
    EXPECT_EQ(t.calls, 3u) << "decode of 3, 2 and 3 sequences";
    EXPECT_GT(t.seconds, 0);
  }
  EXPECT_EQ((*program)->device().take_profile(2)[0].calls, 0u);
}

TEST(CudaDevice, TooLittleMemoryIsRefusedWithNumbers) {
  Simulation simulation("memory=64KiB");
  Status s = open().status();
  EXPECT_EQ(s.code(), Code::kOutOfMemory);
  for (const char* part : {"GPU memory", "weights", "cache", "--max-batch"})
    EXPECT_NE(s.message().find(part), std::string::npos) << s.message();
  DeviceOptions options;
  options.memory_limit = 1000;
  EXPECT_EQ(open({}, options).status().code(), Code::kOutOfMemory);
}

TEST(CudaDevice, MemoryThatOthersTookMeanwhile) {
  for (int n = 1; n <= 4; ++n) {
    Simulation simulation("alloc_fails=" + std::to_string(n));
    Status s = open().status();
    EXPECT_EQ(s.code(), Code::kOutOfMemory) << n;
    EXPECT_NE(s.message().find("nvidia-smi"), std::string::npos) << s.message();
    EXPECT_NE(s.message().find("MiB for"), std::string::npos) << s.message();
  }
}

TEST(CudaDevice, ChipsWithoutAnImage) {
  Simulation simulation("chip=80");
  Status s = open({.devices = {Kind::Cpu, Kind::Sim, Kind::Cuda}}).status();
  EXPECT_EQ(s.code(), Code::kUnsupported);
  for (const char* part : {"8.0", "cpu:x86-64, sim:sm_90a, sm_90a", "--target sim:sm_80", "R1_SIMCUDA"})
    EXPECT_NE(s.message().find(part), std::string::npos) << s.message();
  s = open({.devices = {Kind::Cuda}}, {}, "sm_90a").status();
  EXPECT_NE(s.message().find("--target sm_80"), std::string::npos) << s.message();
  s = open({.devices = {Kind::Sim, Kind::Cuda},
            .change =
                [](ArtifactT& a) {
                  a.targets.push_back(std::make_unique<artifact::TargetT>(*a.targets[0]));
                  a.targets[2]->name = "sim:sm_80";
                  a.targets[2]->processor = "sm_80";
                  a.targets[2]->image = std::make_unique<artifact::SectionT>(*a.targets[1]->image);
                  a.targets.erase(a.targets.begin() + 1);
                }})
          .status();
  EXPECT_NE(s.message().find("use --target sim:sm_80"), std::string::npos) << s.message();
}

TEST(CudaDevice, MachinesWithoutADriver) {
  Simulation simulation("driver=12040");
  EXPECT_EQ(open().status().code(), Code::kUnsupported);
}

TEST(CudaDevice, AFailingLaunchEndsTheDevice) {
  Simulation simulation("launch_fails=3");
  auto program = open();
  ASSERT_TRUE(program.ok()) << program.status().message();
  int32_t ids[] = {3, 4, 5};
  auto ignore = [](int64_t, int64_t, const float*) { return Status(); };
  Session session(**program);
  Status s = session.prefill(*session.open_sequence(), ids, Want::kLast, ignore);
  EXPECT_EQ(s.code(), Code::kDevice);
  EXPECT_NE(s.message().find("a kernel failed on the GPU while running a step"), std::string::npos)
      << s.message();
  EXPECT_NE(s.message().find("CUDA_ERROR_LAUNCH_FAILED"), std::string::npos) << s.message();
  EXPECT_EQ(session.prefill(0, ids, Want::kLast, ignore).message(), s.message()) << "it stays so";
  EXPECT_EQ(session.length(0), 0);
}

TEST(CudaDevice, AProfileTellsWhichLaunchFailed) {
  Simulation simulation("launch_fails=4");
  DeviceOptions options;
  options.profile = true;
  auto program = open({}, options);
  ASSERT_TRUE(program.ok()) << program.status().message();
  Session session(**program);
  int32_t ids[] = {3, 4, 5};
  Status s = session.prefill(*session.open_sequence(), ids, Want::kLast,
                             [](int64_t, int64_t, const float*) { return Status(); });
  EXPECT_NE(s.message().find("running launch 3, kernel scan at layers.scan"), std::string::npos)
      << s.message();
}

TEST(CudaDevice, ALostDeviceIsSaidAndClosed) {
  {
    Simulation simulation("lost_after=7");
    auto program = open();
    ASSERT_TRUE(program.ok()) << program.status().message();
    Session session(**program);
    int32_t ids[] = {3, 4, 5};
    auto ignore = [](int64_t, int64_t, const float*) { return Status(); };
    int sequence = *session.open_sequence();
    EXPECT_TRUE(session.prefill(sequence, ids, Want::kLast, ignore).ok());
    Status s = session.prefill(sequence, ids, Want::kLast, ignore);
    EXPECT_EQ(s.code(), Code::kDevice);
    EXPECT_NE(s.message().find("the GPU was lost"), std::string::npos) << s.message();
  }
  Simulation simulation;
  auto program = open();
  ASSERT_TRUE(program.ok()) << "another machine: " << program.status().message();
  expect_right(**program);
}

TEST(CudaDevice, ImagesThatDoNotFitTheIndex) {
  Simulation simulation;
  Status s =
      open({.change = [](ArtifactT& a) { a.targets[0]->kernels[2]->symbol = "fake_nothing"; }}).status();
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("scan"), std::string::npos) << s.message();
  s = open({.change = [](ArtifactT& a) { a.targets[0]->kernels[2]->code_offset += 8; }}).status();
  EXPECT_NE(s.message().find("CUDA_ERROR_INVALID_IMAGE"), std::string::npos) << s.message();
  s = open({.change = [](ArtifactT& a) {
        a.targets[0]->image->bytes -= 4096, a.targets[0]->kernels[3]->code_bytes -= 8192;
        a.targets[0]->kernels[4]->code_bytes -= 8192, a.targets[0]->kernels[5]->code_bytes -= 8192;
      }}).status();
  EXPECT_EQ(s.code(), Code::kCorrupt) << s.message();
  // Shared memory that this chip does not have.
  Simulation small("chip=86");
  s = open({.change = [](ArtifactT& a) {
        a.targets[0]->processor = "sm_86";
        a.targets[0]->kernels[3]->shared_bytes = 120 << 10;
      }}).status();
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("122880 bytes of shared memory"), std::string::npos) << s.message();
}

TEST(CudaDevice, ImagesAreCheckedWithoutWeights) {
  Simulation simulation;
  write_fake_model(temporary("check.r1a"), {.weights = false, .devices = {Kind::Sim}});
  auto reader = artifact::Reader::open(temporary("check.r1a"));
  ASSERT_TRUE(reader.ok());
  Status s = check_image(**reader, *(*reader)->index().targets()->Get(0));
  EXPECT_TRUE(s.ok()) << s.message();
}

TEST(CudaDevice, MisuseIsRefused) {
  Simulation simulation;
  auto program = open();
  ASSERT_TRUE(program.ok());
  Device& device = (*program)->device();
  int32_t value = 0;
  EXPECT_EQ(device.write(artifact::IoSlot::Logits, 0, {&value, 1}).code(), Code::kInternal);
  EXPECT_EQ(device.write(artifact::IoSlot::TokenIds, 48, {&value, 1}).code(), Code::kInternal);
  EXPECT_EQ(device.run(0, {49, 0, 49}).code(), Code::kInternal);
  EXPECT_EQ(device.logits(1).status().code(), Code::kInternal) << "no step has run";
  EXPECT_EQ(device.parallel([](int, int) {}).code(), Code::kUnsupported);
}

TEST(CudaDevice, BenchMeasuresCopiesAndClaimsNoMatrixRate) {
  Simulation simulation;
  auto program = open();
  ASSERT_TRUE(program.ok());
  bench::Options options;
  options.prompt_tokens = 20;
  options.new_tokens = 3;
  options.batch = 2;
  options.repetitions = 1;
  options.stream_bytes = 16 << 20;
  auto report = bench::run(**program, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_GT(report->bandwidth.median, 1e8);
  EXPECT_GT(report->decode_bandwidth_ratio, 0);
  EXPECT_EQ(report->matrix_instruction, "unknown");
  EXPECT_EQ(report->prefill_matrix_ratio, 0);
}

} // namespace
} // namespace r1::cuda
