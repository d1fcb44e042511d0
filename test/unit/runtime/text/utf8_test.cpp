// UTF-8: what is valid, and that each longest beginning of a character becomes one U+FFFD.
#include "runtime/text/utf8.h"

#include <gtest/gtest.h>

namespace r1::text {
namespace {

TEST(Utf8, InvalidBytesBecomeOneReplacementForEachLongestBeginning) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a\xE4\xBD\xA0z", "a\xE4\xBD\xA0z"},
      {"\xF0\x9F\x98", "\uFFFD"}, // cut short: one
      {"\xF0\x9F\x98z", "\uFFFDz"},
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"}, // a surrogate: its second byte is already wrong
      {"\xC0\xAF", "\uFFFD\uFFFD"},           // an overlong slash
      {"\xF5\x80", "\uFFFD\uFFFD"},
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
      {"\x80z\xFF", "\uFFFDz\uFFFD"},
  };
  for (const auto& [bytes, expected] : cases) {
    EXPECT_EQ(to_valid_utf8(bytes), expected);
    EXPECT_EQ(is_utf8(bytes), bytes == expected);
    EXPECT_TRUE(is_utf8(to_valid_utf8(bytes)));
  }
}

TEST(Utf8, EveryCodePointComesBack) {
  for (uint32_t code = 0; code <= 0x10FFFF; ++code) {
    if (code >= 0xD800 && code < 0xE000)
      continue;
    std::string text;
    append_utf8(text, code);
    const Decoded decoded = decode_utf8(text, 0);
    ASSERT_TRUE(decoded.valid) << code;
    ASSERT_EQ(decoded.code, code);
    ASSERT_EQ(decoded.length, text.size());
  }
}

TEST(Utf8, CountsCharactersNotBytes) {
  const std::string_view text = "h\u00E9\U0001F600!";
  EXPECT_EQ(count_characters(text), 4u);
  EXPECT_EQ(byte_of_character(text, 2), 3u);
  EXPECT_EQ(byte_of_character(text, 9), text.size());
}

} // namespace
} // namespace r1::text
