// Grouping pairs by expert on CUDA: ascending experts, ascending pairs, nothing lost, under every schedule; against the
// reference, with none, few and all experts, balanced and not.
#include "kernels/router/cuda_group.h"
#include "test/unit/kernels/router/cuda_gates.h"

#include <numeric>

namespace r1::test {
namespace {

template <int64_t kExperts, int64_t kTopK>
using Config = GateConfig<kExperts, kTopK, 1, 1, kNoGroups, false, false, 100, false>;

template <class C, int kThreads>
void check(std::vector<int32_t> ids, const std::vector<CudaRun>& runs = cuda_runs()) {
  const int64_t pairs = int64_t(ids.size()), tokens = pairs / C::top_k;
  const reference::Groups want = reference::router_group(ids.data(), pairs, C::experts);
  for (const CudaRun& run : runs) {
    SCOPED_TRACE(testing::Message() << "experts " << C::experts << " pairs " << pairs << " threads "
                                    << kThreads << " " << run);
    std::vector<int32_t> got(group_words(C::experts, pairs) + 4, -7);
    // Two tiles: a bucket's grid may hold more than one, and only the first works.
    run_cuda<cuda::RouterGroup<C, NoHoles, kThreads>>(run, {ids.data(), got.data()}, {int(tokens), 1, 1}, 2);
    const int64_t active = int64_t(want.active.size());
    ASSERT_EQ(got[0], active);
    EXPECT_TRUE(std::equal(want.active.begin(), want.active.end(), got.begin() + 1));
    EXPECT_TRUE(std::equal(want.offsets.begin(), want.offsets.end(), got.begin() + 1 + C::experts));
    EXPECT_TRUE(std::equal(want.pairs.begin(), want.pairs.end(), got.begin() + 2 + 2 * C::experts));
    for (int64_t i = group_words(C::experts, pairs); i < int64_t(got.size()); ++i)
      EXPECT_EQ(got[i], -7) << "wrote past the groups";
  }
}

// Each token chooses distinct experts, or, skewed, mostly from the first few.
std::vector<int32_t> choices(int64_t tokens, int64_t experts, int64_t top_k, bool skewed = false) {
  Random random(tokens + experts);
  std::vector<int32_t> ids;
  for (int64_t t = 0; t < tokens; ++t) {
    const int64_t among = skewed && t % 7 ? top_k : experts;
    std::vector<int32_t> order(among);
    std::iota(order.begin(), order.end(), 0);
    random.shuffle(order);
    ids.insert(ids.end(), order.begin(), order.begin() + top_k);
  }
  return ids;
}

template <int64_t kExperts, int64_t kTopK> void check_experts() {
  for (const int64_t tokens : {0, 1, 7, 65, 300}) {
    check<Config<kExperts, kTopK>, 1024>(choices(tokens, kExperts, kTopK));
    check<Config<kExperts, kTopK>, 128>(choices(tokens, kExperts, kTopK));
  }
}

TEST(CudaRouterGroup, MatchesReference) {
  check_experts<1, 1>();
  check_experts<8, 8>();
  check_experts<33, 3>();
  check_experts<256, 8>();
  check_experts<384, 8>();
}

TEST(CudaRouterGroup, SkewedChoices) { check<Config<256, 8>, 1024>(choices(257, 256, 8, true)); }

TEST(CudaRouterGroup, ALongPrefill) {
  check<Config<256, 8>, 1024>(choices(4096, 256, 8), {cuda_runs()[0], cuda_runs()[1]});
}

} // namespace
} // namespace r1::test
