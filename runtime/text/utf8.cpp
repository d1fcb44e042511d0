#include "runtime/text/utf8.h"

namespace r1::text {

Decoded decode_utf8(std::string_view text, size_t pos) {
  auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = at(pos);
  if (lead < 0x80)
    return {lead, 1, true, false};
  int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4)
    return {0xFFFD, 1, false, false};
  uint32_t code = lead & (0x3F >> more);
  for (int i = 1; i <= more; ++i) {
    if (pos + i >= text.size())
      return {0xFFFD, static_cast<uint8_t>(i), false, true};
    const uint8_t byte = at(pos + i);
    // The second byte is narrower than 80..BF where longer forms, surrogates or code points above 10FFFF would begin.
    const uint8_t low = i == 1 ? (lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80) : 0x80;
    const uint8_t high = i == 1 ? (lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF) : 0xBF;
    if (byte < low || byte > high)
      return {0xFFFD, static_cast<uint8_t>(i), false, false};
    code = code << 6 | (byte & 0x3F);
  }
  return {code, static_cast<uint8_t>(more + 1), true, false};
}

bool is_utf8(std::string_view text) {
  for (size_t pos = 0; pos < text.size();) {
    const Decoded decoded = decode_utf8(text, pos);
    if (!decoded.valid)
      return false;
    pos += decoded.length;
  }
  return true;
}

std::string to_valid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t pos = 0; pos < text.size();) {
    const Decoded decoded = decode_utf8(text, pos);
    out += decoded.valid ? text.substr(pos, decoded.length) : kReplacement;
    pos += decoded.length;
  }
  return out;
}

void append_utf8(std::string& out, uint32_t code) {
  auto put = [&](uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6);
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    if (code >= 0xD800 && code < 0xE000) {
      out += kReplacement;
      return;
    }
    put(0xE0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else if (code <= 0x10FFFF) {
    put(0xF0 | code >> 18);
    put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    out += kReplacement;
  }
}

size_t count_characters(std::string_view text) {
  size_t count = 0;
  for (char c : text)
    count += (static_cast<uint8_t>(c) & 0xC0) != 0x80;
  return count;
}

size_t byte_of_character(std::string_view text, size_t index) {
  size_t pos = 0;
  for (; pos < text.size(); ++pos) {
    if ((static_cast<uint8_t>(text[pos]) & 0xC0) == 0x80)
      continue;
    if (index-- == 0)
      break;
  }
  return pos;
}

bool is_space(uint32_t code) {
  return (code >= 9 && code <= 13) || code == 0x20 || code == 0x85 || code == 0xA0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 || code == 0x202F ||
         code == 0x205F || code == 0x3000;
}

} // namespace r1::text
