// Holes: what they read, write and compute, on every ISA level that this machine runs.
#include "test/unit/compiler/emit/ImageFixture.h"
#include <cmath>
#include <filesystem>

namespace r1::test {
namespace {

using kernels::bf16_from_f32;
using kernels::f32_from_bf16;

using HoleLowering = HoleTest;

TEST_F(HoleLowering, ReadsAndWritesExactlyTheColumnsOfTheRow) {
  constexpr int64_t kRows = 5, kCols = 37, kStride = 48;
  // finish(v, x, weight[col], gate[row], half): ((x * weight) + gate) * half, as f32 and as bf16 at a column
  // offset.
  HoleSource map{bodies("(%x: f32) -> f32 { %y = arith.negf %x : f32 return %y : f32 }"),
                 {{0, bodies.f32(), Access::RowCol, kStride, 0}},
                 {}};
  HoleSource finish{bodies(R"((%v: f32, %w: f32, %g: f32, %h: f32) -> (f32, f32) {
      %0 = arith.mulf %v, %w : f32  %1 = arith.addf %0, %g : f32  %2 = arith.mulf %1, %h : f32
      return %2, %2 : f32, f32 })"),
                    {{1, bodies.bf16(), Access::Col, 0, 3},
                     {2, bodies.f32(), Access::Row, 4, 1},
                     {3, bodies.bf16(), Access::RowCol, kStride + 8, 8}},
                    {{4, bodies.f32(), kStride, 0}, {5, bodies.bf16(), kStride + 8, 8}}};
  KernelSource kernel{"map", &kMap, {kCols, 0}, {map, finish}};
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emit({kernel}, target));
    std::vector<float> x = randomFloats(kRows * kStride, 1), g = randomFloats(kRows * 4, 2);
    std::vector<uint16_t> w(kCols + 3), h(kRows * (kStride + 8));
    for (size_t i = 0; i < w.size(); ++i)
      w[i] = bf16_from_f32(0.01f * i - 0.2f);
    for (size_t i = 0; i < h.size(); ++i)
      h[i] = bf16_from_f32(1.0f + 0.001f * i);
    std::vector<float> y(kRows * kStride, 99);
    std::vector<uint16_t> z(kRows * (kStride + 8), 0x1234);
    image.run(0, {x.data(), w.data(), g.data(), h.data(), y.data(), z.data()}, kRows, 1, 4);
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < kStride; ++c) {
        bool inside = r >= 1 && r < 4 && c < kCols;
        float expected = 99;
        if (inside)
          expected = (-x[r * kStride + c] * f32_from_bf16(w[c + 3]) + g[r * 4 + 1]) *
                     f32_from_bf16(h[r * (kStride + 8) + 8 + c]);
        ASSERT_EQ(y[r * kStride + c], expected) << target.name << " row " << r << " column " << c;
        ASSERT_EQ(z[r * (kStride + 8) + 8 + c], inside ? bf16_from_f32(expected) : 0x1234)
            << target.name << " " << r << " " << c;
      }
  }
}

TEST_F(HoleLowering, TouchesNothingBeyondTheLastColumn) {
  // The last element ends where an unreadable page begins: a load or store of a masked-off lane would fault.
  constexpr int64_t kCols = 21;
  const int64_t page = sysconf(_SC_PAGESIZE);
  auto guarded = [&](size_t bytes) {
    char* base = static_cast<char*>(
        mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base + page, page, PROT_NONE);
    return base + page - bytes;
  };
  HoleSource finish{
      bodies("(%v: f32, %x: f32, %b: f32) -> (f32, f32) { %y = arith.addf %x, %b : f32 return %y, %y : f32, "
             "f32 }"),
      {{0, bodies.f32(), Access::RowCol, kCols, 0}, {1, bodies.bf16(), Access::RowCol, kCols, 0}},
      {{0, bodies.f32(), kCols, 0}, {1, bodies.bf16(), kCols, 0}}};
  KernelSource kernel{"edge", &kMap, {kCols, 0}, {HoleSource{}, finish}};
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emit({kernel}, target));
    auto* x = reinterpret_cast<float*>(guarded(kCols * 4));
    auto* b = reinterpret_cast<uint16_t*>(guarded(kCols * 2));
    std::fill_n(x, kCols, 1.0f);
    std::fill_n(b, kCols, bf16_from_f32(2));
    image.run(0, {x, b}, 1, 0, 1);
    EXPECT_EQ(x[kCols - 1], 3.0f);
    EXPECT_EQ(b[kCols - 1], bf16_from_f32(3));
  }
}

