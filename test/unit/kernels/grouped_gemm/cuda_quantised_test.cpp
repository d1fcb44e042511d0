// grouped_gemm with x and weights in e4m3 agrees with the reference, however tokens fall on experts.
#include "kernels/grouped_gemm/cuda_quantised.h"
#include "test/unit/kernels/grouped_gemm/cuda_support.h"

namespace r1::test {
namespace {

using namespace cuda;

template <Case c> void check_case(Random& random) {
  using Skeleton = r1::cuda::GroupedGemmQuantised<QuantisedConfig<c>, RecordHoles<5>>;
  QuantisedProblem problem(c, random);
  check<Skeleton>(problem, "grouped_gemm_quantised_f8", problem.tiles(), problem.buffers(), schedules());
  check<Skeleton>(problem, "grouped_gemm_quantised_f8", problem.tiles(), problem.buffers(),
                  {{"as Hopper adds", {.hopper_sums = true}}}, nullptr, kHopperE4m3Sum);
}

template <Case... c> void check_all(uint32_t seed) {
  Random random(seed);
  (check_case<c>(random), ...);
}

TEST(CudaGroupedGemmQuantised, AgreesWithTheReference) {
  check_all<Case{9, 40, 256, 4, 2, true, 2, 64, 32, true},     // few rows of a tile
            Case{150, 48, 640, 3, 1, true, 2, 64, 48, true},   // three rounds of rows
            Case{90, 33, 101, 3, 2, false, 1, 128, 32, false}, // a row for each pair; less than a piece
            Case{140, 64, 300, 5, 3, true, 1, 128, 64}>(61);
}

} // namespace
} // namespace r1::test
