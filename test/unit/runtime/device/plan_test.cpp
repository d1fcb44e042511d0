// What a target needs follows from artifact and options, and steps and values that do not fit are refused.
#include "runtime/device/plan.h"

#include <gtest/gtest.h>

#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

using artifact::IoSlot;

struct Opened {
  std::unique_ptr<artifact::Reader> reader;
  const artifact::Artifact& artifact() const { return reader->index(); }
  const artifact::Target& target() const { return *artifact().targets()->Get(0); }
};

Opened open() {
  std::string path = testing::temporary("plan.r1a");
  testing::write_fake_model(path);
  auto reader = artifact::Reader::open(path);
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  return {*std::move(reader)};
}

TEST(Plan, SizesFollowTheOptions) {
  Opened o = open();
  TargetSizes all = sizes_of(o.artifact(), o.target(), {});
  EXPECT_EQ(all.pages, 4u * testing::kMaxBatch) << "250 tokens are 4 pages";
  EXPECT_EQ(all.cache, all.pages * 256u * 2);
  EXPECT_EQ(all.segments, 64u + testing::kVocab * 4);
  EXPECT_EQ(all.io_bytes[int(IoSlot::TokenIds)], testing::kPrefill * 4u);
  EXPECT_EQ(all.io_bytes[int(IoSlot::Logits)], testing::kPrefill * testing::kVocab * 4u);
  EXPECT_EQ(all.io_bytes[int(IoSlot::ChoiceOptions)], testing::kPrefill * 16u);
  EXPECT_EQ(all.io_bytes[int(IoSlot::Draws)], testing::kPrefill * 8u);
  EXPECT_EQ(all.io_bytes[int(IoSlot::Chosen)], testing::kPrefill * 4u);
  DeviceOptions few;
  few.cache_sequences = 2;
  few.cache_tokens = 65;
  EXPECT_EQ(sizes_of(o.artifact(), o.target(), few).pages, 4u);
  few.cache_sequences = 1000;
  few.cache_tokens = 100000;
  EXPECT_EQ(sizes_of(o.artifact(), o.target(), few).pages, all.pages);
}

TEST(Plan, StepsAndValuesMustFit) {
  Opened o = open();
  EXPECT_TRUE(check_step(o.artifact(), o.target(), 0, {48, 48, 250}).ok());
  for (StepShape bad :
       {StepShape{49, 1, 100}, {0, 0, 100}, {4, 49, 100}, {4, -1, 100}, {4, 1, 251}, {4, 1, 0}})
    EXPECT_EQ(check_step(o.artifact(), o.target(), 0, bad).code(), Code::kInternal);
  EXPECT_TRUE(check_write(IoSlot::TokenIds, 0, 48, 192).ok());
  EXPECT_FALSE(check_write(IoSlot::TokenIds, 1, 48, 192).ok());
  EXPECT_FALSE(check_write(IoSlot::TokenIds, UINT64_MAX, 2, 192).ok());
}

TEST(Plan, SmallWeightsAreHashed) {
  Opened o = open();
  EXPECT_TRUE(hashes_weights(o.artifact(), o.target(), {}));
}

} // namespace
} // namespace r1
