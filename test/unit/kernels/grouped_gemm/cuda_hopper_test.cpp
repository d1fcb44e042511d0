// grouped_gemm on sm_90a, its copy engine and warp groups modelled, agrees with the reference however tokens fall on
// experts.
#include "kernels/grouped_gemm/cuda_hopper.h"
#include "kernels/grouped_gemm/cuda_hopper_f8.h"
#include "test/unit/kernels/cuda_maps.h"
#include "test/unit/kernels/grouped_gemm/cuda_support.h"

namespace r1::test {
namespace {

using namespace cuda;

// Tensor cores add as the chip's do, not in plain float.
const std::vector<NamedSchedule> kHopperSums = {{"as Hopper adds", {.hopper_sums = true}}};

// What the compiler gives the largest step of as many tokens (compiler/select), one tile more than may be needed.
int64_t tiles(const Routed& p) {
  return ((p.pairs + p.c.experts * (p.c.tile_m - 1)) / p.c.tile_m) * p.column_blocks() + 1;
}

template <class Skeleton>
void check_with_map(Routed& problem, const std::string& what, const std::vector<void*>& buffers, bool swizzle,
                    double hopper_tolerance = kFloatSum) {
  const Case& c = problem.c;
  const uint64_t element = problem.f8 ? 1 : 2, row = problem.w.row_bytes();
  r1::cuda::TensorMap map;
  encode_map(map, problem.w.packed.data(), element,
             {row / element, uint64_t(c.n), uint64_t(c.experts * c.accumulators)}, {row, row * c.n},
             {uint32_t(128 / element), uint32_t(c.tile_n), 1}, swizzle);
  check<Skeleton>(problem, what, tiles(problem), buffers, schedules(), &map);
  check<Skeleton>(problem, what, tiles(problem), buffers, kHopperSums, &map, hopper_tolerance);
}

template <bool kF8, Case c> void check_bf16_x(Random& random) {
  using Skeleton = std::conditional_t<kF8, r1::cuda::GroupedGemmHopperF8<Config<c>, RecordHoles<4>>,
                                      r1::cuda::GroupedGemmHopperBf16<Config<c>, RecordHoles<3>>>;
  Problem problem(c, kF8, random);
  check_with_map<Skeleton>(problem, kF8 ? "hopper grouped_gemm_f8" : "hopper grouped_gemm_bf16",
                           problem.buffers(), !kF8);
}

template <bool kF8, Case... c> void check_all(uint32_t seed) {
  Random random(seed);
  (check_bf16_x<kF8, c>(random), ...);
}

// Rows around a block's, experts without any at either end and in between.
constexpr Pairs kRagged = {{0, 1, 63, 0, 65, 129, 300, 0}}, kFew = {{0, 0, 3, 61, 0, 66, 0, 0}};

template <bool kF8> void check_64_rows() {
  check_all<kF8, Case{279, 40, 200, 8, 2, true, 1, 64, 32, false, 0, kRagged}, // columns past n
            Case{130, 100, 700, 8, 1, false, 2, 64, 64, false, 0, kFew},       // more lines than slots
            Case{65, 33, 101, 8, 2, false, 1, 64, 64, false, 3, kFew},         // x off 16 bytes, odd k
            Case{1, 32, 64, 8, 2, true, 1, 64, 16, true}>(51);
}
template <bool kF8> void check_128_rows() {
  check_all<kF8, Case{279, 72, 136, 8, 2, true, 2, 128, 32, false, 0, kRagged},
            Case{130, 40, 700, 8, 1, true, 1, 128, 32, false, 0, kFew},
            Case{65, 33, 333, 8, 2, true, 2, 128, 48, false, 1, kFew},
            Case{150, 100, 90, 3, 1, false, 1, 128, 128, true}>(52); // two row blocks of one expert
}
TEST(CudaGroupedHopper, Bf16WeightsBy64Rows) { check_64_rows<false>(); }
TEST(CudaGroupedHopper, Bf16WeightsBy128Rows) { check_128_rows<false>(); }
TEST(CudaGroupedHopper, E4m3WeightsBy64Rows) { check_64_rows<true>(); }
TEST(CudaGroupedHopper, E4m3WeightsBy128Rows) { check_128_rows<true>(); }

// The widest tile, which only bf16 has, and more active experts than a warp has lanes.
TEST(CudaGroupedHopper, WideTilesAndManyExperts) {
  check_all<false, Case{20, 250, 130, 2, 1, true, 2, 128, 128}, Case{20, 250, 130, 2, 1, true, 2, 64, 128},
            Case{100, 16, 40, 77, 2, true, 1, 64, 16}>(53);
}

// x in e4m3, a scale for 128 k of a row.
struct QuantisedProblem : Routed {
  int64_t lines;
  Buffer<uint8_t> x;
  Buffer<float> x_scales;

  QuantisedProblem(const Case& shape, Random& random)
      : Routed(shape, true, random), lines(round_up(c.k, 128) / 128), x(x_rows * stride, 0x7f),
        x_scales(x_rows * lines) {
    std::uniform_real_distribution<float> scale(0.5f, 2);
    for (int64_t r = 0; r < x_rows; ++r)
      for (int64_t i = 0; i < c.k; ++i) {
        if (i % 128 == 0)
          x_scales[r * lines + i / 128] = scale(random);
        const int bits = Weights::random_e4m3(random);
        x[r * stride + i] = uint8_t(bits);
        values[r * c.k + i] = kernels::f32_from_e4m3(uint8_t(bits)) * x_scales[r * lines + i / 128];
      }
  }

  std::vector<void*> buffers() {
    return {x.data(), w.packed.data(), w.scales.data(), groups.data(), x_scales.data()};
  }
};

template <Case c> void check_quantised(Random& random) {
  using Skeleton = r1::cuda::GroupedGemmHopperQuantised<Config<c>, RecordHoles<5>>;
  QuantisedProblem problem(c, random);
  check_with_map<Skeleton>(problem, "hopper quantised grouped_gemm", problem.buffers(), true, kHopperE4m3Sum);
}

TEST(CudaGroupedHopper, QuantisedAgreesWithTheReference) {
  Random random(54);
  check_quantised<Case{279, 40, 200, 8, 2, true, 1, 64, 32, false, 0, kRagged}>(random);
  check_quantised<Case{130, 100, 1000, 8, 1, true, 2, 64, 64, false, 0, kFew}>(random);
  check_quantised<Case{65, 72, 333, 8, 2, false, 2, 128, 32, false, 0, kFew}>(random);
}

} // namespace
} // namespace r1::test
