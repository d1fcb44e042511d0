// Orders: each is reproducible by its seed, they differ from one another, and each is fair enough to end.
#include "kernels/primitives/cuda/warp.h"
#include "test/unit/kernels/simt/support.h"

#include <set>

namespace r1::test {
namespace {

using namespace cuda;

// Writes down in which order threads pass: buffer 0 is [1 + 4 * threads * grid].
void trace_tile(const Arguments& a, int tile, u8*) {
  int* trace = a.out<int>(0);
  for (int step = 0; step < 4; ++step) {
    trace[++trace[0]] = tile * 1000 + thread_index();
    if (step == 1)
      sync_block();
    else
      sync_warp();
  }
}
using Trace = Tile<trace_tile, 96, 0>;

std::vector<int> trace(const simt::Schedule& schedule) {
  std::vector<int> out(1 + 4 * 96 * 3);
  EXPECT_EQ(run<Trace>({out.data()}, 3, schedule), "") << name_of(schedule);
  EXPECT_EQ(out[0], 4 * 96 * 3);
  return out;
}

TEST(Schedule, SameSeedSameOrder) {
  for (const simt::Schedule& schedule : schedules())
    EXPECT_EQ(trace(schedule), trace(schedule)) << name_of(schedule);
}

TEST(Schedule, SeedsAndOrdersDiffer) {
  std::set<std::vector<int>> seen;
  using enum simt::Order;
  for (simt::Order order : {kFifo, kReverse, kShuffle, kPriority})
    for (uint64_t seed : {1, 2, 3})
      seen.insert(trace({seed, order}));
  EXPECT_EQ(seen.size(), 1u + 1 + 3 + 3);
}

// With kFifo a warp runs as far as it gets: lanes ascending, one switch a lane.
TEST(Schedule, FifoRunsAWarpAtATime) {
  const std::vector<int> seen = trace({0, simt::Order::kFifo});
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(seen[1 + i], i);
  std::vector<int> warps;
  for (int i = 0; i < 96 * 2; ++i)
    if (const int warp = seen[1 + i] / 32; warps.empty() || warps.back() != warp)
      warps.push_back(warp);
  EXPECT_EQ(warps, (std::vector<int>{0, 1, 2}));
}

void pass_on_tile(const Arguments& a, int, u8* shared) {
  // Warps hand a number round by named barriers: ends only if every warp gets its turn.
  int* value = reinterpret_cast<int*>(shared);
  if (thread_index() == 0)
    *value = 0;
  sync_block();
  for (int turn = 0; turn < 8; ++turn) {
    if (turn % 4 == warp_index() && lane_index() == 0)
      *value = *value * 3 + warp_index();
    sync_threads(1 + turn % 2, 128);
  }
  if (thread_index() == 127)
    *a.out<int>(0) = *value;
}

TEST(Schedule, NamedBarriersOrderWarps) {
  int want = 0, got = 0;
  for (int turn = 0; turn < 8; ++turn)
    want = want * 3 + turn % 4;
  for (const simt::Schedule& schedule : schedules()) {
    ASSERT_EQ((run<Tile<pass_on_tile>>({&got}, 1, schedule)), "") << name_of(schedule);
    EXPECT_EQ(got, want) << name_of(schedule);
  }
}

// A missing barrier gives a wrong result with at least one of the schedules.
void racy_tile(const Arguments& a, int, u8* shared) {
  volatile int* words = reinterpret_cast<volatile int*>(shared);
  words[thread_index()] = thread_index();
  a.out<int>(0)[thread_index()] = words[127 - thread_index()];
}

TEST(Schedule, FindsARace) {
  int wrong = 0;
  for (const simt::Schedule& schedule : schedules()) {
    std::vector<int> out(128);
    ASSERT_EQ((run<Tile<racy_tile>>({out.data()}, 1, schedule)), "");
    for (int i = 0; i < 128; ++i)
      if (out[i] != 127 - i) {
        ++wrong;
        break;
      }
  }
  EXPECT_EQ(wrong, int(schedules().size()));
}

} // namespace
} // namespace r1::test
