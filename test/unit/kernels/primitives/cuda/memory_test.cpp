// Loads and stores: only what was asked for is touched, aligned or not.
#include "kernels/primitives/cuda/memory.h"
#include "test/unit/kernels/simt/support.h"

#include <cmath>

namespace r1::test {
namespace {

using namespace cuda;

// One case a thread: offset = thread / 16, count = thread % 16 - 3 (below 0 and above V, too). Lanes have their
// own 32 elements of each buffer.
template <class T, int V> void lanes_tile(const Arguments& a, int, u8*) {
  const int offset = thread_index() / 16, count = thread_index() % 16 - 3;
  float v[V];
  load_lanes(a.in<T>(0) + thread_index() * 32 + offset, count, v);
  for (int i = 0; i < V; ++i)
    a.out<float>(1)[thread_index() * V + i] = v[i];
  store_lanes(a.out<T>(2) + thread_index() * 32 + offset, count, v);
}

template <class T, int V> void check_lanes() {
  constexpr int kThreads = 128;
  alignas(32) static T in[kThreads * 32], out[kThreads * 32];
  static float loaded[kThreads * V];
  for (int i = 0; i < kThreads * 32; ++i) {
    in[i] = from_float<T>(float(i % 251 - 100));
    out[i] = from_float<T>(-1);
  }
  ASSERT_EQ((run<Tile<lanes_tile<T, V>>>({in, loaded, out})), "");
  for (int thread = 0; thread < kThreads; ++thread) {
    const int offset = thread / 16, count = std::min(thread % 16 - 3, V);
    for (int i = 0; i < 32; ++i) {
      const int column = i - offset;
      const bool valid = column >= 0 && column < count;
      const float x = to_float(in[thread * 32 + i]);
      EXPECT_EQ(to_float(out[thread * 32 + i]), valid ? x : -1) << thread << " " << i;
      if (column >= 0 && column < V) {
        EXPECT_EQ(loaded[thread * V + column], valid ? x : 0) << thread << " " << i;
      }
    }
  }
}

TEST(Memory, Lanes) {
  check_lanes<float, 1>();
  check_lanes<float, 2>();
  check_lanes<float, 4>();
  check_lanes<float, 8>();
  check_lanes<bf16, 1>();
  check_lanes<bf16, 2>();
  check_lanes<bf16, 4>();
  check_lanes<bf16, 8>();
  check_lanes<bf16, 16>();
}

void wide_tile(const Arguments& a, int, u8* shared) {
  const int i = thread_index();
  store16(shared + i * 16, load16(a.in<u8>(0) + i * 16));
  const u32x4 v = load_streaming16(a.in<u8>(0) + i * 16), w = load16(shared + i * 16);
  a.out<u32>(1)[i] = (v.x ^ w.x) | (v.y ^ w.y) | (v.z ^ w.z) | (v.w ^ w.w);
  const Pack<bf16, 4> pack = load_vector<bf16, 4>(a.in<bf16>(0) + i * 4);
  store_vector<bf16, 4>(a.out<bf16>(2) + i * 4, pack);
  a.out<float>(3)[i] = load(a.in<float>(4) + i);
}

TEST(Memory, Wide) {
  alignas(16) u8 in[128 * 16], copy[128 * 8];
  u32 differences[128];
  float floats[128], out[128];
  for (int i = 0; i < 128 * 16; ++i)
    in[i] = u8(i * 7 + i / 256);
  for (int i = 0; i < 128; ++i)
    floats[i] = float(i);
  ASSERT_EQ((run<Tile<wide_tile>>({in, differences, copy, out, floats})), "");
  for (int i = 0; i < 128; ++i) {
    EXPECT_EQ(differences[i], 0u);
    EXPECT_EQ(out[i], float(i));
  }
  EXPECT_TRUE(std::equal(copy, copy + sizeof copy, in));
}

void poison_tile(const Arguments& a, int, u8* shared) {
  a.out<float>(0)[thread_index()] = reinterpret_cast<float*>(shared)[thread_index()];
}

TEST(Memory, SharedMemoryBeginsAsNan) {
  float out[128];
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ((run<Tile<poison_tile>>({out})), "");
    for (float x : out)
      EXPECT_TRUE(std::isnan(x));
  }
}

} // namespace
} // namespace r1::test
