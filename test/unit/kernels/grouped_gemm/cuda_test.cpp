// grouped_gemm on CUDA agrees with the reference in both schedules, however tokens fall on experts.
#include "kernels/grouped_gemm/cuda.h"
#include "test/unit/kernels/grouped_gemm/cuda_support.h"

namespace r1::test {
namespace {

using namespace cuda;

template <bool kF8, Case c> void check_case(Random& random) {
  using Weight = std::conditional_t<kF8, r1::cuda::e4m3, r1::cuda::bf16>;
  using Skeleton = r1::cuda::GroupedGemm<Config<c>, RecordHoles<kF8 ? 4 : 3>, Weight>;
  Problem problem(c, kF8, random);
  check<Skeleton>(problem, kF8 ? "grouped_gemm_f8" : "grouped_gemm_bf16", problem.tiles(), problem.buffers(),
                  schedules());
}

template <bool kF8, Case... c> void check_all(uint32_t seed) {
  Random random(seed);
  (check_case<kF8, c>(random), ...);
}

template <bool kF8> void check_stream() {
  check_all<kF8, Case{1, 32, 128, 8, 2, true, 2, 8, 16},       // decode: six of eight experts idle
            Case{3, 24, 48, 5, 2, false, 1, 8, 32},            // a row for each pair; columns past n
            Case{40, 33, 101, 3, 2, true, 1, 16, 16, true, 1}, // three rounds of rows, odd k, x off 16 bytes
            Case{21, 40, 320, 4, 3, true, 2, 8, 32}>(21);
}
TEST(CudaGroupedGemm, StreamsBf16Weights) { check_stream<false>(); }
TEST(CudaGroupedGemm, StreamsE4m3Weights) { check_stream<true>(); }

template <bool kF8> void check_tiles() {
  check_all<kF8, Case{9, 40, 256, 4, 2, true, 2, 64, 32, true}, // few rows of a tile
            Case{150, 48, 128, 3, 1, true, 2, 64, 48, true},    // three rounds of rows
            Case{90, 33, 101, 3, 2, false, 1, 128, 32, false, 3}>(22);
}
TEST(CudaGroupedGemm, TilesBf16Weights) { check_tiles<false>(); }
TEST(CudaGroupedGemm, TilesE4m3Weights) { check_tiles<true>(); }

} // namespace
} // namespace r1::test