TEST_F(HoleLowering, RowsOfWholeVectorsHaveNoMaskLeft) {
  std::string folder = testing::TempDir() + "r1c-dump-" + std::to_string(getpid());
  std::filesystem::create_directory(folder);
  for (const CpuTarget& target : runnableTargets()) {
    std::string bitcode = testBitcode(target.isaLevel);
    CpuEmitOptions options;
    options.bitcode = bitcode;
    options.dumpFolder = folder;
    auto masks = [&](int64_t cols) {
      llvm::Expected<std::string> image =
          emitCpuImage({unary("k", "%y = arith.addf %x, %x : f32", cols, 7200)}, target, options);
      EXPECT_TRUE(bool(image)) << llvm::toString(image.takeError());
      std::string text = readAll(folder + "/k.0.ll");
      EXPECT_NE(text.find("define"), std::string::npos);
      return text.find("llvm.masked") != std::string::npos;
    };
    EXPECT_FALSE(masks(7168)) << target.name;
    EXPECT_TRUE(masks(7163)) << target.name;
  }
  std::filesystem::remove_all(folder);
}

TEST_F(HoleLowering, MathematicalFunctionsAreAccurateAndNeedNoLibrary) {
  struct Function {
    const char* name;
    double (*exact)(double);
    float low, high;
    double tolerance;
  };
  const Function functions[] = {{"math.exp", std::exp, -87, 88, 3e-7},
                                {"math.expm1", std::expm1, -5, 5, 1e-6},
                                {"math.tanh", std::tanh, -8, 8, 1e-6},
                                {"math.log", std::log, 1e-3, 1e6, 1e-6},
                                {"math.log1p", std::log1p, 0, 100, 1e-6},
                                {"math.log2", std::log2, 1e-3, 1e6, 2e-6},
                                {"math.erf", std::erf, -4, 4, 1e-6},
                                {"math.sqrt", std::sqrt, 0, 1e6, 1e-7},
                                {"math.rsqrt", [](double v) { return 1 / std::sqrt(v); }, 1e-6, 1e6, 2e-7},
                                {"math.absf", std::fabs, -5, 5, 0},
                                {"math.floor", std::floor, -50, 50, 0},
                                {"math.ceil", std::ceil, -50, 50, 0},
                                {"math.roundeven", std::nearbyint, -50, 50, 0},
                                {"math.trunc", std::trunc, -50, 50, 0}};
  constexpr int64_t kCols = 4096;
  std::vector<KernelSource> kernels;
  for (const Function& function : functions)
    kernels.push_back(unary(function.name, std::string("%y = ") + function.name + " %x : f32", kCols, kCols));
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emit(kernels, target));
    ASSERT_EQ(image.count, kernels.size());
    for (auto [i, function] : llvm::enumerate(functions)) {
      std::vector<float> x = randomFloats(kCols, 5 + i, 1), y(kCols);
      std::vector<double> expected(kCols);
      for (int64_t c = 0; c < kCols; ++c) {
        x[c] = function.low + (function.high - function.low) * (x[c] + 1) / 2;
        expected[c] = function.exact(x[c]);
      }
      image.run(i, {x.data(), y.data()}, 1, 0, 1);
      EXPECT_LE(worst(y, expected, 1e-3), function.tolerance) << function.name << ", " << target.name;
    }
  }
}

