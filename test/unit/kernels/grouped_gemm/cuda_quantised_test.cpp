// grouped_gemm with x and weights in e4m3 agrees with the reference, however tokens fall on experts.
#include "kernels/grouped_gemm/cuda_quantised.h"
#include "test/unit/kernels/grouped_gemm/cuda_support.h"

namespace r1::test {
namespace {

using namespace cuda;

template <Case c> struct QuantisedConfig : Config<c> {
  static constexpr long long x_stride = (c.k + 127) / 128 * 128;
};

// With x as e4m3, a scale for each 128 k of a row.
struct QuantisedProblem : Product {
  int64_t stride, scale_stride;
  Buffer<uint8_t> x;
  Buffer<float> x_scales; // NaN where there is no piece

  QuantisedProblem(const Case& shape, Random& random)
      : Product(shape, true, random), stride(round_up(c.k, 128)), scale_stride(round_up(stride / 128, 16)),
        x(rows * stride), x_scales(rows * scale_stride, NAN) {
    std::uniform_real_distribution<float> scale(0.5f, 2);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < c.k; ++i) {
        float& factor = x_scales[r * scale_stride + i / 128];
        if (i % 128 == 0)
          factor = scale(random);
        const auto bits = uint8_t(Weights::random_e4m3(random));
        x[r * stride + i] = bits;
        values[r * c.k + i] = kernels::f32_from_e4m3(bits) * factor;
      }
  }

  std::vector<void*> buffers() {
    return {x.data(), w.packed.data(), w.scales.data(), x_scales.data(), groups.data()};
  }
};

template <Case c> void check(Random& random) {
  QuantisedProblem problem(c, random);
  cuda::check(problem, "grouped_gemm_quantised_f8", schedules(),
              [&](const std::string& name, const NamedSchedule& schedule) {
                return problem.run<r1::cuda::GroupedGemmQuantised<QuantisedConfig<c>, RecordHoles<5>>>(
                    name, problem.buffers(), schedule);
              });
}

template <Case... c> void check_all(uint32_t seed) {
  Random random(seed);
  (check<c>(random), ...);
}

TEST(CudaGroupedGemmQuantised, AgreesWithTheReference) {
  check_all<Case{9, 40, 256, 4, 2, true, 2, 64, 32, true},    // few rows of a tile
            Case{150, 48, 640, 3, 1, true, 2, 64, 48, true},  // three rounds of rows
            Case{90, 33, 101, 3, 2, false, 1, 128, 32, false}, // a row for each pair; less than a piece
            Case{140, 64, 300, 5, 3, true, 1, 128, 64}>(61);
}

} // namespace
} // namespace r1::test
