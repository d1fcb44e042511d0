// Decode reads the cache once for all heads instead of expanding keys and values of every head: with L cached
// tokens the plain form needs L * heads * (nope + v) * kv_lora multiply-adds just to expand, the absorbed
// form none. (DeepSeek-V2, arXiv 2405.04434, 2.1.2.)
#include "compiler/optimize/Fusion.h"
#include "compiler/optimize/Passes.h"

namespace r1::optimize {
#define GEN_PASS_DEF_ABSORBKVB
#include "compiler/optimize/Passes.h.inc"

using namespace mlir;

namespace {

constexpr StringLiteral kName = "absorb-kv-b";

struct AbsorbKvB : impl::AbsorbKvBBase<AbsorbKvB> {
  void runOnOperation() override {
    SmallVector<ir::AttentionOp> found;
    getOperation().walk([&](ir::AttentionOp op) { found.push_back(op); });
    for (ir::AttentionOp op : found) {
      if (entryKind(getOperation()) == "prefill")
        missed(op, kName,
               "many queries share the keys in prefill: expanding them once costs fewer operations");
      else if (op.getRows())
        missed(op, kName, "the queries are of some tokens only");
      else
        absorb(op);
    }
  }

  // %o = r1.attention %q, %kv_b, %cache
  // -->
  // %a = r1.absorb_query %q, %kv_b ; %l = r1.latent_attention %a, %q, %cache ; %o = r1.expand_value %l, %kv_b
  static void absorb(ir::AttentionOp op) {
    OpBuilder builder(op);
    Location loc = op.getLoc();
    auto type = cast<RankedTensorType>(op.getType());
    ir::CacheType cache = op.getCache().getType();
    int64_t heads = op.getHeads();
    auto latent =
        RankedTensorType::get({type.getDimSize(0), heads * cache.getKvLora()}, type.getElementType());
    Value query = ir::AbsorbQueryOp::create(builder, loc, latent, op.getQ(), op.getKvB(), op.getKvBScale(),
                                            heads, op.getNope(), cache.getRope(), op.getV());
    Value attended =
        ir::LatentAttentionOp::create(builder, loc, latent, query, op.getQ(), op.getCache(),
                                      op.getPositions(), op.getLayer(), heads, op.getNope(), op.getScale());
    Value output = ir::ExpandValueOp::create(builder, loc, type, attended, op.getKvB(), op.getKvBScale(),
                                             heads, op.getNope(), op.getV());
    passed(op, kName,
           "attention over " + Twine(cache.getKvLora() + cache.getRope()) +
               " cached elements a token for all " + Twine(heads) + " heads");
    op.replaceAllUsesWith(output);
    op.erase();
  }
};

} // namespace
} // namespace r1::optimize
