// Logits and choice of one token in one tile. Worth it while the router's weight is small: the fused kernel
// reads all of it on one thread for each token, the split one spreads blocks of experts over threads.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_FUSEROUTERTOPK
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "router-topk";
// At 15 GB/s a thread reads this in 70 us; a launch costs a few. Above it a step of one token is better
// split.
constexpr int64_t kMaxWeightBytes = 1 << 20;
// On a GPU one block, a hundredth of the machine, would read it for each token.
constexpr int64_t kMaxWeightBytesOfBlock = 1 << 17;

struct FuseRouterTopk : impl::FuseRouterTopkBase<FuseRouterTopk> {
  void runOnOperation() override {
    SmallVector<ir::RouterGateOp> gates;
    getOperation().walk([&](ir::RouterGateOp op) { gates.push_back(op); });
    for (ir::RouterGateOp gate : gates) {
      auto logits = gate.getLogits().getDefiningOp<ir::RouterLogitsOp>();
      if (!logits || !logits->hasOneUse()) {
        missed(gate, kName, "the logits are not computed for this choice alone");
        continue;
      }
      auto weight = cast<RankedTensorType>(logits.getWeight().getType());
      int64_t bytes = weight.getNumElements() * weight.getElementTypeBitWidth() / 8;
      if (machineOf(getOperation()) == Machine::Cuda && bytes > kMaxWeightBytesOfBlock) {
        missed(gate, kName,
               "one block would read all " + Twine(bytes) + " bytes of router weight for each token; limit " +
                   Twine(kMaxWeightBytesOfBlock));
        continue;
      }
      if (entryKind(getOperation()) == "decode" && bytes > kMaxWeightBytes) {
        missed(gate, kName,
               "one token would read all " + Twine(bytes) + " bytes of router weight on one thread; limit " +
                   Twine(kMaxWeightBytes));
        continue;
      }
      passed(gate, kName, "logits of " + Twine(weight.getDimSize(0)) + " experts never leave the kernel");
      fuse({logits, gate}, kName);
    }
  }
};

} // namespace
} // namespace r1::optimize
