// gemm_bf16 and gemm_f8 agree with the reference on every ISA level this machine runs, and on the AMX model.
#include "test/unit/kernels/gemm/gemm_support.h"

namespace r1::test {
namespace {

using namespace gemm;

class Gemm : public testing::TestWithParam<bool> {};

// Not a failure, but never silent either: what this machine leaves untested.
TEST(GemmLevels, EveryLevelIsSupportedHere) {
  std::string missing;
  for (const NativeLevel& level : R1_LEVELS(gemm_bf16))
    missing += level.supported ? "" : " " + level.name;
  if (!missing.empty())
    GTEST_SKIP() << "this machine cannot run:" << missing;
}

TEST_P(Gemm, AgreesWithTheReference) {
  Random random(11);
  for (const Case& c : kCases) {
    Problem problem(c, GetParam(), random);
    std::vector<float> expected;
    std::vector<double> size;
    problem.expect(expected, size);
    for (const NativeLevel& level : supported(GetParam())) {
      const std::string name = describe(level, c, GetParam());
      EXPECT_TRUE(close(name, problem.run(level, 1000), expected, size, c.batch * c.n * c.accumulators,
                        tolerance(c, GetParam())));
    }
  }
}

// FP8 with few rows applies scales in float, so it is as exact as bf16.
TEST(GemmExact, F8IsExactForFewRows) {
  Random random(12);
  for (int64_t rows : {1, 2}) {
    Problem problem({rows, 144, 640}, true, random);
    std::vector<float> expected;
    std::vector<double> size;
    problem.expect(expected, size);
    for (const NativeLevel& level : supported(true))
      EXPECT_TRUE(
          close(describe(level, problem.c, true), problem.run(level, 1000), expected, size, 144, kFloatSum));
  }
}

TEST_P(Gemm, TheSplitOverThreadsChangesNoBit) {
  Random random(13);
  for (const Case& c : {Case{5, 100, 320, 2, 1, 4, 16}, Case{67, 80, 256, 1, 2, 32, 32},
                        Case{9, 64, 100, 1, 1, 4, 16, true}}) {
    Problem problem(c, GetParam(), random);
    for (const NativeLevel& level : supported(GetParam())) {
      const std::vector<float> whole = problem.run(level, 1000);
      for (int64_t chunk : {1, 3}) {
        const std::vector<float> parts = problem.run(level, chunk);
        EXPECT_EQ(std::memcmp(whole.data(), parts.data(), whole.size() * 4), 0)
            << describe(level, c, GetParam());
      }
    }
  }
}

// Without AMX a row of a bf16 product does not depend on the rows beside it.
TEST(GemmExact, Bf16RowsDoNotDependOnTheirNumber) {
  Random random(14);
  Problem many({23, 112, 1056, 1, 1, 64, 112}, false, random);
  for (const NativeLevel& level : supported(false)) {
    if (level.name.starts_with("amx"))
      continue;
    many.c.rows = 23;
    const std::vector<float> all = many.run(level, 1000);
    many.c.rows = 1;
    const std::vector<float> one = many.run(level, 1000);
    EXPECT_EQ(std::memcmp(all.data(), one.data(), one.size() * 4), 0) << level.name;
  }
}

TEST_P(Gemm, NanInXReachesItsRowAndNoOther) {
  Random random(15);
  for (int64_t rows : {1, 6, 40}) {
    Problem problem({rows, 48, 256}, GetParam(), random);
    problem.set_x(rows / 2, 0, 77, 0xffc1);
    std::vector<float> expected;
    std::vector<double> size;
    problem.expect(expected, size);
    for (double& s : size)
      s = std::isnan(s) ? 0 : s;
    for (const NativeLevel& level : supported(GetParam()))
      EXPECT_TRUE(close(describe(level, problem.c, GetParam()), problem.run(level, 1000), expected, size, 48,
                        tolerance(problem.c, GetParam())));
  }
}

TEST_P(Gemm, NanInWeightsReachesItsColumnAndNoOther) {
  Random random(16);
  for (int64_t rows : {1, 6, 40})
    for (int code : {0x7f, 0xff}) {
      Problem problem({rows, 48, 256}, GetParam(), random);
      // Column 21 is row 5 of strip 1; k = 130 is the first of a pair.
      if (GetParam())
        problem.w.packed->data[(1 * 64 + 130 / 4) * 64 + 16 + 8 + 2] = uint8_t(code);
      else
        reinterpret_cast<uint16_t*>(problem.w.packed->data)[(1 * 128 + 130 / 2) * 32 + 10] =
            uint16_t(code << 8 | 0xc0);
      problem.w.at(0, 0, 21, 130) = std::nanf("");
      std::vector<float> expected;
      std::vector<double> size;
      problem.expect(expected, size);
      for (double& s : size)
        s = std::isnan(s) ? 0 : s;
      for (const NativeLevel& level : supported(GetParam()))
        EXPECT_TRUE(close(describe(level, problem.c, GetParam()), problem.run(level, 1000), expected, size,
                          48, tolerance(problem.c, GetParam())));
    }
}

INSTANTIATE_TEST_SUITE_P(Types, Gemm, testing::Bool(),
                         [](const auto& info) { return info.param ? "f8" : "bf16"; });

} // namespace
} // namespace r1::test
