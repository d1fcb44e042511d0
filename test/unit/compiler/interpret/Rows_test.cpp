// Each row operation gives the numbers that its definition in R1Ops.td gives by hand.
#include "test/unit/compiler/interpret/Support.h"

namespace r1::interpret::test {
namespace {

TEST(Rows, EmbedTakesRowsOfTheTable) {
  Program program(R"(func.func @f(%ids: tensor<?xi32>) -> tensor<?x2xf32> {
    %table = r1.weight "table" : tensor<3x2xbf16>
    %y = r1.embed %ids, %table : (tensor<?xi32>, tensor<3x2xbf16>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })");
  program.weights.tensors["table"] = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(program.floatsOf({ints({3}, {2, 0, 2})})[0], (std::vector<float>{5, 6, 1, 2, 5, 6}));
  EXPECT_NE(program.errorOf({ints({2}, {0, 3})}).find("token id 3 at 1 is not in [0, 3)"), std::string::npos);
  EXPECT_NE(program.errorOf({ints({1}, {-1})}).find("token id -1"), std::string::npos);
}

TEST(Rows, RmsNormDividesByTheRootOfMeanSquarePlusEpsilon) {
  Program program(
      R"(func.func @f(%x: tensor<?x2xf32>, %w: tensor<2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
    %y = r1.rms_norm %x, %w {epsilon = 0.5 : f64} : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
    %z = r1.rms_norm %x, %w {epsilon = 1.0e-6 : f64} : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
    return %y, %z : tensor<?x2xf32>, tensor<?x2xf32>
  })");
  auto results = program.floatsOf({floats({1, 2}, {3, 4}), floats({2}, {2, -1})});
  ASSERT_EQ(results.size(), 2u);
  expectNear(results[0], {6.0f / std::sqrt(13.0f), -4.0f / std::sqrt(13.0f)}, 1e-6);
  expectNear(results[1], {6.0f / std::sqrt(12.5f), -4.0f / std::sqrt(12.5f)}, 1e-6);
}

TEST(Rows, AddAndSiluMulGoElementByElement) {
  Program program(
      R"(func.func @f(%a: tensor<?x2xf32>, %b: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
    %y = r1.add %a, %b : tensor<?x2xf32>
    %z = r1.silu_mul %a, %b : tensor<?x2xf32>
    return %y, %z : tensor<?x2xf32>, tensor<?x2xf32>
  })");
  auto results = program.floatsOf({floats({1, 2}, {1, -2}), floats({1, 2}, {10, 3})});
  ASSERT_EQ(results.size(), 2u);
  expectNear(results[0], {11, 1}, 0);
  // gate * sigmoid(gate) * up: the first operand is the gate.
  expectNear(results[1], {10 / (1 + std::exp(-1.0f)), -6 / (1 + std::exp(2.0f))}, 1e-6);
  EXPECT_NE(
      program.errorOf({floats({1, 2}, {1, 2}), floats({2, 2}, {1, 2, 3, 4})}).find("2 rows, expected 1"),
      std::string::npos);
}

TEST(Rows, CastRoundsToNearestEvenAndWidensExactly) {
  Program program(R"(func.func @f(%x: tensor<?x4xf32>) -> (tensor<?x4xbf16>, tensor<?x4xf32>) {
    %y = r1.cast %x : (tensor<?x4xf32>) -> tensor<?x4xbf16>
    %z = r1.cast %y : (tensor<?x4xbf16>) -> tensor<?x4xf32>
    return %y, %z : tensor<?x4xbf16>, tensor<?x4xf32>
  })");
  // bf16 has steps of 2^-7 at 1: half-way cases go to the even neighbour.
  float step = 0x1p-7f;
  auto results =
      program.floatsOf({floats({1, 4}, {1 + step / 2, 1 + 1.5f * step, 1 + 0.51f * step, -1e-3f})});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0][0], 1.0f);
  EXPECT_EQ(results[0][1], 1 + 2 * step);
  EXPECT_EQ(results[0][2], 1 + step);
  EXPECT_NEAR(results[0][3], -1e-3, 4e-6);
  EXPECT_EQ(results[1], results[0]);
}

TEST(Rows, ResultsOfTypeBf16AreRounded) {
  Program program(R"(func.func @f(%a: tensor<?x1xbf16>, %b: tensor<?x1xbf16>) -> tensor<?x1xbf16> {
    %y = r1.add %a, %b : tensor<?x1xbf16>
    return %y : tensor<?x1xbf16>
  })");
  EXPECT_EQ(program.floatsOf({floats({1, 1}, {256}), floats({1, 1}, {1})})[0][0], 256.0f);
}

TEST(Rows, SliceAndConcatColumnsAreEachOthersInverse) {
  Program program(R"(func.func @f(%x: tensor<?x5xf32>) -> (tensor<?x2xf32>, tensor<?x5xf32>) {
    %a = r1.slice %x [0] : (tensor<?x5xf32>) -> tensor<?x3xf32>
    %b = r1.slice %x [3] : (tensor<?x5xf32>) -> tensor<?x2xf32>
    %y = r1.concat_columns %b, %a : (tensor<?x2xf32>, tensor<?x3xf32>) -> tensor<?x5xf32>
    return %b, %y : tensor<?x2xf32>, tensor<?x5xf32>
  })");
  auto results = program.floatsOf({floats({2, 5}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0], (std::vector<float>{4, 5, 9, 10}));
  EXPECT_EQ(results[1], (std::vector<float>{4, 5, 1, 2, 3, 9, 10, 6, 7, 8}));
}

