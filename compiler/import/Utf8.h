// UTF-8 that is known to be valid: nlohmann::json refuses other texts, and llvm::isLegalUTF8String is asked about files.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace r1::compiler {

// The character that begins at `pos`; moves `pos` behind it.
inline uint32_t nextCodePoint(std::string_view text, size_t& pos) {
  auto lead = static_cast<uint8_t>(text[pos++]);
  int more = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
  uint32_t code = more ? lead & (0x3Fu >> more) : lead;
  for (; more > 0 && pos < text.size(); --more)
    code = code << 6 | (static_cast<uint8_t>(text[pos++]) & 0x3Fu);
  return code;
}

inline void appendUtf8(std::string& out, uint32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
    return;
  }
  int more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
  out += static_cast<char>((0xFF00u >> (more + 1) & 0xFFu) | code >> (6 * more));
  while (more-- > 0)
    out += static_cast<char>(0x80u | (code >> (6 * more) & 0x3Fu));
}

// At most `most` bytes of `text` for a message, not cut inside a character.
inline std::string excerpt(std::string_view text, size_t most = 60) {
  if (text.size() <= most)
    return std::string(text);
  while (most > 0 && (static_cast<uint8_t>(text[most]) & 0xC0) == 0x80)
    --most;
  return std::string(text.substr(0, most)) + "...";
}

} // namespace r1::compiler
