// Every tile of every wave runs exactly once, waves in order, whatever the threads do.
#include "runtime/device/cpu/pool.h"

#include <chrono>
#include <gtest/gtest.h>
#include <random>

namespace r1::cpu {
namespace {

struct Record {
  std::vector<std::vector<uint8_t>> seen; // [wave][tile]; bytes written by distinct threads
  std::vector<uint32_t> tiles;
  std::atomic<int> failures{0};
  bool stall = false;

  static void body(void* p, size_t wave, int64_t begin, int64_t end, int thread) {
    Record& r = *static_cast<Record*>(p);
    // All earlier waves are complete: what they wrote is visible here without further synchronisation.
    if (wave > 0)
      for (uint8_t s : r.seen[wave - 1])
        r.failures += s != 1;
    for (int64_t i = begin; i < end; ++i)
      ++r.seen[wave][size_t(i)];
    if (r.stall && thread == 1)
      std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
};

void exercise(int threads, int rounds, bool stall, unsigned seed) {
  std::mt19937 rng(seed);
  Pool pool(threads);
  for (int round = 0; round < rounds; ++round) {
    Record r;
    r.stall = stall;
    for (size_t w = 0; w < 1 + rng() % 12; ++w) {
      r.tiles.push_back(rng() % 4 == 0 ? 0 : uint32_t(rng() % 60));
      r.seen.emplace_back(r.tiles.back(), uint8_t(0));
    }
    std::vector<double> ends(r.tiles.size());
    pool.run(r.tiles, &Record::body, &r, ends.data());
    EXPECT_EQ(r.failures, 0);
    for (auto& wave : r.seen)
      for (uint8_t s : wave)
        ASSERT_EQ(s, 1);
    for (size_t w = 1; w < ends.size(); ++w)
      EXPECT_GE(ends[w], ends[w - 1]);
    if (rng() % 50 == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(1)); // long enough to fall asleep
  }
}

TEST(Pool, OneThread) { exercise(1, 200, false, 1); }
TEST(Pool, TwoThreads) { exercise(2, 2000, false, 2); }
TEST(Pool, MoreThreadsThanCores) { exercise(9, 500, false, 3); }
TEST(Pool, AStalledThread) { exercise(2, 60, true, 4); }

TEST(Pool, NothingToDoReturns) {
  Pool pool(3);
  pool.run({}, nullptr, nullptr);
  uint32_t zeros[] = {0, 0, 0};
  pool.run(zeros, nullptr, nullptr);
}

TEST(Pool, ComesAndGoes) {
  for (int i = 0; i < 100; ++i)
    Pool pool(1 + i % 5);
}

} // namespace
} // namespace r1::cpu