TEST_F(HoleLowering, RoundsToBf16ToNearestEvenAndKeepsNaN) {
  std::vector<float> x = {1.00390625f,
                          1.01171875f,
                          -1.00390625f,
                          3.4e38f,
                          INFINITY,
                          NAN,
                          -NAN,
                          1e-40f,
                          0,
                          -0.0f,
                          std::bit_cast<float>(0x7f800001u),
                          std::bit_cast<float>(0x7f7fffffu)};
  while (x.size() < 64)
    x.push_back(std::bit_cast<float>(uint32_t(x.size() * 2654435761u)));
  int64_t cols = x.size();
  HoleSource finish{bodies("(%v: f32, %x: f32) -> f32 { return %x : f32 }"),
                    {{0, bodies.f32(), Access::RowCol, cols, 0}},
                    {{1, bodies.bf16(), cols, 0}}};
  // The same rounding in the middle of a body.
  HoleSource inner{bodies(R"((%v: f32, %x: f32) -> f32 {
      %b = arith.truncf %x : f32 to bf16  %y = arith.extf %b : bf16 to f32  return %y : f32 })"),
                   {{0, bodies.f32(), Access::RowCol, cols, 0}},
                   {{1, bodies.f32(), cols, 0}}};
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emit({{"store", &kMap, {cols, 0}, {HoleSource{}, finish}},
                      {"inner", &kMap, {cols, 0}, {HoleSource{}, inner}}},
                     target));
    std::vector<uint16_t> stored(cols);
    std::vector<float> between(cols);
    image.run(0, {x.data(), stored.data()}, 1, 0, 1);
    image.run(1, {x.data(), between.data()}, 1, 0, 1);
    for (int64_t i = 0; i < cols; ++i) {
      if (std::isnan(x[i])) {
        EXPECT_TRUE(std::isnan(f32_from_bf16(stored[i])) && std::isnan(between[i])) << i;
        continue;
      }
      EXPECT_EQ(stored[i], bf16_from_f32(x[i])) << target.name << " " << x[i];
      EXPECT_EQ(std::bit_cast<uint32_t>(between[i]), uint32_t{bf16_from_f32(x[i])} << 16)
          << target.name << " " << x[i];
    }
  }
}

TEST_F(HoleLowering, ConstantsHoistedOutOfTheBodyAreFound) {
  bodies.context.allowUnregisteredDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      R"(func.func @f() { %c = arith.constant 2.5 : f32
    "test.hole"() ({ ^bb0(%v: f32): %y = arith.addf %v, %c : f32  "func.return"(%y) : (f32) -> () }) : () -> () return })",
      mlir::ParserConfig(&bodies.context, /*verifyAfterParse=*/false));
  ASSERT_TRUE(module);
  mlir::Region* body = nullptr;
  module->walk([&](mlir::Operation* op) {
    if (op->getName().getStringRef() == "test.hole")
      body = &op->getRegion(0);
  });
  HoleSource finish{body, {}, {{0, bodies.f32(), 16, 0}}};
  Image image(emit({{"hoisted", &kMap, {16, 0}, {HoleSource{}, finish}}}, parse("cpu:x86-64-v3")));
  std::vector<float> y(16);
  image.run(0, {y.data()}, 1, 0, 1);
  EXPECT_EQ(y[7], 2.5f);
}

TEST_F(HoleLowering, ErrorsNameTheKernelAndTheProblem) {
  auto one = [&](HoleSource hole) { return emitError({{"k", &kMap, {16, 0}, {HoleSource{}, hole}}}); };
  HoleResult result{0, bodies.f32(), 16, 0};
  EXPECT_NE(one({bodies("(%v: f32, %x: f32) -> f32 { return %v : f32 }"), {}, {result}})
                .find("kernel k, hole 'finish': the body takes 2 values, expected 1"),
            std::string::npos);
  EXPECT_NE(one({bodies("(%v: f32) -> (f32, f32) { return %v, %v : f32, f32 }"), {}, {result}})
                .find("yields 2 values, expected 1"),
            std::string::npos);
  EXPECT_NE(one({bodies("(%v: f32) -> f32 { %y = math.cos %v : f32 return %y : f32 }"), {}, {result}})
                .find("operation 'math.cos' cannot be compiled for a CPU"),
            std::string::npos);
  EXPECT_NE(one({bodies("(%v: f32) -> f32 { return %v : f32 }"), {}, {{0, mlir::Type(), 16, 0}}})
                .find("must hold f32 or bf16"),
            std::string::npos);
}

} // namespace
} // namespace r1::test
