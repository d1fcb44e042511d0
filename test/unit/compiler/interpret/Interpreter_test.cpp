// What is not about one operation: arguments, fused bodies, memory of weights, and input that cannot be
// interpreted.
#include "test/unit/compiler/interpret/Support.h"

namespace r1::interpret::test {
namespace {

const char* const kAdd = R"(func.func @f(%x: tensor<?x2xf32>, %i: tensor<?xi32>) -> tensor<?x2xf32> {
  %y = r1.add %x, %x : tensor<?x2xf32>
  return %y : tensor<?x2xf32>
})";

TEST(Interpreter, ArgumentsMustHaveTheirTypes) {
  Program program(kAdd);
  RuntimeValue x = floats({1, 2}, {1, 2}), i = ints({0}, {});
  EXPECT_EQ(program.floatsOf({x, i})[0], (std::vector<float>{2, 4}));
  EXPECT_NE(program.errorOf({x}).find("takes 2 arguments, found 1"), std::string::npos);
  EXPECT_NE(program.errorOf({i, i}).find(
                "argument 0 is a tensor of integers of shape [0], expected tensor<?x2xf32>"),
            std::string::npos);
  EXPECT_NE(program.errorOf({x, x}).find("argument 1"), std::string::npos);
  EXPECT_NE(program.errorOf({floats({1, 3}, {1, 2, 3}), i}).find("argument 0"), std::string::npos);
  EXPECT_NE(program.errorOf({WeightRef(), i}).find("argument 0"), std::string::npos);
}

TEST(Interpreter, FusedBodiesAreExecuted) {
  Program program(R"(func.func @f(%x: tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
    %w = r1.weight "w" : tensor<2x2xf32>
    %a, %b = r1.fused ["one", "two"] (%w, %x) : (tensor<2x2xf32>, tensor<?x2xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>) {
    ^bb0(%v: tensor<2x2xf32>, %z: tensor<?x2xf32>):
      %l = r1.linear %z, %v : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32>
      %s = r1.add %l, %z : tensor<?x2xf32>
      r1.yield %s, %l : tensor<?x2xf32>, tensor<?x2xf32>
    }
    %c = r1.add %a, %x : tensor<?x2xf32>
    return %c, %b : tensor<?x2xf32>, tensor<?x2xf32>
  })");
  program.weights.tensors["w"] = {0, 1, 1, 0};
  auto results = program.floatsOf({floats({1, 2}, {1, 10})});
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0], (std::vector<float>{12, 21}));
  EXPECT_EQ(results[1], (std::vector<float>{10, 1}));
}

TEST(Interpreter, ErrorsNameOperationAndPlace) {
  Program program(R"(func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %y = r1.fused ["one"] (%x) : (tensor<?x2xf32>) -> tensor<?x2xf32> {
    ^bb0(%z: tensor<?x2xf32>):
      %w = r1.weight "gone" : tensor<2x2xf32>
      %l = r1.linear %z, %w : (tensor<?x2xf32>, tensor<2x2xf32>) -> tensor<?x2xf32> loc("layers.3.mlp")
      r1.yield %l : tensor<?x2xf32>
    }
    return %y : tensor<?x2xf32>
  })");
  EXPECT_EQ(program.errorOf({floats({1, 2}, {1, 2})}),
            "'r1.linear' at layers.3.mlp: tensor 'gone' is not here");
}

TEST(Interpreter, OtherDialectsAndExternalFunctionsAreRefused) {
  Program calls(R"(func.func @f(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
    %y = func.call @f(%x) : (tensor<?x2xf32>) -> tensor<?x2xf32>
    return %y : tensor<?x2xf32>
  })");
  EXPECT_NE(calls.errorOf({floats({1, 2}, {1, 2})}).find("'func.call' cannot be interpreted"),
            std::string::npos);
  Program external("func.func private @f(tensor<?x2xf32>)");
  EXPECT_NE(external.errorOf({floats({1, 2}, {1, 2})}).find("is not one block"), std::string::npos);
}

// The dialect leaves open only how many tokens there are (and refuses tensors without a rank by itself).
TEST(Interpreter, TensorsWithoutColumnsAreRefused) {
  for (std::string type : {"tensor<f32>", "tensor<?x0xf32>", "tensor<0x2xf32>", "tensor<?x?xf32>"}) {
    Program program("func.func @f(%x: " + type + ") -> " + type + " {\n %y = r1.add %x, %x : " + type +
                    "\n return %y : " + type + "\n}");
    EXPECT_NE(program.errorOf({floats({1, 2}, {1, 2})}).find("without elements or without known columns"),
              std::string::npos)
        << type;
  }
  Program weight(R"(func.func @f() -> tensor<?x2xf32> {
    %w = r1.weight "w" : tensor<?x2xf32>
    return %w : tensor<?x2xf32>
  })");
  EXPECT_NE(weight.errorOf({}).find("'r1.weight' has a tensor without"), std::string::npos);
}

TEST(Interpreter, NaNReachesTheResult) {
  Program program(R"(func.func @f(%x: tensor<?x2xf32>, %w: tensor<2xf32>) -> tensor<?x2xbf16> {
    %y = r1.rms_norm %x, %w {epsilon = 1.0e-6 : f64} : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xbf16>
    return %y : tensor<?x2xbf16>
  })");
  auto results = program.floatsOf({floats({1, 2}, {NAN, 1}), floats({2}, {1, 1})});
  EXPECT_TRUE(std::isnan(results[0][0]));
  EXPECT_TRUE(std::isnan(results[0][1]));
  EXPECT_FALSE(relativeError(results[0], {1, 1}) <= 1e9) << "NaN is never near anything";
}

} // namespace
} // namespace r1::interpret::test
