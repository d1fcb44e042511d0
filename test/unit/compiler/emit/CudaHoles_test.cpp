// Holes as CUDA C++: what each operation becomes, how elements are read and written, and what is refused by name.
#include "compiler/emit/CudaHoles.h"
#include "test/unit/compiler/emit/ImageFixture.h"

namespace r1::test {
namespace {

class CudaHoles : public testing::Test {
protected:
  std::string print(const KernelSource& kernel) {
    std::string text;
    llvm::raw_string_ostream out(text);
    llvm::Error error = printCudaHoles(kernel, out);
    EXPECT_FALSE(bool(error)) << llvm::toString(std::move(error));
    return text;
  }
  std::string errorOf(const KernelSource& kernel) {
    std::string text;
    llvm::raw_string_ostream out(text);
    llvm::Error error = printCudaHoles(kernel, out);
    EXPECT_TRUE(bool(error)) << text;
    return llvm::toString(std::move(error));
  }
  // finish(v, x) of the tests' map skeleton, both in buffer 0 and 1.
  KernelSource finish(const std::string& ops) {
    return {"k",
            &kMap,
            {16, 0},
            {HoleSource{},
             {bodies("(%v: f32, %x: f32) -> f32 {" + ops + " return %y : f32 }"),
              {{0, bodies.f32(), Access::RowCol, 16, 0}},
              {{1, bodies.f32(), 16, 0}}}}};
  }
  Bodies bodies;
};

// Statements for V neighbouring columns: loads, a loop, stores. bf16 by its type, a value of the row once.
TEST_F(CudaHoles, ReadTheirOperandsComputeAndStore) {
  HoleSource map{bodies("(%s: f32, %x: f32) -> f32 { %y = arith.addf %s, %x : f32 return %y : f32 }"),
                 {{0, bodies.f32(), Access::RowCol, 48, 0}},
                 {}};
  HoleSource finish{bodies(R"((%v: f32, %rstd: f32, %w: f32, %g: f32) -> (f32, f32) {
      %0 = arith.mulf %v, %w : f32  %1 = arith.addf %0, %g : f32  return %1, %v : f32, f32 })"),
                    {{1, bodies.bf16(), Access::Col, 0, 3}, {2, bodies.f32(), Access::Row, 4, 1}},
                    {{4, bodies.f32(), 48, 0}, {5, bodies.bf16(), 56, 8}}};
  EXPECT_EQ(print({"k", kernels::find_skeleton("rows"), {37, 0, 0, 0, 0, 0}, {map, finish}}),
            R"(struct Holes {
  template <int V>
  R1_DEVICE static void map(const r1::cuda::Arguments& a, int row, int col, int count, float (&values)[1][V]) {
    float x0[V];
    r1::cuda::load_lanes(a.in<float>(0) + row * 48ll + col, count, x0);
    R1_UNROLL
    for (int i = 0; i < V; ++i) {
      const float t0 = values[0][i] + x0[i];
      values[0][i] = t0;
    }
  }
  template <int V>
  R1_DEVICE static void finish(const r1::cuda::Arguments& a, int row, int col, int count, float (&values)[2][V]) {
    float x0[V];
    r1::cuda::load_lanes(a.in<r1::cuda::bf16>(1) + 3 + col, count, x0);
    const float x1 = r1::cuda::to_float(*(a.in<float>(2) + row * 4ll + 1));
    float y0[V];
    float y1[V];
    R1_UNROLL
    for (int i = 0; i < V; ++i) {
      const float t0 = values[0][i] * x0[i];
      const float t1 = t0 + x1;
      y0[i] = t1;
      y1[i] = values[0][i];
    }
    r1::cuda::store_lanes(a.out<float>(4) + row * 48ll + col, count, y0);
    r1::cuda::store_lanes(a.out<r1::cuda::bf16>(5) + row * 56ll + 8 + col, count, y1);
  }
};
)");
}

TEST_F(CudaHoles, WriteBackLast) {
  HoleSource map{bodies("(%s: f32) -> (f32, f32) { %y = arith.negf %s : f32 return %y, %s : f32, f32 }"),
                 {},
                 {{4, bodies.f32(), 48, 0}}};
  std::string text = print({"k", kernels::find_skeleton("rows"), {37, 0, 0, 0, 0, 0}, {map, HoleSource{}}});
  EXPECT_NE(text.find("      y0[i] = values[0][i];\n      values[0][i] = t0;\n"), std::string::npos) << text;
}

