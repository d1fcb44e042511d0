// Images of kernels, the shipped ones above all: results against plain loops in double, and nothing left to call.
#include "kernels/registry/layout.h"
#include "test/unit/compiler/emit/R1Kernels.h"

namespace r1::test {
namespace {

using kernels::bf16_from_f32;
using kernels::f32_from_bf16;
using kernels::f32_from_e4m3;

std::string emitShipped(llvm::ArrayRef<KernelSource> sources, const CpuTarget& target) {
  std::vector<CpuKernelReport> reports;
  llvm::Expected<std::string> image = emitCpuImage(sources, target, CpuEmitOptions(), &reports);
  if (!image) {
    ADD_FAILURE() << target.name << ": " << llvm::toString(image.takeError());
    return {};
  }
  for (const CpuKernelReport& report : reports) {
    printf("%-28s %-24s %7llu bytes of code, %.0f ms\n", target.isaLevel.c_str(), report.name.c_str(),
           static_cast<unsigned long long>(report.codeBytes), report.seconds * 1e3);
    EXPECT_TRUE(report.remainingCalls.empty())
        << target.name << ", " << report.name << ": " << report.remainingCalls.front();
  }
  return *image;
}

struct Random {
  std::mt19937 generator{42};
  float operator()() { return std::uniform_real_distribution<float>(-1, 1)(generator); }
};

class CpuCodegen : public HoleTest {
protected:
  R1Holes holes{bodies};
  Random random;
};

TEST_F(CpuCodegen, GemmOfBf16AddsTheResidualInItsEpilogue) {
  constexpr int64_t kTokens = 37, kN = 72, kK = 160, kStride = 80;
  kernels::GemmParams p{kN, kK, 1, kK, 0, 1, 32, 32, 0, 0};
  KernelSource kernel{"gemm_residual",
                      kernels::find_skeleton("gemm_bf16"),
                      words(p),
                      {holes.addTo(2, kStride), HoleSource{}, HoleSource{}}};
  std::vector<uint16_t> x(kTokens * kK), w(kN * kK);
  for (uint16_t& v : x)
    v = bf16_from_f32(random());
  for (uint16_t& v : w)
    v = bf16_from_f32(random());
  kernels::PackShape shape{1, kN, kK, 1};
  std::vector<uint16_t> packed(kernels::vnni16_bytes(shape) / 2);
  kernels::pack_vnni16(shape, 0, 0, 0, kN, w.data(), kK, false, packed.data());
  std::vector<float> residual(kTokens * kStride);
  for (float& v : residual)
    v = random();
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emitShipped({kernel}, target));
    std::vector<float> y = residual;
    std::vector<char> scratch(kernel.skeleton->scratch_bytes(kernel.params.data()) + 64);
    void* aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
    int64_t tiles = (kTokens + 31) / 32 * ((kN + 31) / 32);
    image.run(0, {x.data(), packed.data(), y.data()}, kTokens, 0, 2, aligned);
    image.run(0, {x.data(), packed.data(), y.data()}, kTokens, 2, tiles, aligned);
    for (int64_t t = 0; t < kTokens; ++t)
      for (int64_t n = 0; n < kStride; ++n) {
        double expected = residual[t * kStride + n];
        for (int64_t k = 0; n < kN && k < kK; ++k)
          expected += double(f32_from_bf16(x[t * kK + k])) * f32_from_bf16(w[n * kK + k]);
        ASSERT_NEAR(y[t * kStride + n], expected, n < kN ? 1e-4 : 0) << target.name << " " << t << " " << n;
      }
  }
}

