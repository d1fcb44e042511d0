// Weights arrive whole, whichever way they come, or not at all.
#include "runtime/device/cpu/weights.h"

#include <gtest/gtest.h>

#include "runtime/program/session.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1::cpu {
namespace {

using testing::temporary, testing::write_fake_model;

TEST(Weights, NoWeightsIsSaid) {
  write_fake_model(temporary("none.r1a"), {.weights = false});
  Status s = Program::open(temporary("none.r1a")).status();
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("--random-weights"), std::string::npos) << s.message();
}

TEST(Weights, DamagedWeightsAreNotUsed) {
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

TEST(Weights, ReadMappedAndSideFileAgree) {
  write_fake_model(temporary("in.r1a"));
  write_fake_model(temporary("beside.r1a"), {.side_file = "beside.weights"});
  ProgramOptions read, map;
  map.device.map_weights = true;
  auto expected = first_logits(temporary("in.r1a"), read);
  EXPECT_EQ(first_logits(temporary("in.r1a"), map), expected);
  EXPECT_EQ(first_logits(temporary("beside.r1a"), read), expected);
  EXPECT_EQ(first_logits(temporary("beside.r1a"), map), expected);
}

TEST(Weights, RandomWeightsDependOnTheSeedAlone) {
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

} // namespace
} // namespace r1::cpu
