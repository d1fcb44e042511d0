// UTF-8 as the whole of runtime/text sees it: bytes that are not UTF-8 count as U+FFFD, one for each longest beginning of a
// character (the practice that the Unicode standard recommends, and that Python and Rust follow).
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace r1::text {

struct Decoded {
  uint32_t code;  // U+FFFD where not valid
  uint8_t length; // bytes; 1 to 4
  bool valid;
  bool incomplete; // not valid, but the text ended before anything was wrong
};

// The character at `pos`, which lies before the end.
Decoded decode_utf8(std::string_view text, size_t pos);

bool is_utf8(std::string_view text);
// `text` with U+FFFD in place of what is not UTF-8.
std::string to_valid_utf8(std::string_view text);
void append_utf8(std::string& out, uint32_t code);

// Number of characters, and the byte at which character `index` begins (size() past the end). For valid UTF-8.
size_t count_characters(std::string_view text);
size_t byte_of_character(std::string_view text, size_t index);

// Unicode's White_Space.
bool is_space(uint32_t code);

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

} // namespace r1::text
