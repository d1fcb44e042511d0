// Patterns mean what Oniguruma means by them (RegexParser, CodePointSet), or are refused by name (TextError).
#include "TextFixture.h"
#include "compiler/import/CodePointSet.h"
#include "compiler/import/RegexCompiler.h"
#include "runtime/text/regex.h"

namespace r1::compiler {
namespace {

std::string refused(const std::string& pattern) {
  auto regex = compileRegex(pattern);
  return regex ? "" : llvm::toString(regex.takeError());
}

// The matches of `pattern` in `text`, with '|' between.
std::string matches(const std::string& pattern, const std::string& text) {
  auto compiled = compileRegex(pattern);
  if (!compiled)
    return llvm::toString(compiled.takeError());
  flatbuffers::FlatBufferBuilder builder;
  builder.Finish(artifact::Regex::Pack(builder, compiled->get()));
  auto regex = text::Regex::open(flatbuffers::GetRoot<artifact::Regex>(builder.GetBufferPointer()));
  if (!regex)
    return regex.status().message();
  text::RegexScratch scratch;
  scratch.set_budget(text.size());
  text::RegexMatches all(*regex, text, scratch);
  std::string out;
  for (auto match = all.next(); match.ok() && match->found; match = all.next())
    out += (out.empty() ? "" : "|") + text.substr(match->begin, match->end - match->begin);
  return out;
}

TEST(RegexCompiler, PrefersAsBacktrackingDoes) {
  EXPECT_EQ(matches("a|ab", "abab"), "a|a");
  EXPECT_EQ(matches("(?:ab|a)+", "abaab"), "abaab");
  EXPECT_EQ(matches("a+?", "aa"), "a|a");
  EXPECT_EQ(matches("\\p{N}{1,3}", "1234567"), "123|456|7");
  EXPECT_EQ(matches("x{,2}y", "xxxy"), "xxy");
  EXPECT_EQ(matches("\\s+(?!\\S)|\\s+", "a   b  "), "  | |  ");
  EXPECT_EQ(matches("(?<=a)b|(?<!a)c", "ab bc ac c"), "b|c|c");
}

TEST(RegexCompiler, FollowsOnigurumaWherePerlDiffers) {
  EXPECT_EQ(matches("\\s+$", "a \nb  "), " |  "); // $ is the end of a line
  EXPECT_EQ(matches("^b", "a\nb"), "b");
  EXPECT_EQ(matches("\\h+", "xafz"), "af");            // a hex digit
  EXPECT_EQ(matches("\\s", "\u180E\u00A0"), "\u00A0"); // U+180E is no space
  EXPECT_EQ(matches("[a-z&&[^b]]+", "abc"), "a|c");
  EXPECT_EQ(matches("(?m:.)+", "a\nb"), "a\nb");
  EXPECT_EQ(matches("\\p{^L}+", "a12b"), "12");
}

TEST(RegexCompiler, IgnoringCaseKnowsTheLongS) {
  EXPECT_EQ(matches("(?i:'s|'re)", "'S 'RE '\u017F 'x"), "'S|'RE|'\u017F");
  EXPECT_EQ(matches("(?i)k", "\u212A"), "\u212A");
  EXPECT_NE(refused("(?i:ss)"), "");
}

TEST(RegexCompiler, WhatCannotBeRunIsRefusedByName) {
  EXPECT_NE(refused("(a)\\1").find("the escape '\\1'"), std::string::npos);
  EXPECT_NE(refused("a++").find("a possessive quantifier"), std::string::npos);
  EXPECT_NE(refused("(?>a)").find("an atomic group"), std::string::npos);
  EXPECT_NE(refused("(?=ab)").find("a lookaround wider than one character"), std::string::npos);
  EXPECT_NE(refused("\\p{Klingon}").find("the property \\p{Klingon}"), std::string::npos);
  EXPECT_NE(refused("(a").find("not closed"), std::string::npos);
  EXPECT_NE(refused("[a").find("not closed"), std::string::npos);
  EXPECT_NE(refused("a)"), "");
  EXPECT_NE(refused("*"), "");
  EXPECT_NE(refused("(?:(?:a{1000}){1000}){1000}"), "");
  EXPECT_NE(refused("(?:(?:(?:){1000}){1000}){1000}"), "");
  EXPECT_NE(refused(std::string(100000, '(')), "");
  EXPECT_NE(refused(std::string(10000, '(')), "");
}

TEST(RegexCompiler, HostilePatternsRunInLinearTime) {
  EXPECT_EQ(matches("(?:a|a)*b", std::string(100000, 'a')), "");
  EXPECT_EQ(matches("(?:a*)*b", std::string(100000, 'a')), "");
}

TEST(CodePointSet, ComplementAndUnionAreExact) {
  CodePointSet set = CodePointSet::of(10, 20);
  set.add(21, 30);
  set.add(40, 40);
  set.add(5, 12);
  ASSERT_EQ(set.ranges().size(), 2u);
  EXPECT_EQ(set.ranges()[0].first, 5u);
  EXPECT_EQ(set.ranges()[0].last, 30u);
  for (uint32_t code : {0u, 4u, 31u, 39u, 41u, kLastCodePoint})
    EXPECT_TRUE(set.complement().contains(code) && !set.contains(code)) << code;
  EXPECT_TRUE(CodePointSet::of(0, kLastCodePoint).complement().empty());
  EXPECT_TRUE(propertySet("L")->contains(0x323AF)); // a letter since Unicode 15
}

} // namespace
} // namespace r1::compiler