TEST_F(CpuCodegen, GemmOfE4m3GatesTwoAccumulators) {
  constexpr int64_t kTokens = 3, kN = 48, kK = 256;
  kernels::GemmParams p{kN, kK, 1, kK, 0, 2, 16, 16, 0, 0};
  KernelSource kernel{"gemm_swiglu",
                      kernels::find_skeleton("gemm_f8"),
                      words(p),
                      {holes.swiglu(3, kN), HoleSource{}, HoleSource{}}};
  std::vector<uint16_t> x(kTokens * kK);
  for (uint16_t& v : x)
    v = bf16_from_f32(random());
  kernels::PackShape shape{1, kN, kK, 2};
  std::vector<uint8_t> packed(kernels::vnni16_f8_bytes(shape));
  std::vector<float> scales(kernels::scales_bytes(shape) / 4);
  std::vector<uint8_t> w[2];
  std::vector<float> s[2];
  for (int a = 0; a < 2; ++a) {
    for (int64_t i = 0; i < kN * kK; ++i)
      w[a].push_back(kernels::e4m3_from_f32(random() * 100));
    s[a] = {0.002f + a * 0.001f, 0.003f};
    kernels::pack_vnni16_f8(shape, 0, a, 0, kN, w[a].data(), kK, packed.data());
    kernels::pack_scales(shape, 0, a, 0, kN, s[a].data(), 2, scales.data());
  }
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emitShipped({kernel}, target));
    std::vector<uint16_t> y(kTokens * kN, 0x1111);
    std::vector<char> scratch(kernel.skeleton->scratch_bytes(kernel.params.data()) + 64);
    void* aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
    image.run(0, {x.data(), packed.data(), scales.data(), y.data()}, kTokens, 0, kN / 16, aligned);
    for (int64_t t = 0; t < kTokens; ++t)
      for (int64_t n = 0; n < kN; ++n) {
        double sum[2] = {};
        for (int a = 0; a < 2; ++a)
          for (int64_t k = 0; k < kK; ++k)
            sum[a] += double(f32_from_bf16(x[t * kK + k])) * f32_from_e4m3(w[a][n * kK + k]) * s[a][k / 128];
        double expected = sum[0] / (1 + std::exp(-sum[0])) * sum[1];
        ASSERT_NEAR(f32_from_bf16(y[t * kN + n]), expected, 0.006 * std::abs(expected) + 1e-3)
            << target.name << " " << t << " " << n;
      }
  }
}

TEST_F(CpuCodegen, RowsFuseResidualAndNorm) {
  constexpr int64_t kTokens = 4, kCols = 200, kStride = 208;
  kernels::RowsParams p{kCols, 1, 1e-6, 0, 0};
  KernelSource kernel{"residual_norm",
                      kernels::find_skeleton("rows"),
                      words(p),
                      {HoleSource{bodies(R"((%v: f32, %x: f32, %r: f32) -> (f32, f32) {
                         %y = arith.addf %x, %r : f32 return %y, %y : f32, f32 })"),
                                  {{0, bodies.bf16(), Access::RowCol, kStride, 0},
                                   {1, bodies.f32(), Access::RowCol, kStride, 0}},
                                  {{1, bodies.f32(), kStride, 0}}},
                       holes.normed(2, 3, kStride)}};
  std::vector<uint16_t> x(kTokens * kStride);
  std::vector<float> before(kTokens * kStride), weight(kCols);
  for (uint16_t& v : x)
    v = bf16_from_f32(random());
  for (float& v : before)
    v = random() * 3;
  for (float& v : weight)
    v = 1 + random() / 4;
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emitShipped({kernel}, target));
    std::vector<float> residual = before;
    std::vector<uint16_t> out(kTokens * kStride, 0x1111);
    std::vector<char> scratch(kernel.skeleton->scratch_bytes(kernel.params.data()) + 64);
    void* aligned = reinterpret_cast<void*>((reinterpret_cast<uintptr_t>(scratch.data()) + 63) / 64 * 64);
    image.run(0, {x.data(), residual.data(), weight.data(), out.data()}, kTokens, 0, kTokens, aligned);
    for (int64_t t = 0; t < kTokens; ++t) {
      double squares = 0;
      for (int64_t c = 0; c < kCols; ++c) {
        ASSERT_EQ(residual[t * kStride + c], before[t * kStride + c] + f32_from_bf16(x[t * kStride + c]));
        squares += double(residual[t * kStride + c]) * residual[t * kStride + c];
      }
      for (int64_t c = 0; c < kStride; ++c) {
        double expected = c < kCols
                              ? residual[t * kStride + c] / std::sqrt(squares / kCols + 1e-6) * weight[c]
                              : f32_from_bf16(0x1111);
        ASSERT_NEAR(f32_from_bf16(out[t * kStride + c]), expected, std::abs(expected) * 0.005)
            << target.name << " " << t << " " << c;
      }
    }
  }
}

