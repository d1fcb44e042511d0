// silu(x Wg) * (x Wu): the two products share x and meet element by element, so one kernel keeps both sums in
// registers. Saves writing and reading two activations of the intermediate size, and a launch. Dense layers,
// shared and routed experts alike.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_FUSEGATEUPSILUMUL
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "gate-up-silu-mul";

struct FuseGateUpSiluMul : impl::FuseGateUpSiluMulBase<FuseGateUpSiluMul> {
  void runOnOperation() override {
    SmallVector<ir::SiluMulOp> products;
    getOperation().walk([&](ir::SiluMulOp op) { products.push_back(op); });
    for (ir::SiluMulOp product : products)
      if (!tryFuse<ir::LinearOp>(product))
        tryFuse<ir::ExpertLinearOp>(product);
  }

  // The kernel reads one list of experts for both.
  static bool sameExperts(ir::LinearOp, ir::LinearOp) { return true; }
  static bool sameExperts(ir::ExpertLinearOp gate, ir::ExpertLinearOp up) {
    return gate.getIds() == up.getIds();
  }

  template <typename LinearT> static bool tryFuse(ir::SiluMulOp product) {
    auto gate = product.getGate().getDefiningOp<LinearT>(), up = product.getUp().getDefiningOp<LinearT>();
    if (!gate || !up)
      return false;
    if (gate == up || gate.getX() != up.getX() || gate.getWeight().getType() != up.getWeight().getType() ||
        gate.getType() != up.getType() || !gate->hasOneUse() || !up->hasOneUse() || !sameExperts(gate, up)) {
      missed(product, kName, "gate and up differ in input, experts, type or readers");
      return true;
    }
    passed(product, kName,
           "gate and up stay in registers; their weights are interleaved in blocks of 16 rows");
    fuse({gate, up, product}, kName);
    return true;
  }
};

} // namespace
} // namespace r1::optimize
