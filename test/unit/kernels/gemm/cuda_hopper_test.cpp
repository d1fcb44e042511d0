// gemm on sm_90a, its copy engine and warp groups modelled, agrees with the reference under every order.
#include "kernels/gemm/cuda_hopper.h"
#include "kernels/simt/tensor_map.h"
#include "test/unit/kernels/gemm/cuda_support.h"

namespace r1::test {
namespace {

using namespace cuda;

// Maps of x [rows][batch][k] and W [batch * accumulators][n][row], as kernels/gemm/cuda_hopper.h describes them.
struct Maps {
  alignas(64) r1::cuda::TensorMap map[2];

  Maps(const Product& product, void* x, int64_t x_stride, int64_t x_batch_stride) {
    const Case& c = product.c;
    const uint64_t size = product.w.f8 ? 1 : 2, line = 128 / size, row = product.w.row_bytes();
    encode(map[0], x, {uint64_t(c.k), uint64_t(c.batch), uint64_t(c.rows)},
           {x_batch_stride * size, x_stride * size}, {uint32_t(line), 1, 128});
    encode(map[1], const_cast<Product&>(product).w.packed.data(),
           {row / size, uint64_t(c.n), uint64_t(c.batch * c.accumulators)}, {row, row * c.n},
           {uint32_t(line), uint32_t(c.tile_n), 1});
  }

  static void encode(r1::cuda::TensorMap& map, void* address, const std::vector<uint64_t>& dims,
                     const std::vector<uint64_t>& strides, const std::vector<uint32_t>& box) {
    const uint32_t ones[3] = {1, 1, 1};
    simt::TensorMapFacts facts;
    facts.data_type = box[0] == 128 ? 0 : 9;
    facts.rank = 3;
    facts.address = address;
    facts.dims = dims.data();
    facts.strides = strides.data();
    facts.box = box.data();
    facts.element_strides = ones;
    facts.swizzle = 3;
    EXPECT_EQ(simt::encode_tensor_map(&map, facts), "");
  }
};

template <Case c> void check_bf16(uint32_t seed) {
  Random random(seed);
  Problem problem(Config<c>(), c, false, random);
  Maps maps(problem, problem.x.data(), problem.x_stride, problem.x_batch_stride);
  const auto run = [&](const std::string& name, const simt::Schedule& schedule) {
    return cuda::run<r1::cuda::GemmHopperBf16<Config<c>, RecordHoles<2>>>(
        name, problem.tiles(), problem.buffers(), {-1, int(c.rows), -1}, problem.output(), 2, schedule,
        maps.map);
  };
  check(problem, "hopper gemm_bf16", schedules(), run);
}

TEST(CudaHopper, Bf16AgreesWithTheReference) {
  check_bf16<Case{1, 16, 64, 1, 1, 128, 16}>(31);      // one line
  check_bf16<Case{129, 72, 200, 2, 1, 128, 64}>(32);   // a row block of one row, columns past n, a batch
  check_bf16<Case{70, 250, 1000, 1, 2, 128, 128}>(33); // more lines than slots, gate and up, the widest tile
  check_bf16<Case{128, 96, 333, 1, 1, 128, 96}>(34);   // odd k
}

// x in e4m3, a scale for 128 k of a row.
struct QuantisedProblem : Product {
  int64_t stride, lines;
  Buffer<uint8_t> x;
  Buffer<float> x_scales;

  QuantisedProblem(const Case& shape, int64_t x_stride, Random& random)
      : Product(shape, true, random), stride(x_stride), lines(round_up(c.k, 128) / 128),
        x(c.rows * stride, 0x7f), x_scales(c.rows * lines) {
    std::uniform_real_distribution<float> scale(0.5f, 2);
    for (int64_t r = 0; r < c.rows; ++r)
      for (int64_t i = 0; i < c.k; ++i) {
        if (i % 128 == 0)
          x_scales[r * lines + i / 128] = scale(random);
        const int bits = Weights::random_e4m3(random);
        x[r * stride + i] = uint8_t(bits);
        values[r * c.k + i] = kernels::f32_from_e4m3(uint8_t(bits)) * x_scales[r * lines + i / 128];
      }
  }
};

template <Case c> void check_f8(uint32_t seed) {
  Random random(seed);
  QuantisedProblem problem(c, Config<c>::x_stride, random);
  Maps maps(problem, problem.x.data(), problem.stride, problem.stride);
  const auto run = [&](const std::string& name, const simt::Schedule& schedule) {
    return cuda::run<r1::cuda::GemmHopperF8<Config<c>, RecordHoles<4>>>(
        name, problem.tiles(),
        {problem.x.data(), problem.w.packed.data(), problem.w.scales.data(), problem.x_scales.data()},
        {-1, int(c.rows), -1}, problem.output(), 4, schedule, maps.map);
  };
  check(problem, "hopper gemm_f8", schedules(), run);
}

TEST(CudaHopper, E4m3AgreesWithTheReference) {
  check_f8<Case{1, 16, 64, 1, 1, 128, 16}>(41);
  check_f8<Case{131, 72, 1000, 1, 1, 128, 64}>(42);
  check_f8<Case{70, 100, 1300, 1, 2, 128, 64}>(43);
}

} // namespace
} // namespace r1::test
