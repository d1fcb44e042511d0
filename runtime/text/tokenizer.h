// Text to token ids and back, as Hugging Face's tokenizers package does it, from the tables that r1c compiled.
//
// A Tokenizer points into the artifact's memory, which must outlive it. All its functions may be called from several threads.
#pragma once
#include "runtime/base/status.h"
#include "runtime/text/added_tokens.h"
#include "runtime/text/bpe.h"
#include "runtime/text/normalizer.h"
#include "runtime/text/regex.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace r1::text {

struct EncodeOptions {
  bool add_special = false;     // put the tokenizer's own ids (begin of text) before and after
  bool special_as_text = false; // "<think>" in the text stays text: for input that must not control the model
};

class Tokenizer {
public:
  // Checks everything in the tables once; nothing is checked again later. `text` comes from a verified buffer.
  static Result<Tokenizer> open(const artifact::Text* text);

  // Bytes that are not UTF-8 count as U+FFFD. Fails for texts above 256 MiB.
  Result<std::vector<int32_t>> encode(std::string_view text, const EncodeOptions& options = {}) const;
  // Valid UTF-8; bytes that do not form characters become U+FFFD. Ids that are not there are left out.
  std::string decode(std::span<const int32_t> ids, bool skip_special = false) const;

  uint32_t vocab_size() const { return bpe_.tokens(); }
  bool is_special(int32_t id) const { return id >= 0 && bpe_.special(static_cast<uint32_t>(id)); }
  // The bytes of one token, perhaps only a part of a character.
  std::string_view token_bytes(int32_t id) const;
  // The id of an added token such as "<think>".
  std::optional<int32_t> find_token(std::string_view content) const;

private:
  struct Scratch;
  struct Piece {
    size_t begin, end;
  };
  struct Step {
    artifact::PreTokenizerKind kind;
    uint32_t regex;
    artifact::SplitBehavior behavior;
    bool invert;
  };
  Status encode_text(std::string_view text, std::vector<int32_t>& ids, Scratch& scratch) const;
  Status split(const Step& step, Scratch& scratch) const;
  static void add_prefix_space(Scratch& scratch);

  Bpe bpe_;
  std::vector<Regex> regexes_;
  Normalizer normalizer_;
  std::vector<Step> steps_;
  AddedTokens raw_, normalized_;
  std::vector<int32_t> prefix_, suffix_;
};

// Turns a stream of ids into text that never ends inside a character. The pieces, put together, equal decode() of all ids.
class StreamDecoder {
public:
  explicit StreamDecoder(const Tokenizer& tokenizer, bool skip_special = true)
      : tokenizer_(&tokenizer), skip_special_(skip_special) {}
  // The characters that are complete now; empty while one is not.
  std::string push(int32_t id);
  // What is left: U+FFFD if the stream stopped inside a character.
  std::string finish();

private:
  const Tokenizer* tokenizer_;
  bool skip_special_;
  std::string pending_;
};

} // namespace r1::text
