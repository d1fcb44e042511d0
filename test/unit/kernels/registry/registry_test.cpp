// Every row of the registry is complete, unique, and describes its parameter struct.
#include "kernels/registry/params.h"
#include "kernels/registry/registry.h"

#include <gtest/gtest.h>
#include <set>
#include <string>

namespace r1::kernels {
namespace {

TEST(Registry, RowsAreUniqueAndComplete) {
  std::set<std::string_view> names;
  for (const Skeleton& s : skeletons()) {
    EXPECT_TRUE(names.insert(s.name).second) << s.name;
    EXPECT_EQ(find_skeleton(s.name), &s);
    EXPECT_FALSE(s.family.empty()) << s.name;
    EXPECT_FALSE(s.params.empty()) << s.name;
    EXPECT_TRUE(s.scratch_bytes || !s.cuda_type.empty()) << s.name << " has no form at all";
    if (!s.scratch_bytes)
      continue;
    const std::vector<int64_t> ones(s.params.size(), 1);
    EXPECT_GE(s.scratch_bytes(ones.data()), 0) << s.name;
  }
  EXPECT_EQ(find_skeleton("gemm"), nullptr);
}

TEST(Registry, GemmRowsMatchTheirStruct) {
  for (const char* name : {"gemm_bf16", "gemm_f8"}) {
    const Skeleton* s = find_skeleton(name);
    ASSERT_NE(s, nullptr);
    EXPECT_EQ(s->params.size() * 8, sizeof(GemmParams));
    EXPECT_EQ(s->params.back().name, "epsilon");
    EXPECT_TRUE(s->params.back().is_double);
  }
  for (const char* name : {"grouped_gemm_bf16", "grouped_gemm_f8"}) {
    const Skeleton* s = find_skeleton(name);
    ASSERT_NE(s, nullptr);
    EXPECT_EQ(s->params.size() * 8, sizeof(GroupedGemmParams));
  }
}

TEST(Registry, EverySkeletonHasACudaFormInItsFamilysFolder) {
  std::set<std::string_view> types;
  for (const Skeleton& s : skeletons()) {
    EXPECT_TRUE(types.insert(s.cuda_type).second) << s.name << " shares " << s.cuda_type;
    EXPECT_FALSE(s.cuda_type.empty()) << s.name;
    EXPECT_EQ(s.cuda_header.substr(0, s.cuda_header.rfind('/')), "kernels/" + std::string(s.family))
        << s.name;
  }
}

TEST(Registry, EachLevelContainsTheWeakerOne) {
  const auto& levels = isa_levels();
  ASSERT_EQ(levels.size(), 4u);
  for (size_t i = 1; i < levels.size(); ++i) {
    const std::set<std::string_view> stronger(levels[i].features.begin(), levels[i].features.end());
    for (std::string_view feature : levels[i - 1].features)
      EXPECT_TRUE(stronger.count(feature)) << levels[i].name << " lacks " << feature;
    EXPECT_GT(levels[i].features.size(), levels[i - 1].features.size());
  }
}

} // namespace
} // namespace r1::kernels
