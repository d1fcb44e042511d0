// What selection may assume after phase optimize: bf16 where matrix units and the cache read, float where the
// router reads, caches one behind the other.
#include "test/unit/compiler/optimize/Support.h"

namespace r1::optimize::test {
namespace {

using namespace r1::interpret::test;

// The message of r1-verify-optimized; empty if it passes.
std::string verdict(mlir::ModuleOp module) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(module.getContext(), [&](mlir::Diagnostic& diagnostic) {
    message += diagnostic.str();
    return mlir::success();
  });
  mlir::PassManager manager(module.getContext());
  manager.addNestedPass<mlir::func::FuncOp>(createVerifyOptimized());
  bool passed = mlir::succeeded(manager.run(module));
  EXPECT_EQ(passed, message.empty());
  return message;
}

TEST(Bf16Activations, RoundsWhatMatrixUnitsAndTheCacheRead) {
  for (const json& text : {tinyR1(), moonlight(), tinyV2(), oddSizes()}) {
    mlir::MLIRContext context;
    TinyModel model(text);
    auto module = model.import(context, /*withMtp=*/true);
    EXPECT_NE(verdict(*module).find("run r1-bf16-activations"), std::string::npos);
    roundActivations(*module);
    EXPECT_EQ(verdict(*module), "");
    module->walk([&](ir::CacheAppendOp op) {
      EXPECT_TRUE(op.getLatent().getType().getElementType().isBF16());
      EXPECT_TRUE(op.getKey().getType().getElementType().isBF16());
    });
  }
}

// A latent that is read elsewhere too keeps its floats there.
TEST(Bf16Activations, RoundsASharedLatentOnTheWayIntoTheCache) {
  mlir::MLIRContext context;
  auto module = parse(context, R"(!c = !r1.cache<layers = 1, kv_lora = 2, rope = 2>
    func.func @decode(%x: tensor<?x2xf32>, %p: tensor<?xi32>, %c: !c) -> (tensor<?x2xf32>, !c) {
      %w = r1.weight "w" : tensor<2xf32>
      %n = r1.rms_norm %x, %w {epsilon = 1.0e-6 : f64} : (tensor<?x2xf32>, tensor<2xf32>) -> tensor<?x2xf32>
      %c1 = r1.cache_append %c, %n, %x, %p {layer = 0} : (!c, tensor<?x2xf32>, tensor<?x2xf32>, tensor<?xi32>) -> !c
      return %n, %c1 : tensor<?x2xf32>, !c
    })");
  roundActivations(*module);
  EXPECT_EQ(verdict(*module), "");
  EXPECT_EQ(countOf<ir::CastOp>(*module, "decode"), 2);
}

TEST(VerifyOptimized, TheRouterReadsFloats) {
  mlir::MLIRContext context;
  auto module = parse(context, R"(func.func @decode(%x: tensor<?x8xbf16>) -> tensor<?x4xf32> {
    %w = r1.weight "w" : tensor<4x8xf32>
    %l = r1.router_logits %x, %w : (tensor<?x8xbf16>, tensor<4x8xf32>) -> tensor<?x4xf32>
    return %l : tensor<?x4xf32>
  })");
  EXPECT_NE(verdict(*module).find("the router reads f32"), std::string::npos);
}

TEST(VerifyOptimized, TwoAppendsToOneCacheValueAreRefused) {
  mlir::MLIRContext context;
  auto module = parse(context, R"(!c = !r1.cache<layers = 2, kv_lora = 2, rope = 2>
    func.func @decode(%x: tensor<?x2xbf16>, %p: tensor<?xi32>, %c: !c) -> (!c, !c) {
      %c0 = r1.cache_append %c, %x, %x, %p {layer = 0} : (!c, tensor<?x2xbf16>, tensor<?x2xbf16>, tensor<?xi32>) -> !c
      %c1 = r1.cache_append %c0, %x, %x, %p {layer = 0} : (!c, tensor<?x2xbf16>, tensor<?x2xbf16>, tensor<?xi32>) -> !c
      %c2 = r1.fused ["f"] (%c0, %x, %p) : (!c, tensor<?x2xbf16>, tensor<?xi32>) -> !c {
      ^bb0(%d: !c, %y: tensor<?x2xbf16>, %q: tensor<?xi32>):
        %d1 = r1.cache_append %d, %y, %y, %q {layer = 1} : (!c, tensor<?x2xbf16>, tensor<?x2xbf16>, tensor<?xi32>) -> !c
        r1.yield %d1 : !c
      }
      return %c1, %c2 : !c, !c
    })");
  EXPECT_NE(verdict(*module).find("another operation also appends to"), std::string::npos);
}

} // namespace
} // namespace r1::optimize::test
