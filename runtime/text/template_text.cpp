#include "runtime/text/template_text.h"

#include "runtime/text/utf8.h"

#include <algorithm>

namespace r1::text {
namespace {

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

size_t character_before(std::string_view text, size_t pos) {
  do
    --pos;
  while (pos > 0 && (static_cast<uint8_t>(text[pos]) & 0xC0) == 0x80);
  return pos;
}

// White-space separated words, the last one (or, from the right, the first) with all the rest once `most` are cut off.
std::vector<std::string_view> split_words(std::string_view text, int64_t most, bool from_right) {
  std::vector<std::string_view> parts;
  while (true) {
    text = strip(text, std::nullopt, true, true);
    if (text.empty())
      break;
    if (most >= 0 && static_cast<int64_t>(parts.size()) == most) {
      parts.push_back(text);
      break;
    }
    if (!from_right) {
      size_t end = 0;
      while (end < text.size() && !is_python_space(decode_utf8(text, end).code))
        end += decode_utf8(text, end).length;
      parts.push_back(text.substr(0, end));
      text.remove_prefix(end);
    } else {
      size_t begin = text.size();
      while (begin > 0 && !is_python_space(decode_utf8(text, character_before(text, begin)).code))
        begin = character_before(text, begin);
      parts.push_back(text.substr(begin));
      text = text.substr(0, begin);
    }
  }
  return parts;
}

} // namespace

bool is_python_space(uint32_t code) { return is_space(code) || (code >= 0x1C && code <= 0x1F); }

std::string to_upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), upper);
  return out;
}

std::string to_lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

std::string to_capitalized(std::string_view text) {
  std::string out = to_lower(text);
  if (!out.empty())
    out[0] = upper(out[0]);
  return out;
}

std::string to_title(std::string_view text) {
  std::string out = to_lower(text);
  bool inside = false;
  for (char& c : out) {
    const bool letter = lower(c) >= 'a' && lower(c) <= 'z';
    if (!inside)
      c = upper(c);
    inside = letter;
  }
  return out;
}

std::string_view strip(std::string_view text, std::optional<std::string_view> characters, bool left,
                       bool right) {
  auto goes = [&](size_t pos) {
    const Decoded decoded = decode_utf8(text, pos);
    if (!characters)
      return is_python_space(decoded.code);
    return characters->find(text.substr(pos, decoded.length)) != std::string_view::npos;
  };
  while (left && !text.empty() && goes(0))
    text.remove_prefix(decode_utf8(text, 0).length);
  while (right && !text.empty()) {
    const size_t last = character_before(text, text.size());
    if (!goes(last))
      break;
    text = text.substr(0, last);
  }
  return text;
}

std::vector<std::string_view> split_text(std::string_view text, std::optional<std::string_view> separator,
                                         int64_t most, bool from_right) {
  std::vector<std::string_view> parts;
  if (!separator) {
    parts = split_words(text, most, from_right);
  } else {
    while (most < 0 || static_cast<int64_t>(parts.size()) < most) {
      const size_t at = from_right ? text.rfind(*separator) : text.find(*separator);
      if (at == std::string_view::npos)
        break;
      parts.push_back(from_right ? text.substr(at + separator->size()) : text.substr(0, at));
      text = from_right ? text.substr(0, at) : text.substr(at + separator->size());
    }
    parts.push_back(text);
  }
  if (from_right)
    std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string> split_lines(std::string_view text, bool keep_ends) {
  std::vector<std::string> lines;
  size_t begin = 0;
  for (size_t pos = 0; pos < text.size();) {
    const Decoded decoded = decode_utf8(text, pos);
    const size_t at = pos;
    pos += decoded.length;
    const uint32_t c = decoded.code;
    if (!((c >= 10 && c <= 13) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029))
      continue;
    if (c == '\r' && pos < text.size() && text[pos] == '\n')
      ++pos;
    lines.emplace_back(text.substr(begin, (keep_ends ? pos : at) - begin));
    begin = pos;
  }
  if (begin < text.size())
    lines.emplace_back(text.substr(begin));
  return lines;
}

std::optional<std::string> replace(std::string_view text, std::string_view from, std::string_view to,
                                   int64_t count, uint64_t limit) {
  std::string out;
  size_t pos = 0;
  for (int64_t done = 0; count < 0 || done < count; ++done) {
    if (out.size() > limit)
      return std::nullopt;
    if (from.empty()) { // before every character and at the end
      out += to;
      if (pos >= text.size())
        return out;
      const size_t length = decode_utf8(text, pos).length;
      out += text.substr(pos, length);
      pos += length;
      continue;
    }
    const size_t at = text.find(from, pos);
    if (at == std::string_view::npos)
      break;
    out += text.substr(pos, at - pos);
    out += to;
    pos = at + from.size();
  }
  return out += text.substr(pos);
}

} // namespace r1::text
