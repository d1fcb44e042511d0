// Tensor maps are made of what a launch's argument points to, cut to the cache that was opened, and reach their kernel.
#include "runtime/device/cuda/launches.h"

#include <gtest/gtest.h>

#include "runtime/program/session.h"
#include "test/unit/runtime/device/cuda/simulation.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::cuda {
namespace {

using artifact::ArtifactT;
using testing::Simulation, testing::temporary;

// Both scans read their cache layer through a map of all the pages that there could be.
void scan_through_maps(ArtifactT& a) {
  artifact::TargetT& target = *a.targets[0];
  target.kernels[2]->symbol = "fake_scan_mapped";
  target.kernels[2]->shared_bytes = 384;
  for (auto& entry : target.entries)
    for (auto& launch : entry->launches) {
      if (launch->kernel != 2)
        continue;
      auto map = std::make_unique<artifact::TensorMapT>();
      map->argument = 3;
      map->type = artifact::DataType::I32;
      map->extents = {64, 4 * testing::kMaxBatch};
      map->strides = {256};
      map->box = {64, 1};
      launch->maps.push_back(std::move(map));
    }
}

Result<std::unique_ptr<Program>> open(uint32_t sequences, const std::function<void(ArtifactT&)>& change,
                                      bool profile = false) {
  std::string path = temporary("launches.r1a");
  testing::write_fake_model(path, {.devices = {artifact::Device::Sim}, .change = change});
  ProgramOptions options;
  options.target = "sim:sm_90a";
  options.device.cache_sequences = sequences;
  options.device.profile = profile;
  return Program::open(path, options);
}

void expect_right(Program& program) {
  Session session(program);
  std::vector<int32_t> ids;
  for (int i = 0; i < 150; ++i)
    ids.push_back(i * 7 % testing::kVocab);
  Status s =
      session.prefill(*session.open_sequence(), ids, Want::kLast, [&](int64_t, int64_t, const float* row) {
        for (int j = 0; j < testing::kVocab; ++j)
          EXPECT_EQ(row[j], testing::expected_logit(ids, j));
        return Status();
      });
  EXPECT_TRUE(s.ok()) << s.message();
}

TEST(Launches, TensorMapsReachTheirKernel) {
  for (const char* config : {"", "seed=2,schedule=priority,async=lazy"})
    for (uint32_t sequences : {1, 5})
      for (bool profile : {false, true}) {
        Simulation simulation(config);
        auto program = open(sequences, scan_through_maps, profile);
        ASSERT_TRUE(program.ok()) << program.status().message();
        expect_right(**program);
      }
}

} // namespace
} // namespace r1::cuda
