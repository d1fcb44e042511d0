// Values print, compare and become JSON as Python's do (value, value_json), and texts are cut as Python cuts them (template_text).
#include "runtime/text/template_text.h"
#include "runtime/text/value.h"

#include <gtest/gtest.h>

#include <cmath>

namespace r1::text {
namespace {

TEST(Value, RealsPrintAsPythonPrintsThem) {
  const std::pair<double, const char*> cases[] = {{1, "1.0"},
                                                  {0.1, "0.1"},
                                                  {1e16, "1e+16"},
                                                  {1e15, "1000000000000000.0"},
                                                  {123456.789, "123456.789"},
                                                  {1e-5, "1e-05"},
                                                  {0.0001, "0.0001"},
                                                  {-2.5e-7, "-2.5e-07"},
                                                  {1e300, "1e+300"},
                                                  {0.0, "0.0"}};
  for (const auto& [value, text] : cases)
    EXPECT_EQ(real_to_text(value), text);
  EXPECT_EQ(real_to_text(std::nan("")), "nan");
}

TEST(Value, JsonComesBackAndKeepsItsOrder) {
  const std::string text = R"({"b": [1, -2.5, true, null, "q\"\\\n\u2028é"], "a": {}, "c": []})";
  const std::optional<Value> value = parse_json(text);
  ASSERT_TRUE(value);
  const std::optional<std::string> back = to_json(*value, JsonStyle{});
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, "{\"b\": [1, -2.5, true, null, \"q\\\"\\\\\\n\u2028\u00E9\"], \"a\": {}, \"c\": []}");
  JsonStyle indented;
  indented.indent = "  ";
  indented.item_separator = ",";
  EXPECT_EQ(to_json(*parse_json("[1,{\"k\":[]}]"), indented), "[\n  1,\n  {\n    \"k\": []\n  }\n]");
}

TEST(Value, WrongJsonIsRefused) {
  for (const char* text : {"", "[1,]", "{\"a\"}", "01", "1.", "\"\\x\"", "nul", "[1] 2", "\"\n\""})
    EXPECT_FALSE(parse_json(text)) << text;
  EXPECT_FALSE(parse_json(std::string(100000, '[')));
}

TEST(Value, UndefinedIsNoJsonAndNestingIsBounded) {
  EXPECT_FALSE(to_json(Value(), JsonStyle{}));
  Value deep = Value::list({});
  for (int i = 0; i < kMaxValueDepth + 10; ++i)
    deep = Value::list({deep});
  EXPECT_FALSE(to_json(deep, JsonStyle{}));
  EXPECT_NE(to_repr(deep).find("..."), std::string::npos);
}

TEST(Value, TextsAreCutAsPythonCutsThem) {
  using Parts = std::vector<std::string_view>;
  EXPECT_EQ(split_text("a,b,c", ",", 1, false), (Parts{"a", "b,c"}));
  EXPECT_EQ(split_text("a,b,c", ",", 1, true), (Parts{"a,b", "c"}));
  EXPECT_EQ(split_text("  a  b ", std::nullopt, -1, false), (Parts{"a", "b"}));
  EXPECT_EQ(split_text(" a b  c", std::nullopt, 1, true), (Parts{"a b", "c"}));
  EXPECT_EQ(strip("\u3000 x\x1C", std::nullopt, true, true), "x");
  EXPECT_EQ(split_lines("a\r\nb\u2028c\n", false), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(replace("ab", "", ".", -1, 100), ".a.b.");
  EXPECT_FALSE(replace(std::string(100, 'a'), "a", std::string(100, 'b'), -1, 500));
}

} // namespace
} // namespace r1::text
