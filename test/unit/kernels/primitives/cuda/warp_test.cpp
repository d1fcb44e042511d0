// Exchanges between lanes and sums over warps and blocks, against loops.
#include "kernels/primitives/cuda/warp.h"
#include "test/unit/kernels/simt/support.h"

#include <cmath>

namespace r1::test {
namespace {

using namespace cuda;

void exchange_tile(const Arguments& a, int, u8*) {
  const int lane = lane_index(), i = thread_index();
  int* out = a.out<int>(0) + i * 8;
  out[0] = shuffle(i * 3, 31 - lane);
  out[1] = shuffle_xor(i, 5);
  out[2] = shuffle_down(i, 7);
  out[3] = shuffle_up(i, 2);
  out[4] = int(ballot(i % 3 == 0));
  out[5] = warp_sum(i - 40);
  out[6] = warp_max(-i * (lane % 2 ? 1 : -1));
  out[7] = int(warp_max(u32(i) * 0x3000001u)) ^ int(warp_sum(u32(1) << 28));
  a.out<float>(1)[i] = shuffle(float(i) / 2, 4);
}

TEST(Warp, Exchanges) {
  for (const simt::Schedule& schedule : schedules()) {
    int out[128][8];
    float shuffled[128];
    ASSERT_EQ((run<Tile<exchange_tile>>({out, shuffled}, 1, schedule)), "");
    for (int i = 0; i < 128; ++i) {
      const int first = i / 32 * 32, lane = i % 32;
      u32 votes = 0, sum = 0, largest = 0;
      int most = -1000000;
      for (int l = 0; l < 32; ++l) {
        votes |= u32((first + l) % 3 == 0) << l;
        sum += u32(first + l - 40);
        most = std::max(most, -(first + l) * (l % 2 ? 1 : -1));
        largest = std::max(largest, u32(first + l) * 0x3000001u);
      }
      EXPECT_EQ(out[i][0], (first + 31 - lane) * 3);
      EXPECT_EQ(out[i][1], first + (lane ^ 5));
      EXPECT_EQ(out[i][2], lane + 7 < 32 ? i + 7 : i);
      EXPECT_EQ(out[i][3], lane >= 2 ? i - 2 : i);
      EXPECT_EQ(u32(out[i][4]), votes);
      EXPECT_EQ(out[i][5], int(sum));
      EXPECT_EQ(out[i][6], most);
      EXPECT_EQ(u32(out[i][7]), largest ^ 0u); // 32 times 2^28 is 2^33, which is 0
      EXPECT_EQ(shuffled[i], float(first + 4) / 2);
    }
  }
}

// The butterfly that the device runs, and every lane its result.
TEST(Warp, SumIsTheButterfly) {
  static float in[128], out[128];
  for (int i = 0; i < 128; ++i)
    in[i] = 1.f / float(i + 1) * (i % 2 ? 1e6f : 1);
  constexpr auto tile = [](const Arguments& a, int, u8*) {
    a.out<float>(1)[thread_index()] = warp_sum(a.in<float>(0)[thread_index()]);
  };
  ASSERT_EQ((run<Tile<tile>>({in, out})), "");
  for (int lane = 0; lane < 32; ++lane) {
    float v[32];
    std::copy_n(in + 32, 32, v);
    for (int mask = 16; mask > 0; mask /= 2) {
      float next[32];
      for (int l = 0; l < 32; ++l)
        next[l] = v[l] + v[l ^ mask];
      std::copy_n(next, 32, v);
    }
    EXPECT_EQ(out[32 + lane], v[lane]);
  }
}

TEST(Warp, SumOf64Bits) {
  static u64 out[128];
  constexpr auto tile = [](const Arguments& a, int, u8*) {
    a.out<u64>(0)[thread_index()] = warp_sum(0x7ffffffffffffffull - u64(thread_index()) * 0x10001);
  };
  ASSERT_EQ((run<Tile<tile>>({out})), "");
  for (int i = 0; i < 128; ++i) {
    u64 sum = 0;
    for (int lane = 0; lane < 32; ++lane)
      sum += 0x7ffffffffffffffull - u64(i / 32 * 32 + lane) * 0x10001;
    EXPECT_EQ(out[i], sum);
  }
}

TEST(Warp, MaxOfNumbersAndNan) {
  static float out[128];
  constexpr auto tile = [](const Arguments& a, int, u8*) {
    const int lane = lane_index();
    a.out<float>(0)[thread_index()] = warp_max(lane == 3   ? __builtin_nanf("")
                                               : lane == 9 ? -0.5f
                                                           : -__builtin_inff());
  };
  ASSERT_EQ((run<Tile<tile>>({out})), "");
  for (float x : out)
    EXPECT_EQ(x, -0.5f);
}

void block_tile(const Arguments& a, int, u8* shared) {
  float* floats = reinterpret_cast<float*>(shared);
  const float v = float(thread_index());
  // The same memory again at once.
  a.out<float>(0)[thread_index()] = block_sum(v, floats);
  a.out<float>(1)[thread_index()] = block_max(v * (thread_index() == 200 ? 9.f : 1), floats);
  a.out<int>(2)[thread_index()] = block_sum(1, reinterpret_cast<int*>(shared));
}

TEST(Warp, OverTheBlock) {
  for (const simt::Schedule& schedule : schedules()) {
    float sum[256], most[256];
    int count[256];
    ASSERT_EQ((run<Tile<block_tile, 256, 32>>({sum, most, count}, 1, schedule)), "");
    for (int i = 0; i < 256; ++i) {
      EXPECT_EQ(sum[i], 255 * 128.f);
      EXPECT_EQ(most[i], 1800.f);
      EXPECT_EQ(count[i], 256);
    }
  }
}

} // namespace
} // namespace r1::test
