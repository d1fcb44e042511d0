// BLAKE2b-256, against the digest of "abc" that any other implementation gives, in one piece or many.
#include "runtime/base/hash.h"

#include <cstdio>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace r1 {
namespace {

std::string hex(const HashBytes& h) {
  std::string out;
  char two[3];
  for (uint8_t b : h) {
    snprintf(two, sizeof two, "%02x", b);
    out += two;
  }
  return out;
}

TEST(Hash, KnownDigest) {
  const uint8_t abc[] = {'a', 'b', 'c'};
  EXPECT_EQ(hex(hash(abc)), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(Hash, PiecesDoNotMatter) {
  std::vector<uint8_t> bytes(100'000);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = uint8_t(i * 7);
  for (size_t piece : {1, 127, 128, 129, 65536}) {
    Hasher hasher;
    for (size_t at = 0; at < bytes.size(); at += piece)
      hasher.add(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)));
    EXPECT_EQ(hasher.finish(), hash(bytes));
  }
}

} // namespace
} // namespace r1
