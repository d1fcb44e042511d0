#include "runtime/text/added_tokens.h"

#include "runtime/text/utf8.h"

#include <algorithm>

namespace r1::text {
namespace {

size_t character_before(std::string_view text, size_t pos) {
  do
    --pos;
  while (pos > 0 && (static_cast<uint8_t>(text[pos]) & 0xC0) == 0x80);
  return pos;
}

} // namespace

Result<AddedTokens> AddedTokens::open(const AddedTokenList* source, uint32_t tokens,
                                      std::span<const uint32_t> word_ranges) {
  AddedTokens added;
  added.word_ranges_ = word_ranges;
  if (word_ranges.size() % 2 || !std::is_sorted(word_ranges.begin(), word_ranges.end()))
    return fail(Code::kCorrupt, "the artifact's word characters are out of order; compile the model again");
  added.tokens_.reserve(source->size());
  for (const artifact::AddedToken* token : *source) {
    const std::string_view content(reinterpret_cast<const char*>(token->content()->data()),
                                   token->content()->size());
    if (content.empty() || !is_utf8(content) ||
        (!added.tokens_.empty() && added.tokens_.back().content >= content))
      return fail(
          Code::kCorrupt,
          "added token %u of the artifact is empty, not UTF-8 or out of order; compile the model again",
          token->id());
    if (token->id() >= tokens)
      return fail(Code::kCorrupt,
                  "added token %u of the artifact is not one of its %u tokens; compile the model again",
                  token->id(), tokens);
    added.tokens_.push_back({content, static_cast<int32_t>(token->id()), token->special(), token->lstrip(),
                             token->rstrip(), token->single_word()});
  }
  added.index_first_bytes();
  return added;
}

void AddedTokens::index_first_bytes() {
  uint32_t next = 0;
  for (uint32_t byte = 0; byte < 256; ++byte) {
    first_byte_[byte] = next;
    while (next < tokens_.size() && static_cast<uint8_t>(tokens_[next].content[0]) == byte)
      ++next;
  }
  first_byte_[256] = next;
}

Status AddedTokens::normalize(const std::function<Result<std::string>(std::string_view)>& normalize) {
  for (Token& token : tokens_) {
    R1_ASSIGN_OR_RETURN(std::string content, normalize(token.content));
    if (content != token.content)
      token.content = normalized_.emplace_back(std::move(content));
  }
  std::erase_if(tokens_, [](const Token& token) { return token.content.empty(); });
  std::sort(tokens_.begin(), tokens_.end(), [](const Token& a, const Token& b) {
    return a.content != b.content ? a.content < b.content : a.id < b.id;
  });
  auto same = [](const Token& a, const Token& b) { return a.content == b.content; };
  tokens_.erase(std::unique(tokens_.begin(), tokens_.end(), same), tokens_.end());
  index_first_bytes();
  return {};
}

std::optional<int32_t> AddedTokens::find(std::string_view content) const {
  auto it =
      std::lower_bound(tokens_.begin(), tokens_.end(), content,
                       [](const Token& token, std::string_view value) { return token.content < value; });
  if (it == tokens_.end() || it->content != content)
    return std::nullopt;
  return it->id;
}

// The tokens that agree with the text so far are one range of the sorted list, narrowed byte by byte.
const AddedTokens::Token* AddedTokens::longest_at(std::string_view text, size_t pos) const {
  const auto byte = static_cast<uint8_t>(text[pos]);
  const Token* low = tokens_.data() + first_byte_[byte];
  const Token* high = tokens_.data() + first_byte_[byte + 1];
  const Token* best = nullptr;
  for (size_t length = 1; low != high; ++length) {
    if (low->content.size() == length)
      best = low++;
    if (pos + length >= text.size())
      break;
    const auto wanted = static_cast<uint8_t>(text[pos + length]);
    low = std::lower_bound(low, high, wanted, [length](const Token& token, uint8_t value) {
      return static_cast<uint8_t>(token.content[length]) < value;
    });
    high = std::upper_bound(low, high, wanted, [length](uint8_t value, const Token& token) {
      return value < static_cast<uint8_t>(token.content[length]);
    });
  }
  return best;
}

bool AddedTokens::in_word(uint32_t code) const {
  auto it = std::upper_bound(word_ranges_.begin(), word_ranges_.end(), code);
  const size_t index = static_cast<size_t>(it - word_ranges_.begin());
  return index % 2 == 1 || (index > 0 && word_ranges_[index - 1] == code);
}

bool AddedTokens::is_single_word(std::string_view text, size_t begin, size_t end) const {
  if (begin > 0 && in_word(decode_utf8(text, character_before(text, begin)).code))
    return false;
  return end == text.size() || !in_word(decode_utf8(text, end).code);
}

std::vector<Segment> AddedTokens::split(std::string_view text, bool special_as_text) const {
  std::vector<Segment> segments;
  size_t done = 0; // everything before is in `segments`
  for (size_t pos = 0; pos < text.size();) {
    const Token* token = longest_at(text, pos);
    if (!token) {
      ++pos;
      continue;
    }
    size_t begin = pos, end = pos + token->content.size();
    pos = end; // the search goes on behind the token even where it does not count
    if (special_as_text && token->special)
      continue;
    if (token->single_word && !is_single_word(text, begin, end))
      continue;
    if (token->lstrip) {
      while (begin > done) {
        const size_t before = character_before(text, begin);
        if (!is_space(decode_utf8(text, before).code))
          break;
        begin = before;
      }
      begin =
          std::max(begin, done); // a token before may have swallowed this one, if it is white space itself
    }
    if (token->rstrip)
      while (end < text.size()) {
        const Decoded decoded = decode_utf8(text, end);
        if (!is_space(decoded.code))
          break;
        end += decoded.length;
      }
    if (done < begin)
      segments.push_back({done, begin, -1});
    if (begin < end)
      segments.push_back({begin, end, token->id});
    done = end;
  }
  if (done < text.size())
    segments.push_back({done, text.size(), -1});
  return segments;
}

} // namespace r1::text
