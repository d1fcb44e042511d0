// R1_SIMCUDA says what machine there is, and what is not understood is said.
#include "tools/simcuda/config.h"

#include <gtest/gtest.h>

namespace r1::simcuda {
namespace {

TEST(Config, AllKeys) {
  Config c;
  EXPECT_EQ(parse("devices=2,memory=4GiB,chip=100,driver=12080,launch_fails=17,lost_after=3,alloc_fails=5,"
                  "schedule=priority,async=lazy,sums=hopper,seed=3,workers=2",
                  c),
            "");
  EXPECT_EQ(c.devices, 2);
  EXPECT_EQ(c.memory, uint64_t(4) << 30);
  EXPECT_EQ(c.chip, 100);
  EXPECT_EQ(c.driver, 12080);
  EXPECT_EQ(c.launch_fails, 17u);
  EXPECT_EQ(c.lost_after, 3u);
  EXPECT_EQ(c.alloc_fails, 5u);
  EXPECT_EQ(c.schedule.order, simt::Order::kPriority);
  EXPECT_EQ(c.schedule.async, simt::Async::kLazy);
  EXPECT_TRUE(c.schedule.hopper_sums);
  EXPECT_EQ(c.schedule.seed, 3u);
  EXPECT_EQ(c.schedule.workers, 2);
}

TEST(Config, SizesHaveUnits) {
  for (auto [text, bytes] : std::initializer_list<std::pair<const char*, uint64_t>>{
           {"memory=100", 100}, {"memory=3KiB", 3072}, {"memory=2M", 2 << 20}, {"memory=0", 0}}) {
    Config c;
    EXPECT_EQ(parse(text, c), "") << text;
    EXPECT_EQ(c.memory, bytes) << text;
  }
}

TEST(Config, WhatIsNotUnderstoodIsSaid) {
  for (const char* text :
       {"device=2", "devices", "devices=", "devices=two", "devices=-1", "devices=65", "memory=4X",
        "memory=99999999GiB", "schedule=fast", "workers=0", "chip=90a", "chip=90,,seed=1"}) {
    Config c;
    std::string why = parse(text, c);
    EXPECT_NE(why.find("is not understood"), std::string::npos) << text;
    EXPECT_EQ(why.find('\n'), std::string::npos);
  }
}

} // namespace
} // namespace r1::simcuda
