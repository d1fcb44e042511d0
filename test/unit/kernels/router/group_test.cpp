// Grouping pairs by expert: ascending experts, ascending pairs, nothing lost; against the reference, with
// none, few and all experts.
#include "kernels/router/reference.h"
#include "test/unit/kernels/support.h"

#include <numeric>

R1_DECLARE_LEVELS(router_group);

namespace r1::test {
namespace {

TEST(RouterGroup, MatchesReference) {
  Random random(71);
  for (const NativeLevel& level : supported(R1_LEVELS(router_group)))
    for (const int64_t experts : {1, 8, 64, 256, 384})
      for (const int64_t tokens : {0, 1, 7, 512}) {
        SCOPED_TRACE(testing::Message() << level.name << " experts " << experts << " tokens " << tokens);
        const int64_t top_k = std::min<int64_t>(experts, 8), pairs = tokens * top_k;
        std::vector<int32_t> ids;
        for (int64_t t = 0; t < tokens; ++t) {
          std::vector<int32_t> order(experts);
          std::iota(order.begin(), order.end(), 0);
          random.shuffle(order);
          ids.insert(ids.end(), order.begin(), order.begin() + top_k);
        }
        std::vector<int32_t> got(group_words(experts, pairs) + 4, -7);
        run(level, "router_group", RouterParams{0, experts, top_k, 1, 1, 0, 0, 0, 0, 1, 0, 0}, {},
            {ids.data(), got.data()}, {tokens, 1, 1}, 1);
        const reference::Groups want = reference::router_group(ids.data(), pairs, experts);
        const int64_t active = int64_t(want.active.size());
        ASSERT_EQ(got[0], active);
        EXPECT_TRUE(std::equal(want.active.begin(), want.active.end(), got.begin() + 1));
        EXPECT_TRUE(std::equal(want.offsets.begin(), want.offsets.end(), got.begin() + 1 + experts));
        EXPECT_TRUE(std::equal(want.pairs.begin(), want.pairs.end(), got.begin() + 2 + 2 * experts));
        for (int64_t i = group_words(experts, pairs); i < int64_t(got.size()); ++i)
          EXPECT_EQ(got[i], -7) << "wrote past the groups";
      }
}

} // namespace
} // namespace r1::test
