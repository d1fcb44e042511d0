// Arena: activations that live at the same time never share a byte, and memory is reused where they do not.
#include "compiler/plan/Arena.h"

#include <gtest/gtest.h>
#include <random>

namespace r1::plan {
namespace {

bool together(const Interval& a, const Interval& b) { return a.first <= b.last && b.first <= a.last; }

TEST(Arena, RandomIntervalsNeverOverlapAndStayAligned) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<Interval> intervals(1 + random() % 40);
    for (Interval& item : intervals) {
      item.bytes = 1 + random() % 5000;
      item.first = random() % 30;
      item.last = item.first + random() % 6;
    }
    int64_t arena = placeIntervals(intervals, 256), most = 0;
    for (int64_t step = 0; step < 40; ++step) {
      int64_t alive = 0;
      for (const Interval& item : intervals)
        alive += item.first <= step && step <= item.last ? (item.bytes + 255) / 256 * 256 : 0;
      most = std::max(most, alive);
    }
    EXPECT_GE(arena, most);
    EXPECT_LE(arena, 2 * most) << "far from the lower bound in round " << round;
    for (const Interval& a : intervals) {
      EXPECT_EQ(a.offset % 256, 0);
      EXPECT_LE(a.offset + a.bytes, arena);
      for (const Interval& b : intervals)
        if (&a != &b && together(a, b)) {
          EXPECT_TRUE(a.offset + a.bytes <= b.offset || b.offset + b.bytes <= a.offset) << "round " << round;
        }
    }
  }
}

TEST(Arena, OneAfterTheOtherShareOnePlace) {
  std::vector<Interval> intervals = {{1000, 0, 1}, {1000, 2, 3}, {1000, 4, 5}};
  EXPECT_EQ(placeIntervals(intervals, 256), 1024);
}

TEST(Arena, ReadAndWrittenInOneStepAreApart) {
  std::vector<Interval> intervals = {{512, 0, 1}, {512, 1, 2}};
  EXPECT_EQ(placeIntervals(intervals, 256), 1024);
}

} // namespace
} // namespace r1::plan
