// A launch runs every thread of every block once, refuses what a GPU refuses, and may run beside others.
#include "kernels/primitives/cuda/warp.h"
#include "test/unit/kernels/simt/support.h"

#include <atomic>
#include <thread>

namespace r1::test {
namespace {

using namespace cuda;

void count_tile(const Arguments& a, int tile, u8*) {
  ++a.out<int>(0)[tile * thread_count() + thread_index()];
  if (tile == 0 && thread_index() == 0)
    a.out<int>(1)[0] = grid_size();
}
using Count = Tile<count_tile, 96, 0>;

void sum_tile(const Arguments& a, int tile, u8* shared) {
  const float sum =
      block_sum(a.in<float>(0)[tile * thread_count() + thread_index()], reinterpret_cast<float*>(shared));
  a.out<float>(1)[tile * thread_count() + thread_index()] = sum;
}
using Sum = Tile<sum_tile>;

struct Exported {
  static constexpr int kThreads = 64, kSharedBytes = 48, kMinBlocks = 2;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    if (thread_index() == 0)
      a.out<u64>(0)[0] = reinterpret_cast<u64>(shared) % 1024;
  }
};

} // namespace
} // namespace r1::test

R1_CUDA_KERNEL(launch_test_exported, r1::test::Exported)

namespace r1::test {
namespace {

TEST(Launch, EveryThreadOnce) {
  for (const simt::Schedule& schedule : schedules())
    for (uint32_t grid : {1u, 2u, 7u, 64u}) {
      std::vector<int> count(96 * grid), grid_seen(1);
      ASSERT_EQ(run<Count>({count.data(), grid_seen.data()}, grid, schedule), "");
      EXPECT_EQ(count, std::vector<int>(count.size(), 1)) << name_of(schedule) << ", grid " << grid;
      EXPECT_EQ(grid_seen[0], int(grid));
    }
}

TEST(Launch, WorkersShareTheBlocks) {
  for (int workers : {2, 3, 8}) {
    const uint32_t grid = 50;
    std::vector<float> in(128 * grid), out(in.size());
    for (size_t i = 0; i < in.size(); ++i)
      in[i] = float(i % 128 + i / 128);
    simt::Schedule schedule{4, simt::Order::kPriority, simt::Async::kRandom, workers};
    ASSERT_EQ(run<Sum>({in.data(), out.data()}, grid, schedule), "");
    for (size_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(out[i], float(127 * 64 + i / 128 * 128)) << i;
  }
}

TEST(Launch, FromSeveralThreadsAtOnce) {
  std::atomic<int> bad = 0;
  const auto work = [&] {
    for (int i = 0; i < 20; ++i) {
      std::vector<float> in(128 * 3, 1.f), out(in.size());
      bad += !run<Sum>({in.data(), out.data()}, 3, {uint64_t(i), simt::Order::kShuffle}).empty();
      bad += out != std::vector<float>(out.size(), 128.f);
    }
  };
  std::thread one(work), other(work);
  one.join();
  other.join();
  EXPECT_EQ(bad, 0);
}

TEST(Launch, Exports) {
  EXPECT_EQ(launch_test_exported_info.threads, 64u);
  EXPECT_EQ(launch_test_exported_info.shared_bytes, 48u);
  EXPECT_EQ(launch_test_exported_info.params, 1u);
  EXPECT_EQ(launch_test_exported_info.param_bytes[0], 200u);
  u64 misaligned = 1;
  Arguments arguments{};
  arguments.buffers[0] = &misaligned;
  void* params[] = {&arguments};
  EXPECT_EQ(simt::launch(launch_test_exported, {1, 64, 48}, params), "");
  EXPECT_EQ(misaligned, 0u);
}

TEST(Launch, RefusesShapes) {
  Arguments arguments{};
  void* params[] = {&arguments};
  const auto launch = [&](simt::Shape shape) { return simt::launch(launch_test_exported, shape, params); };
  EXPECT_NE(launch({0, 64, 0}).find("empty grid"), std::string::npos);
  EXPECT_NE(launch({1, 0, 0}).find("0 threads"), std::string::npos);
  EXPECT_NE(launch({1, 33, 0}).find("33 threads"), std::string::npos);
  EXPECT_NE(launch({1, 1056, 0}).find("1056 threads"), std::string::npos);
  EXPECT_NE(launch({1, 32, 232449}).find("232449 bytes"), std::string::npos);
}

} // namespace
} // namespace r1::test