TEST_F(CudaHoles, HaveOneValueForEachAccumulator) {
  HoleSource epilogue{bodies("(%g: f32, %u: f32) -> f32 { %y = arith.mulf %g, %u : f32 return %y : f32 }"),
                      {},
                      {{2, bodies.bf16(), 64, 0}}};
  std::string text = print({"k", &kDot, {64, 64, 2, 0}, {epilogue}});
  EXPECT_NE(text.find("float (&values)[2][V]) {"), std::string::npos) << text;
  EXPECT_NE(text.find("const float t0 = values[0][i] * values[1][i];"), std::string::npos) << text;
}

TEST_F(CudaHoles, UnusedOnesAreNotThere) {
  EXPECT_EQ(print({"k", &kMap, {16, 0}, {HoleSource{}, HoleSource{}}}), "struct Holes {\n};\n");
}

TEST_F(CudaHoles, EveryOperationHasItsExpression) {
  struct {
    const char* ops;
    const char* expected;
  } cases[] = {
      {"%y = arith.addf %v, %x : f32", "const float t0 = values[0][i] + x0[i];"},
      {"%y = arith.subf %v, %x : f32", "const float t0 = values[0][i] - x0[i];"},
      {"%y = arith.mulf %v, %x : f32", "const float t0 = values[0][i] * x0[i];"},
      {"%y = arith.divf %v, %x : f32", "const float t0 = values[0][i] / x0[i];"},
      {"%y = arith.negf %x : f32", "const float t0 = -(x0[i]);"},
      {"%y = arith.maxnumf %v, %x : f32", "const float t0 = r1::cuda::math::max(values[0][i], x0[i]);"},
      {"%y = arith.minnumf %v, %x : f32", "const float t0 = r1::cuda::math::min(values[0][i], x0[i]);"},
      {"%y = math.exp %x : f32", "const float t0 = r1::cuda::math::exp(x0[i]);"},
      {"%y = math.exp2 %x : f32", "const float t0 = r1::cuda::math::exp2(x0[i]);"},
      {"%y = math.log %x : f32", "const float t0 = r1::cuda::math::log(x0[i]);"},
      {"%y = math.rsqrt %x : f32", "const float t0 = r1::cuda::math::rsqrt(x0[i]);"},
      {"%y = math.sqrt %x : f32", "const float t0 = r1::cuda::math::sqrt(x0[i]);"},
      {"%y = math.tanh %x : f32", "const float t0 = r1::cuda::math::tanh(x0[i]);"},
      {"%y = math.absf %x : f32", "const float t0 = r1::cuda::math::abs(x0[i]);"},
      {"%y = math.sin %x : f32", "const float t0 = r1::cuda::math::sin(x0[i]);"},
      {"%y = math.cos %x : f32", "const float t0 = r1::cuda::math::cos(x0[i]);"},
      {"%y = math.fma %v, %x, %v : f32",
       "const float t0 = r1::cuda::math::fma(values[0][i], x0[i], values[0][i]);"},
      {"%c = arith.cmpf olt, %v, %x : f32 %y = arith.select %c, %v, %x : f32",
       "const bool t0 = values[0][i] < x0[i];\n      const float t1 = t0 ? values[0][i] : x0[i];"},
      {"%c = arith.cmpf oge, %v, %x : f32 %y = arith.select %c, %v, %x : f32",
       "const bool t0 = values[0][i] >= x0[i];"},
      {"%c = arith.cmpf ole, %v, %x : f32 %y = arith.select %c, %v, %x : f32",
       "const bool t0 = values[0][i] <= x0[i];"},
      {"%c = arith.cmpf ogt, %v, %x : f32 %y = arith.select %c, %v, %x : f32",
       "const bool t0 = values[0][i] > x0[i];"},
      {"%c = arith.cmpf oeq, %v, %x : f32 %y = arith.select %c, %v, %x : f32",
       "const bool t0 = values[0][i] == x0[i];"},
      {"%c = arith.cmpf une, %v, %v : f32 %y = arith.select %c, %v, %x : f32",
       "const bool t0 = values[0][i] != values[0][i];"},
      {"%b = arith.truncf %x : f32 to bf16 %y = arith.extf %b : bf16 to f32",
       "const r1::cuda::bf16 t0 = r1::cuda::to_bf16(x0[i]);\n      const float t1 = r1::cuda::to_float(t0);"},
  };
  for (const auto& [ops, expected] : cases) {
    std::string text = print(finish(ops));
    EXPECT_NE(text.find(expected), std::string::npos) << ops << " became\n" << text;
  }
}

