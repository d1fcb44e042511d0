// gemm with x and weights in e4m3 agrees with the reference, scales of both applied, under every order of threads and copies.
#include "kernels/gemm/cuda_quantised.h"
#include "test/unit/kernels/gemm/cuda_support.h"

namespace r1::test {
namespace {

using namespace cuda;

template <Case c>
void check(QuantisedProblem& problem, const std::vector<NamedSchedule>& schedules, double tolerance) {
  const auto run = [&](const std::string& name, const NamedSchedule& schedule) {
    return cuda::run<r1::cuda::GemmQuantised<QuantisedConfig<c>, RecordHoles<4>>>(
        name, problem.tiles(), problem.buffers(), {int(c.rows), -1, -1}, problem.output(), 4, schedule);
  };
  cuda::check(problem, "gemm_quantised_f8", schedules, run, tolerance);
}

template <Case... c> void check_all(uint32_t seed) {
  Random random(seed);
  const auto one = [&]<Case each> {
    QuantisedProblem problem(each, random);
    check<each>(problem, schedules(), kFloatSum);
    check<each>(problem, {{"as Hopper adds", {.hopper_sums = true}}}, kHopperE4m3Sum);
  };
  (one.template operator()<c>(), ...);
}

TEST(CudaGemmQuantised, AgreesWithTheReference) {
  check_all<Case{129, 72, 200, 1, 1, 128,
                 64}, // a row block of one row; columns past n; less than a piece at the end
            Case{65, 33, 24, 1, 1, 64, 16},    // less than a piece in all
            Case{7, 50, 333, 1, 2, 64, 48},    // odd k; gate and up across warps
            Case{1, 16, 2200, 1, 1, 64, 16},   // one row; scales of more than 16 pieces
            Case{70, 128, 1152, 1, 2, 64, 64}, // more pieces than slots
            Case{130, 130, 640, 1, 1, 128, 128}>(51);
}

TEST(CudaGemmQuantised, NanReachesItsRowAndNoOther) {
  constexpr Case c = {40, 48, 256, 1, 1, 64, 48};
  Random random(52);
  QuantisedProblem problem(c, random);
  problem.set_x(c.rows / 2, 77, 0x7f);
  check<c>(problem, {{"fifo, eager", {}}}, kFloatSum);
}

} // namespace
} // namespace r1::test
