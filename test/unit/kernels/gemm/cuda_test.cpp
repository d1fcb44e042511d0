// gemm on CUDA agrees with the reference in both schedules, under every order of threads and copies.
#include "kernels/gemm/cuda.h"
#include "test/unit/kernels/gemm/cuda_support.h"

namespace r1::test {
namespace {

using namespace cuda;

template <bool kF8, Case c> void check(Problem& problem, const std::vector<NamedSchedule>& schedules) {
  using Weight = std::conditional_t<kF8, r1::cuda::e4m3, r1::cuda::bf16>;
  constexpr int kOutput = kF8 ? 3 : 2;
  const auto run = [&](const std::string& name, const NamedSchedule& schedule) {
    return cuda::run<r1::cuda::Gemm<Config<c>, RecordHoles<kOutput>, Weight>>(
        name, problem.tiles(), problem.buffers(), {int(c.rows), -1, -1}, problem.output(), kOutput, schedule);
  };
  cuda::check(problem, kF8 ? "gemm_f8" : "gemm_bf16", schedules, run);
}

template <bool kF8, Case... c> void check_all(uint32_t seed) {
  Random random(seed);
  const auto one = [&]<Case each> {
    Problem problem(Config<each>(), each, kF8, random);
    check<kF8, each>(problem, schedules());
  };
  (one.template operator()<c>(), ...);
}

template <bool kF8> void check_stream() {
  check_all<kF8, Case{1, 16, 64, 1, 1, 8, 16},    // one line, one warp
            Case{1, 48, 2048 + 72, 1, 1, 8, 16},  // lines that eight slices do not divide
            Case{7, 33, 24, 1, 1, 8, 48},         // less than a line; columns past n
            Case{16, 40, 333, 2, 2, 16, 32},      // odd k, both accumulators, a batch
            Case{5, 24, 200, 3, 1, 8, 16, 3},     // parts of the batch off 16 bytes
            Case{11, 272, 130, 1, 2, 8, 128, 1}>( // two row blocks, the widest tile, x off 16 bytes
      11);
}
TEST(CudaGemm, StreamsBf16Weights) { check_stream<false>(); }
TEST(CudaGemm, StreamsE4m3Weights) { check_stream<true>(); }

template <bool kF8> void check_tiles() {
  check_all<kF8, Case{129, 72, 200, 1, 1, 128, 64}, // a row block of one row; columns past n
            Case{65, 33, 24, 2, 1, 64, 16},         // less than a step of k
            Case{7, 50, 333, 1, 2, 64, 48},         // odd k; gate and up across warps
            Case{130, 130, 320, 1, 1, 128, 128},    // the largest tile
            Case{70, 128, 256, 1, 2, 64, 64, 5}>(12);
}
TEST(CudaGemm, TilesBf16Weights) { check_tiles<false>(); }
TEST(CudaGemm, TilesE4m3Weights) { check_tiles<true>(); }

// Row blocks go in groups of 16: here 18, in three columns of blocks.
TEST(CudaGemm, EveryTileIsMetOnceInGroupsOfRowBlocks) {
  constexpr Case c = {18 * 64 - 5, 40, 8, 1, 1, 64, 16};
  Random random(13);
  Problem problem(Config<c>(), c, false, random);
  check<false, c>(problem, {{"fifo, eager", {}}});
}

template <bool kF8, Case c> void check_nan() {
  Random random(14);
  Problem problem(Config<c>(), c, kF8, random);
  problem.set_x(c.rows / 2, 0, 77, 0xffc1);
  check<kF8, c>(problem, {{"fifo, eager", {}}});
  if (kF8)
    return; // weights that are NaN are refused where they are packed
  problem.w.set(0, 21, 130, 0x7fc0);
  check<kF8, c>(problem, {{"fifo, eager", {}}});
}
TEST(CudaGemm, NanReachesItsRowOrColumnAndNoOther) {
  check_nan<false, Case{6, 48, 256, 1, 1, 8, 16}>();
  check_nan<true, Case{6, 48, 256, 1, 1, 8, 16}>();
  check_nan<false, Case{40, 48, 256, 1, 1, 64, 48}>();
  check_nan<true, Case{40, 48, 256, 1, 1, 64, 48}>();
}

} // namespace
} // namespace r1::test
