// Tokens that are sought in the text itself before it is cut into pieces: "<think>", "<|User|>".
//
// Points into the artifact's memory, which must outlive it, unless the contents had to be normalized.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "runtime/base/status.h"

#include <array>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace r1::text {

using AddedTokenList = flatbuffers::Vector<flatbuffers::Offset<artifact::AddedToken>>;

// Part of a text: an added token, or (id < 0) text between two of them.
struct Segment {
  size_t begin, end;
  int32_t id;
};

class AddedTokens {
public:
  // `word_ranges`: pairs of first and last code point, what counts as inside a word.
  static Result<AddedTokens> open(const AddedTokenList* source, uint32_t tokens,
                                  std::span<const uint32_t> word_ranges);

  // Passes every content through `normalize`, for tokens that are sought in normalized text.
  Status normalize(const std::function<Result<std::string>(std::string_view)>& normalize);

  // Cuts `text` at its added tokens, leftmost and longest first. Empty stretches of text are left out.
  std::vector<Segment> split(std::string_view text, bool special_as_text) const;
  // The id of the added token with exactly this content.
  std::optional<int32_t> find(std::string_view content) const;

private:
  struct Token {
    std::string_view content;
    int32_t id;
    bool special, lstrip, rstrip, single_word;
  };
  void index_first_bytes();
  const Token* longest_at(std::string_view text, size_t pos) const;
  bool in_word(uint32_t code) const;
  bool is_single_word(std::string_view text, size_t begin, size_t end) const;

  std::vector<Token> tokens_;          // sorted by content
  std::deque<std::string> normalized_; // contents that are not in the artifact
  std::array<uint32_t, 257>
      first_byte_{}; // tokens that begin with byte b: [first_byte_[b], first_byte_[b+1])
  std::span<const uint32_t> word_ranges_;
};

} // namespace r1::text
