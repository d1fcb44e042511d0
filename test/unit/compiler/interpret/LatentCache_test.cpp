// The cache stores by layer, slot and position, and finds uses whose order is not their data flow.
#include "compiler/interpret/LatentCache.h"
#include <gtest/gtest.h>

namespace r1::interpret {
namespace {

TEST(LatentCache, KeepsLayersAndSlotsApart) {
  LatentCache cache(2, 1, 2, 2);
  float latent = 7, key[] = {8, 9};
  auto after = cache.append(cache.now(), 1, {{1, 0, &latent, key}});
  ASSERT_TRUE(bool(after)) << toString(after.takeError());
  auto found = cache.read(*after, 1, 1, 1);
  ASSERT_TRUE(bool(found)) << toString(found.takeError());
  EXPECT_EQ(found->latents[0], 7);
  EXPECT_EQ(found->keys[1], 9);
  for (auto [layer, slot, length] :
       {std::array{0, 1, 1}, std::array{1, 0, 1}, std::array{1, 1, 2}, std::array{1, 2, 1}}) {
    auto absent = cache.read(*after, layer, slot, length);
    EXPECT_FALSE(bool(absent));
    consumeError(absent.takeError());
  }
}

TEST(LatentCache, TwoAppendsToOneValueAreAnError) {
  LatentCache cache(2, 1, 1, 1);
  float x = 1;
  CacheValue before = cache.now();
  auto first = cache.append(before, 0, {{0, 0, &x, &x}});
  ASSERT_TRUE(bool(first)) << toString(first.takeError());
  auto second = cache.append(before, 1, {{0, 0, &x, &x}});
  ASSERT_FALSE(bool(second));
  EXPECT_NE(toString(second.takeError()).find("another operation appended to before"), std::string::npos);
}

TEST(LatentCache, ReadingWhatWasOverwrittenSinceIsAnError) {
  LatentCache cache(2, 1, 1, 1);
  float x = 1;
  auto first = cache.append(cache.now(), 0, {{0, 0, &x, &x}});
  ASSERT_TRUE(bool(first)) << toString(first.takeError());
  auto otherLayer = cache.append(*first, 1, {{0, 0, &x, &x}});
  ASSERT_TRUE(bool(otherLayer)) << toString(otherLayer.takeError());
  auto fine = cache.read(*first, 0, 0, 1);
  EXPECT_TRUE(bool(fine)) << toString(fine.takeError());
  auto sameLayer = cache.append(*otherLayer, 0, {{0, 1, &x, &x}});
  ASSERT_TRUE(bool(sameLayer)) << toString(sameLayer.takeError());
  auto stale = cache.read(*first, 0, 0, 1);
  ASSERT_FALSE(bool(stale));
  EXPECT_NE(toString(stale.takeError()).find("was appended to since"), std::string::npos);
}

TEST(LatentCache, ARefusedAppendStoresNothing) {
  LatentCache cache(1, 1, 1, 1);
  float x = 1;
  for (int64_t position : {int64_t{-1}, LatentCache::kMaxPosition + 1}) {
    auto refused = cache.append(cache.now(), 0, {{0, 0, &x, &x}, {0, position, &x, &x}});
    ASSERT_FALSE(bool(refused));
    EXPECT_NE(toString(refused.takeError()).find("position"), std::string::npos);
  }
  auto nothing = cache.read(cache.now(), 0, 0, 1);
  EXPECT_FALSE(bool(nothing));
  consumeError(nothing.takeError());
}

} // namespace
} // namespace r1::interpret
