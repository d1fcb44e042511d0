// What a token leaves in the cache, in one kernel: RMS norm of its latent, rotation of its key, and the store
// into its page. Three small row operations become one launch, and the normalised latent is never written
// anywhere else.
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_FUSEROPECACHEWRITE
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "rope-cache-write";

struct FuseRopeCacheWrite : impl::FuseRopeCacheWriteBase<FuseRopeCacheWrite> {
  void runOnOperation() override {
    SmallVector<ir::CacheAppendOp> appends;
    getOperation().walk([&](ir::CacheAppendOp op) { appends.push_back(op); });
    for (ir::CacheAppendOp append : appends) {
      auto norm = append.getLatent().getDefiningOp<ir::RmsNormOp>();
      auto rope = append.getKey().getDefiningOp<ir::RopeOp>();
      if (!norm || !rope || !norm->hasOneUse() || !rope->hasOneUse()) {
        missed(append, kName, "the latent is not a norm, or the key not a rotation, read by the cache alone");
        continue;
      }
      passed(append, kName, "the normalised latent and the rotated key exist only in the cache");
      fuse({norm, rope, append}, kName);
    }
  }
};

} // namespace
} // namespace r1::optimize
