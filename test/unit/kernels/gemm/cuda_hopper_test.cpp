// gemm on sm_90a, its copy engine and warp groups modelled, agrees with the reference under every order.
#include "kernels/gemm/cuda_hopper.h"
#include "kernels/gemm/cuda_hopper_f8.h"
#include "test/unit/kernels/cuda_maps.h"
#include "test/unit/kernels/gemm/cuda_support.h"

namespace r1::test {
namespace {

using namespace cuda;

// Tensor cores add as the chip's do, not in plain float.
const std::vector<NamedSchedule> kHopperSums = {{"as Hopper adds", {.hopper_sums = true}}};

// Maps of x [rows][batch][k] and W [batch * accumulators][n][row], as the skeletons' headers describe them.
struct Maps {
  alignas(64) r1::cuda::TensorMap map[2];

  Maps(Product& product, void* x, uint64_t x_element, uint64_t x_stride, uint64_t x_batch_stride) {
    const Case& c = product.c;
    const uint64_t element = product.w.f8 ? 1 : 2, row = product.w.row_bytes();
    encode_map(map[0], x, x_element, {uint64_t(c.k), uint64_t(c.batch), uint64_t(c.rows)},
               {x_batch_stride * x_element, x_stride * x_element}, {uint32_t(128 / x_element), 1, 128}, true);
    encode_map(map[1], product.w.packed.data(), element,
               {row / element, uint64_t(c.n), uint64_t(c.batch * c.accumulators)}, {row, row * c.n},
               {uint32_t(128 / element), uint32_t(c.tile_n), 1}, x_element == element);
  }
};

template <bool kF8, Case c> void check_bf16_x(uint32_t seed) {
  using Skeleton = std::conditional_t<kF8, r1::cuda::GemmHopperF8<Config<c>, RecordHoles<3>>,
                                      r1::cuda::GemmHopperBf16<Config<c>, RecordHoles<2>>>;
  Random random(seed);
  Problem problem(Config<c>(), c, kF8, random);
  Maps maps(problem, problem.x.data(), 2, problem.x_stride, problem.x_batch_stride);
  const auto run = [&](const std::string& name, const NamedSchedule& schedule) {
    return cuda::run<Skeleton>(name, problem.tiles(), problem.buffers(), {int(c.rows), -1, -1},
                               problem.output(), kF8 ? 3 : 2, schedule, maps.map);
  };
  const std::string what = kF8 ? "hopper gemm_f8" : "hopper gemm_bf16";
  check(problem, what, schedules(), run);
  check(problem, what, kHopperSums, run);
}

TEST(CudaHopper, Bf16AgreesWithTheReference) {
  check_bf16_x<false, Case{1, 16, 64, 1, 1, 128, 16}>(31); // one line
  check_bf16_x<false, Case{129, 72, 200, 2, 1, 128, 64}>(
      32); // a row block of one row, columns past n, a batch
  check_bf16_x<false, Case{70, 250, 1000, 1, 2, 128, 128}>(
      33); // more lines than slots, gate and up, the widest
  check_bf16_x<false, Case{128, 96, 333, 1, 1, 128, 96}>(34); // odd k
}

TEST(CudaHopper, F8AgreesWithTheReference) {
  check_bf16_x<true, Case{1, 16, 40, 1, 1, 128, 16}>(36);     // half a line
  check_bf16_x<true, Case{129, 72, 200, 2, 1, 128, 64}>(37);  // as above
  check_bf16_x<true, Case{70, 100, 1000, 1, 2, 128, 64}>(38); // the widest for e4m3
  check_bf16_x<true, Case{128, 96, 333, 1, 1, 128, 96}>(39);
}

template <Case c> void check_quantised(uint32_t seed) {
  Random random(seed);
  QuantisedProblem problem(c, random, /*beyond=*/0x7f);
  Maps maps(problem, problem.x.data(), 1, problem.stride, problem.stride);
  const auto run = [&](const std::string& name, const NamedSchedule& schedule) {
    return cuda::run<r1::cuda::GemmHopperQuantised<QuantisedConfig<c>, RecordHoles<4>>>(
        name, problem.tiles(), problem.buffers(), {int(c.rows), -1, -1}, problem.output(), 4, schedule,
        maps.map);
  };
  check(problem, "hopper quantised gemm", schedules(), run);
  check(problem, "hopper quantised gemm", kHopperSums, run, kHopperE4m3Sum);
}

TEST(CudaHopper, QuantisedAgreesWithTheReference) {
  check_quantised<Case{1, 16, 64, 1, 1, 128, 16}>(41);
  check_quantised<Case{131, 72, 1000, 1, 1, 128, 64}>(42);
  check_quantised<Case{70, 100, 1300, 1, 2, 128, 64}>(43);
}

} // namespace
} // namespace r1::test
