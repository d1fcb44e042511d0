// The report's ratios are what its own figures say, and bad options are refused.
#include "runtime/bench/bench.h"

#include <gtest/gtest.h>

#include "test/unit/runtime/testing/fake_model.h"

namespace r1::bench {
namespace {

using testing::temporary, testing::write_fake_model;

std::unique_ptr<Program> open(bool profile = false) {
  write_fake_model(temporary("bench.r1a"), {.weights = false});
  ProgramOptions options;
  options.device.threads = 2;
  options.device.random_weights = true;
  options.device.profile = profile;
  auto program = Program::open(temporary("bench.r1a"), options);
  EXPECT_TRUE(program.ok()) << program.status().message();
  return program.ok() ? *std::move(program) : nullptr;
}

Options small() {
  Options o;
  o.prompt_tokens = 100;
  o.new_tokens = 20;
  o.batch = 3;
  o.stream_bytes = 64 << 20;
  return o;
}

TEST(Bench, FiguresAgreeWithOneAnother) {
  auto program = open();
  auto r = run(*program, small());
  ASSERT_TRUE(r.ok()) << r.status().message();
  EXPECT_GT(r->bandwidth.lowest, 1e8);
  EXPECT_GT(r->matrix_rate.lowest, 1e8);
  EXPECT_LE(r->bandwidth.lowest, r->bandwidth.median);
  EXPECT_LE(r->bandwidth.median, r->bandwidth.highest);
  EXPECT_EQ(r->weight_bytes_per_step, testing::kVocab * 4);
  EXPECT_EQ(r->flops_per_token, 4 * 1000 + 2 * 1000 / 100)
      << "four launches over tokens, two over the last row";
  EXPECT_NEAR(r->prefill_tokens_per_second * r->prefill_seconds, 100, 1e-6);
  EXPECT_NEAR(r->decode_tokens_per_second * r->decode_step_seconds, 3, 1e-6);
  EXPECT_NEAR(r->cache_bytes_per_step, 3 * 110.5 * 8, 1e-6);
  EXPECT_NEAR(r->decode_bandwidth_ratio * r->bandwidth.median * r->decode_step_seconds,
              r->weight_bytes_per_step, 1e-3);
}

TEST(Bench, ProfileSumsByPlace) {
  auto program = open(true);
  ASSERT_TRUE(run(*program, small()).ok());
  auto rows = profile(*program);
  ASSERT_FALSE(rows.empty());
  uint64_t scans = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i) {
      EXPECT_LE(rows[i].seconds, rows[i - 1].seconds);
    }
    if (rows[i].entry == "Decode 3" && rows[i].kernel == "scan")
      scans += rows[i].calls;
    EXPECT_EQ(rows[i].flops, 1000 * rows[i].tokens);
    if (rows[i].entry == "Decode 3")
      EXPECT_EQ(rows[i].tokens, 3.0 * double(rows[i].calls)) << "steps before the measured ones count";
    EXPECT_EQ(floor_seconds(rows[i], 0, 1000), rows[i].flops / 1000);
    if (rows[i].weight_bytes > 0) {
      EXPECT_EQ(rows[i].kernel, "logits");
      EXPECT_EQ(rows[i].weight_bytes, double(rows[i].calls) * testing::kVocab * 4);
      EXPECT_EQ(floor_seconds(rows[i], 1, 0), rows[i].weight_bytes);
    }
  }
  EXPECT_EQ(scans, 2u * 20 * 3) << "two layers, 20 steps, three measured runs";
  EXPECT_TRUE(profile(*program).empty());
}

TEST(Bench, BadOptionsAreRefused) {
  auto program = open();
  Options o = small();
  o.batch = 6;
  EXPECT_EQ(run(*program, o).status().code(), Code::kInvalidArgument);
  o = small();
  o.new_tokens = 1000;
  EXPECT_EQ(run(*program, o).status().code(), Code::kContextFull);
  o = small();
  o.prompt_tokens = 0;
  EXPECT_EQ(run(*program, o).status().code(), Code::kInvalidArgument);
}

} // namespace
} // namespace r1::bench