TEST(Rows, GatherTakesRowsInAnyOrder) {
  Program program(R"(func.func @f(%x: tensor<?x2xf32>, %r: tensor<?xi32>) -> tensor<?x2xf32> {
    %y = r1.gather_rows %x, %r : (tensor<?x2xf32>, tensor<?xi32>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })");
  EXPECT_EQ(program.floatsOf({floats({3, 2}, {1, 2, 3, 4, 5, 6}), ints({2}, {2, 1})})[0],
            (std::vector<float>{5, 6, 3, 4}));
  EXPECT_NE(program.errorOf({floats({1, 2}, {1, 2}), ints({1}, {1})}).find("row 1 at 0 is not in [0, 1)"),
            std::string::npos);
}

TEST(Rows, RopeTableHoldsCosinesThenSines) {
  Program program(R"(func.func @f(%p: tensor<?xi32>) -> tensor<?x4xf32> {
    %y = r1.rope_table %p {inv_freq = array<f32: 1.0, 0.5>, scale = 2.0 : f64} : (tensor<?xi32>) -> tensor<?x4xf32>
    return %y : tensor<?x4xf32>
  })");
  expectNear(program.floatsOf({ints({1}, {3})})[0],
             {2 * std::cos(3.0f), 2 * std::cos(1.5f), 2 * std::sin(3.0f), 2 * std::sin(1.5f)}, 1e-6);
  EXPECT_NE(program.errorOf({ints({1}, {-1})}).find("position -1"), std::string::npos);
}

// transformers and DeepSeek's model.py round position * frequency to float before the cosine: at long
// positions it shows.
TEST(Rows, RopeAnglesAreFloatProducts) {
  Program program(R"(func.func @f(%p: tensor<?xi32>) -> tensor<?x2xf32> {
    %y = r1.rope_table %p {inv_freq = array<f32: 0.7498942>, scale = 1.0 : f64} : (tensor<?xi32>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })");
  float angle = 100003.0f * 0.7498942f;
  ASSERT_GT(std::abs(std::cos(double(angle)) - std::cos(100003.0 * 0.7498942f)), 1e-4)
      << "the test shows nothing";
  expectNear(program.floatsOf({ints({1}, {100003})})[0],
             {float(std::cos(double(angle))), float(std::sin(double(angle)))}, 1e-6);
}

// R1.md 1.5, item 3: pairs are neighbours (2i, 2i + 1), and turn by the angle of pair i.
TEST(Rows, RopeTurnsNeighboursOrHalves) {
  std::string text = R"(func.func @f(%x: tensor<?x10xf32>, %t: tensor<?x4xf32>) -> tensor<?x10xf32> {
    %y = r1.rope %x, %t {heads = 2, offset = 1, interleaved = INTERLEAVED}
      : (tensor<?x10xf32>, tensor<?x4xf32>) -> tensor<?x10xf32>
    return %y : tensor<?x10xf32>
  })";
  auto with = [&](const char* interleaved) {
    std::string copy = text;
    return copy.replace(copy.find("INTERLEAVED"), 11, interleaved);
  };
  // Pair 0 turns by 90 degrees, pair 1 by 180.
  RuntimeValue x = floats({1, 10}, {9, 1, 2, 3, 4, 8, 5, 6, 7, 8}), table = floats({1, 4}, {0, -1, 1, 0});
  Program neighbours(with("true")), halves(with("false"));
  EXPECT_EQ(neighbours.floatsOf({x, table})[0], (std::vector<float>{9, -2, 1, -3, -4, 8, -6, 5, -7, -8}));
  EXPECT_EQ(halves.floatsOf({x, table})[0], (std::vector<float>{9, -3, -2, 1, -4, 8, -7, -6, 5, -8}));
}

TEST(Rows, ConcatRowsPutsWeightsBelowEachOther) {
  std::string text = R"(func.func @f(%x: tensor<?x2xf32>) -> tensor<?x3xf32> {
    %a = r1.weight "a" : tensor<1x2xf32>
    %b = r1.weight "b" : tensor<2x2xf32>
    %w = r1.concat_rows %a, %b : tensor<1x2xf32>, tensor<2x2xf32> -> tensor<3x2xf32>
    %y = r1.linear %x, %w : (tensor<?x2xf32>, tensor<3x2xf32>) -> tensor<?x3xf32>
    return %y : tensor<?x3xf32>
  })";
  Program program(text);
  program.weights.tensors = {{"a", {1, 2}}, {"b", {3, 4, 5, 6}}};
  EXPECT_EQ(program.floatsOf({floats({1, 2}, {1, 10})})[0], (std::vector<float>{21, 43, 65}));
  Program missing(text);
  missing.weights.tensors = {{"a", {1, 2}}};
  EXPECT_NE(missing.errorOf({floats({1, 2}, {1, 10})}).find("tensor 'b' is not here"), std::string::npos);
}

} // namespace
} // namespace r1::interpret::test
