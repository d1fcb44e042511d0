// Sums in shared memory are exact whoever adds when, against loops.
#include "kernels/primitives/cuda/atomic.h"
#include "test/unit/kernels/simt/support.h"

namespace r1::test {
namespace {

using namespace cuda;

constexpr int kPlaces = 7;

u64 value(int thread) { return u64(thread + 1) * 0x100000001234567u; }

void add_tile(const Arguments& a, int, u8* shared) {
  u64* wide = reinterpret_cast<u64*>(shared);
  u32* narrow = reinterpret_cast<u32*>(wide + kPlaces);
  const int i = thread_index();
  if (i < kPlaces)
    wide[i] = narrow[i] = 0;
  sync_block();
  for (int round = 0; round < 3; ++round) {
    atomic_add_shared(wide + (i + round) % kPlaces, value(i));
    atomic_add_shared(narrow + i % kPlaces, u32(value(i)));
  }
  sync_block();
  if (i < kPlaces) {
    a.out<u64>(0)[i] = wide[i];
    a.out<u32>(1)[i] = narrow[i];
  }
}

TEST(Atomic, SumsInSharedMemory) {
  u64 wide[kPlaces] = {};
  u32 narrow[kPlaces] = {};
  for (int i = 0; i < 128; ++i)
    for (int round = 0; round < 3; ++round) {
      wide[(i + round) % kPlaces] += value(i);
      narrow[i % kPlaces] += u32(value(i));
    }
  for (const simt::Schedule& schedule : schedules()) {
    u64 got_wide[kPlaces];
    u32 got_narrow[kPlaces];
    ASSERT_EQ((run<Tile<add_tile>>({got_wide, got_narrow}, 1, schedule)), "");
    for (int p = 0; p < kPlaces; ++p) {
      EXPECT_EQ(got_wide[p], wide[p]) << name_of(schedule);
      EXPECT_EQ(got_narrow[p], narrow[p]) << name_of(schedule);
    }
  }
}

} // namespace
} // namespace r1::test
