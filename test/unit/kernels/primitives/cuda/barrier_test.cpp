// Barriers with phases: a producer and consumers that pass buffers round, parities, and reuse of the memory.
#include "kernels/primitives/cuda/barrier.h"
#include "kernels/primitives/cuda/launch.h"
#include "test/unit/kernels/simt/support.h"

namespace r1::test {
namespace {

using namespace cuda;

constexpr int kStages = 2, kSteps = 9;

// Warp 3 writes numbers, warps 0 to 2 read them. kRelease: whether a buffer is handed back before it is read.
template <bool kEarly> void ring_tile(const Arguments& a, int, u8* shared) {
  int* data = reinterpret_cast<int*>(shared);
  Barrier* full = reinterpret_cast<Barrier*>(shared + kStages * 128);
  Barrier* empty = full + kStages;
  if (thread_index() == 0) {
    for (int s = 0; s < kStages; ++s) {
      barrier_init(full + s, 32);
      barrier_init(empty + s, 3);
    }
    barrier_fence_init();
  }
  sync_block();
  const int lane = lane_index();
  if (warp_index() == 3) {
    for (int step = 0; step < kSteps; ++step) {
      const int s = step % kStages;
      barrier_wait(empty + s, (step / kStages & 1) ^ 1);
      data[s * 32 + lane] = step * 100 + lane;
      barrier_arrive(full + s);
    }
  } else {
    int sum = 0;
    for (int step = 0; step < kSteps; ++step) {
      const int s = step % kStages;
      barrier_wait(full + s, step / kStages & 1);
      if (kEarly && lane == 0)
        barrier_arrive(empty + s);
      if (kEarly)
        sync_warp();
      sum = sum * 3 + data[s * 32 + (31 - lane)];
      sync_warp();
      if (!kEarly && lane == 0)
        barrier_arrive(empty + s);
    }
    a.out<int>(0)[thread_index()] = sum;
  }
  sync_block();
  if (thread_index() < 2 * kStages)
    barrier_invalidate(full + thread_index());
  sync_block();
  if (thread_index() == 5) // the same memory as another barrier, in another use
    barrier_init(full, 1);
}

int wrong(const int* out) {
  int wrong = 0;
  for (int i = 0; i < 96; ++i) {
    int want = 0;
    for (int step = 0; step < kSteps; ++step)
      want = want * 3 + step * 100 + 31 - i % 32;
    wrong += out[i] != want;
  }
  return wrong;
}

TEST(Barrier, Ring) {
  int caught = 0;
  for (const simt::Schedule& schedule : schedules()) {
    int out[96] = {};
    ASSERT_EQ((run<Tile<ring_tile<false>>>({out}, 1, schedule)), "");
    EXPECT_EQ(wrong(out), 0) << name_of(schedule);
    if (kRaceDetector)
      continue;
    const std::string error = run<Tile<ring_tile<true>>>({out}, 1, schedule);
    caught += !error.empty() || wrong(out) > 0;
  }
  EXPECT_GE(caught, kRaceDetector ? 0 : 3);
}

void parity_tile(const Arguments& a, int, u8* shared) {
  Barrier* b = reinterpret_cast<Barrier*>(shared);
  wait_for_previous_launch();
  if (thread_index() == 0) {
    barrier_init(b, 2);
    barrier_wait(b, 1); // of the phase before the first: over
    barrier_arrive(b);
    barrier_expect(b, 0);
    barrier_wait(b, 0);
    barrier_arrive(b);
    barrier_arrive(b);
    barrier_wait(b, 1);
    barrier_invalidate(b);
    *a.out<int>(0) = 1;
  }
  allow_next_launch();
}

TEST(Barrier, Parities) {
  for (const simt::Schedule& schedule : schedules()) {
    int out = 0;
    ASSERT_EQ((run<Tile<parity_tile>>({&out}, 1, schedule)), "");
    EXPECT_EQ(out, 1);
  }
}

} // namespace
} // namespace r1::test