TEST_F(CpuCodegen, NothingIsCalledAtR1sOwnSizesOnAnyLevel) {
  std::vector<KernelSource> sources = r1Kernels(bodies);
  auto hasCpuForm = [](const kernels::Skeleton& skeleton) { return skeleton.scratch_bytes != nullptr; };
  EXPECT_EQ(int64_t(sources.size()), llvm::count_if(kernels::skeletons(), hasCpuForm))
      << "a skeleton is missing in R1Kernels.h";
  for (const char* name : {"cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:znver5", "cpu:sapphirerapids"})
    emitShipped(sources, parse(name));
}

TEST_F(CpuCodegen, GatedActivationOfTwoAccumulators) {
  constexpr int64_t kRows = 3, kN = 40, kK = 64;
  constexpr double kScale = 0.125;
  HoleSource epilogue{bodies(R"((%gate: f32, %up: f32) -> f32 {
      %one = arith.constant 1.0 : f32  %n = arith.negf %gate : f32  %e = math.exp %n : f32
      %d = arith.addf %one, %e : f32  %s = arith.divf %gate, %d : f32  %y = arith.mulf %s, %up : f32
      return %y : f32 })"),
                      {},
                      {{2, bodies.f32(), kN, 0}}};
  KernelSource kernel{"swiglu", &kDot, {kN, kK, 2, std::bit_cast<int64_t>(kScale)}, {epilogue}};
  std::vector<float> x = randomFloats(kRows * kK, 3, 1), w = randomFloats(2 * kK * kN, 4, 1);
  std::vector<double> expected(kRows * kN);
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t n = 0; n < kN; ++n) {
      double sum[2] = {};
      for (int a = 0; a < 2; ++a)
        for (int64_t k = 0; k < kK; ++k)
          sum[a] += double(x[r * kK + k]) * w[(a * kK + k) * kN + n];
      sum[0] *= kScale, sum[1] *= kScale;
      expected[r * kN + n] = sum[0] / (1 + std::exp(-sum[0])) * sum[1];
    }
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emit({kernel}, target));
    std::vector<float> y(kRows * kN);
    image.run(0, {x.data(), w.data(), y.data()}, kRows, 0, kRows);
    EXPECT_LT(worst(y, expected, 1e-2), 1e-5) << target.name;
  }
}

TEST_F(CpuCodegen, SameBytesForAnyNumberOfJobs) {
  std::vector<KernelSource> kernels;
  for (int i = 0; i < 6; ++i)
    kernels.push_back(unary("k", "%y = math.exp %x : f32", 64 + i, 80));
  CpuTarget target = parse("cpu:x86-64-v4");
  std::string first = emit(kernels, target, 1);
  EXPECT_EQ(first, emit(kernels, target, 1));
  EXPECT_EQ(first, emit(kernels, target, 2));
  EXPECT_EQ(first, emit(kernels, target, 5));
  std::swap(kernels[0], kernels[1]);
  EXPECT_NE(first, emit(kernels, target, 1));
}

TEST_F(CpuCodegen, AnEmptyRegionIsAnUnusedHole) {
  mlir::Region empty;
  KernelSource kernel = unary("k", "%y = arith.negf %x : f32", 16, 16);
  kernel.holes[0].body = &empty;
  Image image(emit({kernel}, parse("cpu:x86-64-v3")));
  std::vector<float> x(16, 2), y(16);
  image.run(0, {x.data(), y.data()}, 1, 0, 1);
  EXPECT_EQ(y[15], -2);
}

TEST_F(CpuCodegen, ErrorsNameTheKernelAndTheProblem) {
  EXPECT_NE(emitError({{"k", &kMap, {16}, {HoleSource{}, HoleSource{}}}}).find("1 parameters, expected 2"),
            std::string::npos);
  EXPECT_NE(emitError({{"k", &kMap, {16, 0}, {}}}).find("0 holes, expected 2"), std::string::npos);
  EXPECT_NE(emitError({{"k", nullptr, {}, {}}}).find("no skeleton"), std::string::npos);
  const kernels::Skeleton absent{"absent", "test", {}, {}, 0, 0, nullptr};
  EXPECT_NE(emitError({{"k", &absent, {}, {}}}).find("have no function r1_absent"), std::string::npos);
}

} // namespace
} // namespace r1::test
