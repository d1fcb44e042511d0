// wgmma through TMA and descriptors: every width of both types against sums in double, accumulation over steps,
// and what happens to a kernel that forgets a wait or hands back a buffer too early.
#include "kernels/primitives/cuda/wgmma.h"
#include "test/unit/kernels/primitives/cuda/maps.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>

namespace r1::test {
namespace {

using namespace cuda;

enum Fault { kNone, kEarlyRelease, kNoWait };

// C [128][N] = A [128][4 * kStep] * B [N][4 * kStep]: a producer warp, two groups of 64 rows, 2 stages.
template <class T, int N, Fault kFault> struct Product {
  static constexpr int kThreads = 2 * 128 + 128, kMinBlocks = 1, kMaps = 2;
  static constexpr int kStages = 2, kSteps = 4, kStep = 128 / sizeof(T), kStageBytes = (128 + N) * 128;
  static constexpr int kSharedBytes = kStages * kStageBytes + 2 * kStages * 8;

  static void tile(const Arguments& a, const TensorMap* maps, int, u8* shared) {
    Barrier* full = reinterpret_cast<Barrier*>(shared + kStages * kStageBytes);
    Barrier* empty = full + kStages;
    if (thread_index() == 0)
      for (int s = 0; s < kStages; ++s) {
        barrier_init(full + s, 1);
        barrier_init(empty + s, 8);
      }
    barrier_fence_init();
    sync_block();
    const int group = thread_index() / 128;
    if (group == 2) {
      set_registers_dec<40>();
      if (thread_index() == 256)
        for (int step = 0; step < kSteps; ++step) {
          const int s = step % kStages;
          barrier_wait(empty + s, (step / kStages & 1) ^ 1);
          barrier_expect(full + s, kStageBytes);
          tma_load_2d(shared + s * kStageBytes, maps, full + s, step * kStep, 0);
          tma_load_2d(shared + s * kStageBytes + 128 * 128, maps + 1, full + s, step * kStep, 0);
        }
      return;
    }
    set_registers_inc<232>();
    float d[N / 2];
    for (int step = 0; step < kSteps; ++step) {
      const int s = step % kStages;
      barrier_wait(full + s, step / kStages & 1);
      const u64 x = wgmma_descriptor_128b(shared + s * kStageBytes + group * 64 * 128);
      const u64 y = wgmma_descriptor_128b(shared + s * kStageBytes + 128 * 128);
      wgmma_fence_registers(d);
      wgmma_fence();
      for (int k = 0; k < 128; k += 32) {
        if constexpr (sizeof(T) == 2)
          wgmma_m64nNk16_bf16<N>(d, wgmma_advance(x, k), wgmma_advance(y, k), step + k > 0);
        else
          wgmma_m64nNk32_e4m3<N>(d, wgmma_advance(x, k), wgmma_advance(y, k), step + k > 0);
      }
      wgmma_commit();
      if (kFault == kEarlyRelease && lane_index() == 0)
        barrier_arrive(empty + s);
      if (kFault != kNoWait || step == kSteps - 1)
        wgmma_wait<0>();
      wgmma_fence_registers(d);
      if (kFault != kEarlyRelease && lane_index() == 0)
        barrier_arrive(empty + s);
    }
    const int row = group * 64 + warp_index() % 4 * 16 + lane_index() / 4, column = lane_index() % 4 * 2;
    for (int i = 0; i < N / 2; ++i)
      a.out<float>(0)[(row + i / 2 % 2 * 8) * N + i / 4 * 8 + column + i % 2] = d[i];
  }
};

template <class T> struct Problem {
  static constexpr int kK = 4 * 128 / sizeof(T);
  alignas(16) T a[128 * kK], b[256 * kK];
  float c[128 * 256];
  Problem() {
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (T& x : a)
      x = from_float<T>(normal(random));
    for (T& x : b)
      x = from_float<T>(normal(random));
  }
  template <int N, Fault kFault> std::string run(const simt::Schedule& schedule) {
    std::fill_n(c, 128 * N, NAN);
    const uint32_t type = sizeof(T) == 2 ? kBfloat16 : kUint8, step = 128 / sizeof(T);
    const std::vector<uint64_t> strides = {kK * sizeof(T)};
    return run_with_maps<Product<T, N, kFault>>({make_map({a, type, {kK, 128}, strides, {step, 128}, 3}),
                                                 make_map({b, type, {kK, N}, strides, {step, N}, 3})},
                                                {c}, schedule);
  }
  int wrong(int n_count, double tolerance) const {
    int wrong = 0;
    for (int m = 0; m < 128; ++m)
      for (int n = 0; n < n_count; ++n) {
        double want = 0, size = 0;
        for (int k = 0; k < kK; ++k) {
          const double term = double(to_float(a[m * kK + k])) * to_float(b[n * kK + k]);
          want += term;
          size += std::fabs(term);
        }
        wrong += !(std::fabs(c[m * n_count + n] - want) <= tolerance * size);
      }
    return wrong;
  }
};

template <class T, int... kWidths> void check_widths() {
  const auto problem = std::make_unique<Problem<T>>();
  const auto check = [&]<int N>() {
    for (const simt::Schedule& schedule : schedules()) {
      if (N > 16 && schedule.seed > 1)
        continue;
      ASSERT_EQ((problem->template run<N, kNone>(schedule)), "") << N << ", " << name_of(schedule);
      EXPECT_EQ(problem->wrong(N, 1e-6), 0) << N << ", " << name_of(schedule);
    }
  };
  (check.template operator()<kWidths>(), ...);
}

TEST(Wgmma, Bf16) { check_widths<bf16, 8, 16, 32, 64, 96, 128, 192, 256>(); }
TEST(Wgmma, E4m3) { check_widths<e4m3, 8, 16, 32, 64, 96, 128, 192, 256>(); }

// C [64][N] = A [64][64] * B, B as [64][N] in boxes of 64 columns.
template <int N> struct ProductOfColumns {
  static constexpr int kThreads = 128, kBoxes = (N + 63) / 64, kSharedBytes = (1 + kBoxes) * 8192 + 8;
  static void tile(const Arguments& a, const TensorMap* maps, int, u8* shared) {
    Barrier* full = reinterpret_cast<Barrier*>(shared + (1 + kBoxes) * 8192);
    if (thread_index() == 0)
      barrier_init(full, 1);
    barrier_fence_init();
    sync_block();
    if (thread_index() == 0) {
      barrier_expect(full, (1 + kBoxes) * 8192);
      tma_load_2d(shared, maps, full, 0, 0);
      for (int box = 0; box < kBoxes; ++box)
        tma_load_2d(shared + (1 + box) * 8192, maps + 1, full, box * 64, 0);
    }
    barrier_wait(full, 0);
    float d[N / 2];
    const u64 x = wgmma_descriptor_128b(shared), y = wgmma_descriptor_128b_columns(shared + 8192, 8192);
    wgmma_fence_registers(d);
    wgmma_fence();
    for (int k = 0; k < 4; ++k)
      wgmma_m64nNk16_bf16_columns<N>(d, wgmma_advance(x, k * 32), wgmma_advance(y, k * 2048), k > 0);
    wgmma_commit();
    wgmma_wait<0>();
    wgmma_fence_registers(d);
    const int row = warp_index() * 16 + lane_index() / 4, column = lane_index() % 4 * 2;
    for (int i = 0; i < N / 2; ++i)
      a.out<float>(0)[(row + i / 2 % 2 * 8) * N + i / 4 * 8 + column + i % 2] = d[i];
  }
};

template <int N> void check_columns() {
  std::mt19937 random(6);
  std::normal_distribution<float> normal;
  alignas(16) bf16 a[64 * 64], b[64 * N];
  for (bf16& x : a)
    x = to_bf16(normal(random));
  for (bf16& x : b)
    x = to_bf16(normal(random));
  std::vector<float> c(64 * N, NAN);
  for (const simt::Schedule& schedule : schedules()) {
    ASSERT_EQ((run_with_maps<ProductOfColumns<N>>({make_map({a, kBfloat16, {64, 64}, {128}, {64, 64}, 3}),
                                                   make_map({b, kBfloat16, {N, 64}, {N * 2}, {64, 64}, 3})},
                                                  {c.data()}, schedule)),
              "");
    for (int m = 0; m < 64; ++m)
      for (int n = 0; n < N; ++n) {
        double want = 0, size = 0;
        for (int k = 0; k < 64; ++k) {
          const double term = double(to_float(a[m * 64 + k])) * to_float(b[k * N + n]);
          want += term;
          size += std::fabs(term);
        }
        ASSERT_LE(std::fabs(c[m * N + n] - want), 1e-6 * size) << N << " columns, " << m << ", " << n;
      }
  }
}
TEST(Wgmma, Columns) {
  check_columns<8>();
  check_columns<32>();
  check_columns<64>();
  check_columns<96>();
  check_columns<256>();
}

TEST(Wgmma, HopperSums) {
  const auto problem = std::make_unique<Problem<e4m3>>();
  simt::Schedule schedule;
  schedule.hopper_sums = true;
  ASSERT_EQ((problem->run<16, kNone>(schedule)), "");
  EXPECT_EQ(problem->wrong(16, 1e-2), 0);
  EXPECT_GT(problem->wrong(16, 1e-5), 16 * 128 / 4);
}

template <Fault kFault> int caught() {
  if (kRaceDetector)
    return 10;
  const auto problem = std::make_unique<Problem<bf16>>();
  int caught = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const std::string error = problem->run<32, kFault>(
        {seed, simt::Order::kPriority, seed % 3 ? simt::Async::kLazy : simt::Async::kRandom});
    caught += !error.empty() || problem->wrong(32, 1e-6) > 0;
  }
  return caught;
}

TEST(Wgmma, EarlyReleaseIsCaught) { EXPECT_GE(caught<kEarlyRelease>(), 3); }
// The products of a step wait for the next step's at the latest, but their buffer is gone by then.
TEST(Wgmma, MissingWaitIsCaught) { EXPECT_GE(caught<kNoWait>(), 3); }

} // namespace
} // namespace r1::test
