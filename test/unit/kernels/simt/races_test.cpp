// Built with ThreadSanitizer: it reports a race between kernel threads, and none where barriers order them.
#include "kernels/primitives/cuda/copy_async.h"
#include "kernels/primitives/cuda/warp.h"
#include "test/unit/kernels/simt/support.h"

namespace {
int reports = 0;
}
// The sanitizer's hooks: each report is counted, and leaves the exit status to the tests.
extern "C" void __tsan_on_report(void*) { ++reports; }
extern "C" const char* __tsan_default_options() { return "exitcode=0:report_signal_unsafe=0"; }

namespace r1::test {
namespace {

using namespace cuda;

enum Fault { kNone, kWarpBarrierOnly, kNoBarrier, kBlocksShare, kNoBarrierAfterCopy };

template <Fault kFault> void exchange(const Arguments& a, int tile, u8* shared) {
  float* words = reinterpret_cast<float*>(shared);
  if constexpr (kFault == kNoBarrierAfterCopy) {
    copy_async16(shared + thread_index() * 16, a.in<u8>(1), 16);
    copy_async_commit();
    copy_async_wait<0>();
  } else {
    words[thread_index()] = float(thread_index());
  }
  if constexpr (kFault == kWarpBarrierOnly)
    sync_warp();
  else if constexpr (kFault == kNone || kFault == kBlocksShare)
    sync_block();
  const int to = kFault == kBlocksShare ? 0 : tile;
  a.out<float>(0)[to * 128 + thread_index()] = words[127 - thread_index()];
}

template <Fault kFault> int count(int workers) {
  const int before = reports;
  std::vector<float> out(3 * 128);
  alignas(16) u8 source[16] = {};
  simt::Schedule schedule{1, simt::Order::kPriority, simt::Async::kEager, workers};
  EXPECT_EQ((run<Tile<exchange<kFault>>>({out.data(), source}, 3, schedule)), "");
  return reports - before;
}

// All below with one OS thread that takes all blocks: it must see them all, as which of two takes a block is chance.

TEST(Races, NoneWhereBarriersOrderThreads) {
  for (int workers : {1, 2})
    EXPECT_EQ(count<kNone>(workers), 0);
}
TEST(Races, MissingBarrier) { EXPECT_GT(count<kNoBarrier>(1), 0); }
TEST(Races, WarpBarrierIsNotEnough) { EXPECT_GT(count<kWarpBarrierOnly>(1), 0); }
TEST(Races, BlocksAreNotOrdered) { EXPECT_GT(count<kBlocksShare>(1), 0); }
TEST(Races, CopiesOfOtherThreadsNeedABarrier) { EXPECT_GT(count<kNoBarrierAfterCopy>(1), 0); }

} // namespace
} // namespace r1::test