// Literals read back as the same bits; a negative one survives a sign before it.
TEST_F(CudaHoles, ConstantsKeepTheirBits) {
  for (auto [attribute, expected] : {std::pair{"1.0", "1.0f"},
                                     {"0.333333343", "0.333333343f"},
                                     {"-2.5e-30", "-2.50000001e-30f"},
                                     {"3.0e+38", "3.00000001e+38f"},
                                     {"0x00000001", "1.40129846e-45f"},
                                     {"0x80000000", "-0.0f"},
                                     {"0x7F800000", "r1::cuda::infinity()"},
                                     {"0xFF800000", "-r1::cuda::infinity()"},
                                     {"0x7FC00000", "r1::cuda::nan()"}}) {
    std::string text = print(
        finish("%c = arith.constant " + std::string(attribute) + " : f32 %y = arith.addf %v, %c : f32"));
    EXPECT_NE(text.find("values[0][i] + " + std::string(expected) + ";"), std::string::npos)
        << attribute << " became\n"
        << text;
  }
  std::string text = print(finish("%c = arith.constant -1.0 : f32 %y = arith.negf %c : f32"));
  EXPECT_NE(text.find("= -(-1.0f);"), std::string::npos) << text;
}

TEST_F(CudaHoles, ConstantsHoistedOutOfTheBodyAreFound) {
  bodies.context.allowUnregisteredDialects();
  auto module = mlir::parseSourceString<mlir::ModuleOp>(
      R"(func.func @f() { %c = arith.constant 2.5 : f32
    "test.hole"() ({ ^bb0(%v: f32): %y = arith.addf %v, %c : f32  "func.return"(%y, %c) : (f32, f32) -> () }) : () -> () return })",
      mlir::ParserConfig(&bodies.context, /*verifyAfterParse=*/false));
  ASSERT_TRUE(module);
  mlir::Region* body = nullptr;
  module->walk([&](mlir::Operation* op) {
    if (op->getName().getStringRef() == "test.hole")
      body = &op->getRegion(0);
  });
  std::string text =
      print({"k",
             &kMap,
             {16, 0},
             {HoleSource{}, {body, {}, {{0, bodies.f32(), 16, 0}, {1, bodies.f32(), 16, 0}}}}});
  EXPECT_NE(text.find("const float t0 = values[0][i] + 2.5f;"), std::string::npos) << text;
  EXPECT_NE(text.find("y1[i] = 2.5f;"), std::string::npos) << text;
}

TEST_F(CudaHoles, WhatHasNoCudaFormIsNamed) {
  for (auto [ops, name] :
       {std::pair{"%y = math.erf %x : f32", "math.erf"},
        {"%y = arith.maximumf %v, %x : f32", "arith.maximumf"},
        {"%c = arith.cmpf ult, %v, %x : f32 %y = arith.select %c, %v, %x : f32", "arith.cmpf"},
        {"%h = arith.truncf %x : f32 to f16 %y = arith.extf %h : f16 to f32", "arith.truncf"}})
    EXPECT_EQ(errorOf(finish(ops)),
              "kernel k, hole 'finish': operation '" + std::string(name) + "' has no CUDA form");
}

TEST_F(CudaHoles, BodiesThatDoNotFitTheSkeletonAreADefect) {
  HoleResult result{0, bodies.f32(), 16, 0};
  for (HoleSource hole :
       {HoleSource{bodies("(%v: f32, %x: f32) -> f32 { return %v : f32 }"), {}, {result}},
        HoleSource{bodies("(%v: f32) -> (f32, f32) { return %v, %v : f32, f32 }"), {}, {result}}}) {
    std::string error = errorOf({"k", &kMap, {16, 0}, {HoleSource{}, hole}});
    EXPECT_EQ(error, "kernel k, hole 'finish': its body does not fit the skeleton; this is a defect of r1c");
  }
}

} // namespace
} // namespace r1::test
