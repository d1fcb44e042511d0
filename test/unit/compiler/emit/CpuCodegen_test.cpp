// Images: what kernels compute, on every ISA level that this machine runs, and the contract of the file.
#include "test/unit/compiler/emit/ImageFixture.h"
#include "llvm/ADT/bit.h"
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <random>

namespace r1::test {
namespace {

using kernels::HoleSpec;
using kernels::Skeleton;

const Skeleton kMap{
    "test_map", "test", {{"cols", false}, {"rows_dim", false}}, {{"map", 0, true}, {"finish", 1, false}}, 0,
    0,          nullptr};
const Skeleton kDot{"test_dot",
                    "test",
                    {{"n", false}, {"k", false}, {"accumulators", false}, {"scale", true}},
                    {{"epilogue", kernels::kLeadingAccumulators, false}},
                    2,
                    0,
                    nullptr};
const Skeleton kMemory{"test_memory", "test", {{"cols", false}, {"rows_dim", false}}, {}, 1, 0, nullptr};

float fromBf16(uint16_t x) { return std::bit_cast<float>(uint32_t{x} << 16); }
uint16_t toBf16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  return std::isnan(x) ? 0x7fc0 : static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

std::vector<float> randomFloats(size_t count, unsigned seed, float limit = 3) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<float> uniform(-limit, limit);
  std::vector<float> values(count);
  std::generate(values.begin(), values.end(), [&] { return uniform(generator); });
  return values;
}

// The largest |got - expected| / (|expected| + floor); NaN if any value is unexpectedly NaN.
double worst(const std::vector<float>& got, const std::vector<double>& expected, double floor = 1e-6) {
  double result = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    double error = std::abs(got[i] - expected[i]) / (std::abs(expected[i]) + floor);
    if (!(error <= result))
      result = error;
  }
  return result;
}

std::string emit(llvm::ArrayRef<KernelSource> sources, const CpuTarget& target, unsigned jobs = 1,
                 std::vector<CpuKernelReport>* reports = nullptr) {
  std::string bitcode = testBitcode(target.isaLevel);
  CpuEmitOptions options;
  options.jobs = jobs;
  options.bitcode = bitcode;
  std::vector<CpuKernelReport> own;
  llvm::Expected<std::string> image = emitCpuImage(sources, target, options, reports ? reports : &own);
  if (!image) {
    ADD_FAILURE() << target.name << ": " << llvm::toString(image.takeError());
    return {};
  }
  for (const CpuKernelReport& report : reports ? *reports : own)
    for (const std::string& call : report.remainingCalls)
      ADD_FAILURE() << target.name << ": call left in " << report.name << ": " << call;
  return *image;
}

std::string emitError(llvm::ArrayRef<KernelSource> sources) {
  CpuTarget target = parse("cpu:x86-64-v3");
  std::string bitcode = testBitcode(target.isaLevel);
  CpuEmitOptions options;
  options.bitcode = bitcode;
  llvm::Expected<std::string> image = emitCpuImage(sources, target, options);
  return image ? "" : llvm::toString(image.takeError());
}

class CpuCodegen : public testing::Test {
protected:
  // y = unary(x), both f32[rows][stride].
  KernelSource unary(const std::string& name, const std::string& body, int64_t cols, int64_t stride) {
    HoleSource finish{bodies("(%v: f32, %x: f32) -> f32 {" + body + " return %y : f32 }"),
                      {{0, bodies.f32(), Access::RowCol, stride, 0}},
                      {{1, bodies.f32(), stride, 0}}};
    return {name, &kMap, {cols, 0}, {HoleSource{}, finish}};
  }
  Bodies bodies;
};

TEST_F(CpuCodegen, ReadsAndWritesExactlyTheColumnsOfTheRow) {
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
      w[i] = toBf16(0.01f * i - 0.2f);
    for (size_t i = 0; i < h.size(); ++i)
      h[i] = toBf16(1.0f + 0.001f * i);
    std::vector<float> y(kRows * kStride, 99);
    std::vector<uint16_t> z(kRows * (kStride + 8), 0x1234);
    image.run(0, {x.data(), w.data(), g.data(), h.data(), y.data(), z.data()}, kRows, 1, 4);
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < kStride; ++c) {
        bool inside = r >= 1 && r < 4 && c < kCols;
        float expected = 99;
        if (inside)
          expected = (-x[r * kStride + c] * fromBf16(w[c + 3]) + g[r * 4 + 1]) *
                     fromBf16(h[r * (kStride + 8) + 8 + c]);
        ASSERT_EQ(y[r * kStride + c], expected) << target.name << " row " << r << " column " << c;
        ASSERT_EQ(z[r * (kStride + 8) + 8 + c], inside ? toBf16(expected) : 0x1234)
            << target.name << " " << r << " " << c;
      }
  }
}

TEST_F(CpuCodegen, TouchesNothingBeyondTheLastColumn) {
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
    std::fill_n(b, kCols, toBf16(2));
    image.run(0, {x, b}, 1, 0, 1);
    EXPECT_EQ(x[kCols - 1], 3.0f);
    EXPECT_EQ(b[kCols - 1], toBf16(3));
  }
}

TEST_F(CpuCodegen, RowsOfWholeVectorsHaveNoMaskLeft) {
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

TEST_F(CpuCodegen, MathematicalFunctionsAreAccurateAndNeedNoLibrary) {
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

TEST_F(CpuCodegen, RoundsToBf16ToNearestEvenAndKeepsNaN) {
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
        EXPECT_TRUE(std::isnan(fromBf16(stored[i])) && std::isnan(between[i])) << i;
        continue;
      }
      EXPECT_EQ(stored[i], toBf16(x[i])) << target.name << " " << x[i];
      EXPECT_EQ(std::bit_cast<uint32_t>(between[i]), uint32_t{toBf16(x[i])} << 16)
          << target.name << " " << x[i];
    }
  }
}

TEST_F(CpuCodegen, LargeFillsAndCopiesNeedNoLibrary) {
  KernelSource kernel{"memory", &kMemory, {0, 0}, {}};
  for (const CpuTarget& target : runnableTargets()) {
    Image image(emit({kernel}, target));
    std::vector<float> out(8192, 5), scratch(4096, 7);
    image.run(0, {out.data()}, 2000, 10, 20, scratch.data());
    for (int i = 0; i < 8192; ++i) {
      int from = i >= 1 && i <= 2000 ? i - 1 : i;
      float expected = i < 4096 ? (from >= 10 && from < 20 ? from : 0) : (i < 6096 ? 0 : 5);
      ASSERT_EQ(out[i], expected) << i;
    }
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

TEST_F(CpuCodegen, ConstantsHoistedOutOfTheBodyAreFound) {
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

TEST_F(CpuCodegen, ErrorsNameTheKernelAndTheProblem) {
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
  EXPECT_NE(emitError({{"k", &kMap, {16}, {HoleSource{}, HoleSource{}}}}).find("1 parameters, expected 2"),
            std::string::npos);
  EXPECT_NE(emitError({{"k", &kMap, {16, 0}, {}}}).find("0 holes, expected 2"), std::string::npos);
  EXPECT_NE(emitError({{"k", nullptr, {}, {}}}).find("no skeleton"), std::string::npos);
  const Skeleton absent{"absent", "test", {}, {}, 0, 0, nullptr};
  EXPECT_NE(emitError({{"k", &absent, {}, {}}}).find("have no function r1_absent"), std::string::npos);
}

} // namespace
} // namespace r1::test
