// However a text is cut into pieces, the filter releases the same text and finds the same string.
#include "runtime/text/text_filter.h"

#include <gtest/gtest.h>
#include <random>

namespace r1 {
namespace {

TEST(TextFilter, HoldsBackOnlyWhatMayMatch) {
  TextFilter f({"STOP"});
  EXPECT_EQ(f.add("abc").text, "abc");
  EXPECT_EQ(f.add("dST").text, "d");
  EXPECT_EQ(f.add("x").text, "STx");
  EXPECT_EQ(f.add("yST").text, "y");
  EXPECT_EQ(f.flush().text, "ST");
}

TEST(TextFilter, WhatFollowsAMatchComesNext) {
  TextFilter f({"</think>"});
  auto found = f.add("a</think>b");
  EXPECT_EQ(found.text, "a");
  EXPECT_EQ(found.match, 0);
  EXPECT_EQ(f.add("").text, "b");
}

TEST(TextFilter, AnyCutGivesTheSame) {
  std::mt19937 rng(3);
  for (int round = 0; round < 5000; ++round) {
    std::vector<std::string> strings;
    for (int i = 0; i < 1 + int(rng() % 3); ++i) {
      std::string s;
      for (int k = 0; k < 1 + int(rng() % 4); ++k)
        s += char('a' + rng() % 2);
      strings.push_back(s);
    }
    std::string text;
    for (int k = 0; k < int(rng() % 20); ++k)
      text += char('a' + rng() % 3);
    size_t first = text.size(); // where the earliest match begins
    for (const std::string& s : strings)
      first = std::min(first, text.find(s));
    TextFilter f(strings);
    std::string released;
    bool matched = false;
    for (size_t at = 0; at < text.size() && !matched;) {
      size_t length = 1 + rng() % 3;
      auto found = f.add(std::string_view(text).substr(at, length));
      released += found.text;
      matched = found.match >= 0;
      at += length;
    }
    if (!matched) {
      auto found = f.flush();
      released += found.text;
      matched = found.match >= 0;
    }
    EXPECT_EQ(matched, first < text.size());
    EXPECT_EQ(released, text.substr(0, first));
  }
}

} // namespace
} // namespace r1
