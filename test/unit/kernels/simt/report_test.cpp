// What a kernel does wrong ends the launch with one line that names block, thread, place and cause; the next
// launch is not affected.
#include "kernels/primitives/cuda/copy_async.h"
#include "kernels/primitives/cuda/matrix.h"
#include "kernels/primitives/cuda/memory.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/primitives/cuda/warp.h"
#include "kernels/primitives/cuda/wgmma.h"
#include "test/unit/kernels/simt/support.h"

namespace r1::test {
namespace {

using namespace cuda;

void good_tile(const Arguments& a, int, u8*) { a.out<int>(0)[thread_index()] = warp_sum(1); }

// Runs a kernel that is wrong, with every schedule; each must report all of `parts`.
template <auto kTile> void expect_report(const std::vector<std::string>& parts) {
  alignas(64) static u8 memory[4096];
  for (const simt::Schedule& schedule : schedules()) {
    const std::string report = run<Tile<kTile>>({memory}, 2, schedule);
    for (const std::string& part : parts)
      EXPECT_NE(report.find(part), std::string::npos)
          << name_of(schedule) << ": '" << report << "' lacks '" << part << "'";
    EXPECT_EQ(report.find('\n'), std::string::npos);
    int ones[128] = {};
    ASSERT_EQ((run<Tile<good_tile>>({ones}, 1, schedule)), "");
    EXPECT_EQ(ones[77], 32);
  }
}

void divergent_block(const Arguments&, int, u8*) {
  if (thread_index() < 64)
    sync_block();
  else
    sync_block();
}
TEST(Report, DivergentBlockBarrier) {
  expect_report<divergent_block>(
      {"block ", ", thread ", " at ", "report_test.cpp:", "divergent block barrier"});
}

void divergent_warp(const Arguments&, int, u8*) {
  if (thread_index() % 2)
    ballot(true);
  else
    shuffle(1.f, 0);
}
TEST(Report, DivergentWarp) { expect_report<divergent_warp>({"divergent warp", "a ballot", "a shuffle"}); }

void exited_lane(const Arguments&, int, u8*) {
  if (thread_index() == 37)
    return;
  sync_warp();
}
TEST(Report, ExitedLane) { expect_report<exited_lane>({"exited"}); }

void short_barrier(const Arguments&, int, u8*) {
  if (thread_index() < 32)
    sync_threads(3, 64);
}
TEST(Report, Deadlock) {
  expect_report<short_barrier>({"deadlock: threads 0-31 wait at barrier 3 with 32 of 64 there"});
}

void odd_barrier(const Arguments&, int, u8*) { sync_threads(1, 33); }
TEST(Report, BarrierOfPartOfAWarp) { expect_report<odd_barrier>({"barrier of 33 threads"}); }

void barrier_zero(const Arguments&, int, u8*) { sync_threads(0, 128); }
TEST(Report, BarrierZeroIsTheBlocks) { expect_report<barrier_zero>({"barrier 0"}); }

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) // which ends the process at the write
void write_after(const Arguments&, int, u8* shared) {
  if (thread_index() == 3)
    static_cast<volatile u8*>(shared)[4100] = 1;
}
void write_before(const Arguments&, int, u8* shared) {
  if (thread_index() == 3)
    static_cast<volatile u8*>(shared)[-3] = 1;
}
TEST(Report, WritesBesideSharedMemory) {
  expect_report<write_after>({"wrote byte 4100 of shared memory, which has 4096"});
  expect_report<write_before>({"wrote 3 bytes before shared memory"});
}
#endif

void matrix_beyond(const Arguments&, int, u8* shared) {
  u32 r[4];
  load_matrix_x4(r, shared + 4096 - 64 + lane_index() * 16);
}
void matrix_misaligned(const Arguments&, int, u8* shared) {
  u32 r[4];
  load_matrix_x4(r, shared + 8 + lane_index() * 16);
}
void matrix_global(const Arguments& a, int, u8*) {
  u32 r[4];
  load_matrix_x4(r, a.in<u8>(0));
}
TEST(Report, MatrixLoads) {
  expect_report<matrix_beyond>({"matrix load: bytes 4", "shared memory, which has 4096"});
  expect_report<matrix_misaligned>({"not a multiple of 16"});
  expect_report<matrix_global>({"matrix load: bytes"});
}

void vector_misaligned(const Arguments& a, int, u8*) { load16(a.in<u8>(0) + 4); }
TEST(Report, MisalignedVector) { expect_report<vector_misaligned>({"misaligned access: 16 bytes"}); }

void copy_unwaited(const Arguments& a, int, u8* shared) {
  copy_async16(shared + thread_index() * 16, a.in<u8>(0), 16);
  copy_async_commit();
}
void copy_beyond(const Arguments& a, int, u8* shared) { copy_async16(shared + 4090, a.in<u8>(0), 16); }
void copy_misaligned(const Arguments& a, int, u8* shared) { copy_async16(shared + 8, a.in<u8>(0), 16); }
void copy_too_much(const Arguments& a, int, u8* shared) { copy_async16(shared, a.in<u8>(0), 17); }
TEST(Report, AsynchronousCopies) {
  expect_report<copy_unwaited>({"copy_async_wait is missing"});
  expect_report<copy_beyond>({"asynchronous copy: bytes 4090 to 4106"});
  expect_report<copy_misaligned>({"misaligned asynchronous copy"});
  expect_report<copy_too_much>({"17 bytes"});
}

Barrier* first(u8* shared) { return reinterpret_cast<Barrier*>(shared); }
void phase_unknown(const Arguments&, int, u8* shared) { barrier_arrive(first(shared)); }
void phase_twice(const Arguments&, int, u8* shared) {
  if (thread_index() == 0) {
    barrier_init(first(shared), 1);
    barrier_init(first(shared), 1);
  }
}
void phase_overwritten(const Arguments&, int, u8* shared) {
  if (thread_index() == 0) {
    barrier_init(first(shared), 1);
    shared[3] = 9;
    barrier_arrive(first(shared));
  }
}
void phase_invalidated(const Arguments&, int, u8* shared) {
  if (thread_index() == 0) {
    barrier_init(first(shared), 2);
    barrier_arrive(first(shared));
    barrier_invalidate(first(shared));
  }
}
void phase_lacks_bytes(const Arguments&, int, u8* shared) {
  if (thread_index() == 0)
    barrier_init(first(shared), 1);
  sync_block();
  if (thread_index() == 0)
    barrier_expect(first(shared), 64);
  barrier_wait(first(shared), 0);
}
TEST(Report, PhaseBarriers) {
  expect_report<phase_unknown>({"not initialised"});
  expect_report<phase_twice>({"initialised twice"});
  expect_report<phase_overwritten>({"was overwritten"});
  expect_report<phase_invalidated>({"in the middle of a phase"});
  expect_report<phase_lacks_bytes>(
      {"deadlock: threads 0-127 wait for parity 0 of the barrier at byte 0", "0 of 1 arrivals and 64 bytes"});
}

void no_map(const Arguments& a, int, u8* shared) {
  tma_load_2d(shared, a.in<TensorMap>(0), first(shared + 1024), 0, 0);
}
TEST(Report, NotATensorMap) { expect_report<no_map>({"not a tensor map"}); }

void products(u8* shared, bool fence, int second, bool wait) {
  float d[4] = {};
  if (fence)
    wgmma_fence();
  wgmma_m64nNk16_bf16<8>(d, wgmma_descriptor_128b(shared), wgmma_descriptor_128b(shared + second), false);
  wgmma_commit();
  if (wait)
    wgmma_wait<0>();
}
void unfenced(const Arguments&, int, u8* shared) { products(shared, false, 0, true); }
void unwaited(const Arguments&, int, u8* shared) { products(shared, true, 0, false); }
void beyond(const Arguments&, int, u8* shared) { products(shared, true, 4096, true); }
template <auto kTile> using Large = Tile<kTile, 128, 8192>;
TEST(Report, Wgmma) {
  EXPECT_NE(run<Large<unfenced>>({}).find("wgmma without wgmma_fence"), std::string::npos);
  EXPECT_NE(run<Large<unwaited>>({}).find("wgmma_wait is missing"), std::string::npos);
  EXPECT_NE((run<Tile<beyond>>({}).find("reads byte 4096 of shared memory")), std::string::npos);
}

} // namespace
} // namespace r1::test
