// Asynchronous copies: short ones are filled with zeros, groups complete in order, and a wait that is too loose
// shows as NaN where copies are late.
#include "kernels/primitives/cuda/copy_async.h"
#include "test/unit/kernels/simt/support.h"

#include <cmath>

namespace r1::test {
namespace {

using namespace cuda;

void short_tile(const Arguments& a, int, u8* shared) {
  const int i = thread_index();
  copy_async16(shared + i * 16, i < 17 ? a.in<u8>(0) + i * 16 : nullptr, i < 17 ? i : 0);
  copy_async_commit();
  copy_async_wait<0>();
  for (int j = 0; j < 16; ++j)
    a.out<u8>(1)[i * 16 + j] = shared[i * 16 + j];
}

TEST(CopyAsync, BytesAndZeros) {
  alignas(16) u8 in[17 * 16];
  for (size_t i = 0; i < sizeof in; ++i)
    in[i] = u8(1 + i % 200);
  for (const simt::Schedule& schedule : schedules()) {
    u8 out[128 * 16];
    ASSERT_EQ((run<Tile<short_tile>>({in, out}, 1, schedule)), "");
    for (int i = 0; i < 128 * 16; ++i)
      EXPECT_EQ(out[i], i / 16 < 17 && i % 16 < i / 16 ? in[i] : 0) << i;
  }
}

void word_tile(const Arguments& a, int, u8* shared) {
  const int i = thread_index();
  copy_async4(shared + i * 4, i < 100 ? a.in<u8>(0) + i * 4 : nullptr, i < 100 ? 4 : 0);
  copy_async_commit();
  copy_async_wait<0>();
  for (int j = 0; j < 4; ++j)
    a.out<u8>(1)[i * 4 + j] = shared[i * 4 + j];
}

TEST(CopyAsync, WordsAndZeros) {
  alignas(16) u8 in[400];
  for (size_t i = 0; i < sizeof in; ++i)
    in[i] = u8(1 + i % 200);
  for (const simt::Schedule& schedule : schedules()) {
    u8 out[128 * 4];
    ASSERT_EQ((run<Tile<word_tile>>({in, out}, 1, schedule)), "");
    for (int i = 0; i < 128 * 4; ++i)
      EXPECT_EQ(out[i], i < 400 ? in[i] : 0) << i;
  }
}

// A ring of three stages; kAllowed groups may be under way when a stage is read, 1 is right.
template <int kAllowed> void ring_tile(const Arguments& a, int, u8* shared) {
  const int i = thread_index();
  const auto issue = [&](int step) {
    if (step < 8)
      copy_async16(shared + step % 3 * 2048 + i * 16, a.in<u8>(0) + (step * 128 + i) * 16, 16);
    copy_async_commit();
  };
  issue(0);
  issue(1);
  float sum = 0;
  for (int step = 0; step < 8; ++step) {
    copy_async_wait<kAllowed>();
    sync_block();
    sum += reinterpret_cast<const float*>(shared + step % 3 * 2048 + (127 - i) * 16)[step % 4];
    issue(step + 2);
  }
  copy_async_wait<0>();
  a.out<float>(1)[i] = sum;
}
template <int kAllowed> using Ring = Tile<ring_tile<kAllowed>, 128, 3 * 2048>;

TEST(CopyAsync, Ring) {
  alignas(16) static float in[8 * 128 * 4];
  for (int i = 0; i < 8 * 128 * 4; ++i)
    in[i] = float(i % 1021);
  int caught = 0, late = 0;
  for (const simt::Schedule& schedule : schedules()) {
    float out[128], loose[128];
    ASSERT_EQ(run<Ring<1>>({in, out}, 1, schedule), "");
    ASSERT_EQ(run<Ring<2>>({in, loose}, 1, schedule), "");
    bool differs = false;
    for (int i = 0; i < 128; ++i) {
      float want = 0;
      for (int step = 0; step < 8; ++step)
        want += in[(step * 128 + 127 - i) * 4 + step % 4];
      EXPECT_EQ(out[i], want) << name_of(schedule);
      differs |= !(loose[i] == want);
    }
    late += schedule.async != simt::Async::kEager;
    caught += differs;
  }
  EXPECT_EQ(caught, late);
}

} // namespace
} // namespace r1::test
