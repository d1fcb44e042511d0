// prune-unread-rows leaves every bit of the rows that are wanted, and of the cache.
#include "test/unit/compiler/optimize/Alone.h"

namespace r1::optimize::test {
namespace {

TEST(PruneUnreadRows, SameBits) { expectSameBits("prune-unread-rows"); }

// The rows that are wanted have the bits they had, whichever they are and whatever comes after them; the cache is filled as it was.
TEST(PruneUnreadRows, SameBitsForSomeRows) {
  const std::vector<std::vector<int32_t>> wanted = {{6}, {}, {0, 3, 6}};
  for (const auto& [what, text] : models()) {
    Listening listening;
    TinyModel& model = Baseline::of(text).model;
    std::vector<std::vector<float>> logits[2];
    for (bool pruned : {false, true}) {
      auto module = model.import(listening.context);
      if (pruned)
        runFusion(*module, "prune-unread-rows");
      logits[pruned] = model.chosenLogits(*module, 7, wanted);
    }
    EXPECT_EQ(logits[0], logits[1]) << what;
  }
}

TEST(PruneUnreadRows, LeavesWhatTheCacheNeedsWhole) {
  Alone run(tinyR1(), "prune-unread-rows", false);
  // q_a, q_b, o, three routed and three shared projections of the last layer.
  EXPECT_EQ(run.listening.count(true, "prune-unread-rows", "prefill", "9 linear layers compute the rows"), 1);
  EXPECT_EQ(run.listening.count(false, "prune-unread-rows", "decode", "every token of such a step"), 1);
  EXPECT_EQ(countOf<ir::GatherRowsOp>(*run.module, "prefill"),
            2); // the last layer's input, and the rotation's table
  int withRows = 0;
  run.module->lookupSymbol<mlir::func::FuncOp>("prefill").walk(
      [&](ir::AttentionOp op) { withRows += static_cast<bool>(op.getRows()); });
  EXPECT_EQ(withRows, 1);
}

} // namespace
} // namespace r1::optimize::test
