#include "runtime/text/tokenizer.h"

#include "runtime/text/utf8.h"

namespace r1::text {
namespace {

constexpr size_t kMaxText = size_t{1} << 28;
constexpr size_t kMaxSteps = 64;

// Moves the complete characters at the front of `bytes` to the result, U+FFFD for what can no longer become one.
std::string take_characters(std::string& bytes, bool at_end) {
  std::string out;
  size_t pos = 0;
  while (pos < bytes.size()) {
    const Decoded decoded = decode_utf8(bytes, pos);
    if (decoded.incomplete && !at_end)
      break;
    out += decoded.valid ? std::string_view(bytes).substr(pos, decoded.length) : kReplacement;
    pos += decoded.length;
  }
  bytes.erase(0, pos);
  return out;
}

} // namespace

// The text that is being cut, and its pieces so far.
struct Tokenizer::Scratch {
  RegexScratch regex;
  BpeScratch bpe;
  std::string text;
  std::vector<Piece> pieces, cut;
  std::vector<std::pair<Piece, bool>> tiles; // matches (true) and what lies between
};

Result<Tokenizer> Tokenizer::open(const artifact::Text* text) {
  const artifact::Tokenizer* source = text->tokenizer();
  Tokenizer tokenizer;
  R1_ASSIGN_OR_RETURN(tokenizer.bpe_, Bpe::open(source));
  const uint32_t tokens = tokenizer.bpe_.tokens();
  for (const artifact::Regex* regex : *source->regexes()) {
    R1_ASSIGN_OR_RETURN(Regex opened, Regex::open(regex));
    tokenizer.regexes_.push_back(opened);
  }
  R1_ASSIGN_OR_RETURN(tokenizer.normalizer_, Normalizer::open(source, tokenizer.regexes_));
  for (const artifact::PreTokenizerStep* step : *source->pre_tokenizers()) {
    if (step->kind() > artifact::PreTokenizerKind::PrefixSpace ||
        step->behavior() > artifact::SplitBehavior::Contiguous)
      return fail(Code::kVersion,
                  "the artifact's tokenizer has a pre-tokenizer that this r1run does not know");
    if (step->kind() == artifact::PreTokenizerKind::Split && step->regex() >= tokenizer.regexes_.size())
      return fail(Code::kCorrupt,
                  "a pre-tokenizer's pattern is not in the artifact; compile the model again");
    tokenizer.steps_.push_back({step->kind(), step->regex(), step->behavior(), step->invert()});
  }
  if (tokenizer.steps_.size() > kMaxSteps)
    return fail(Code::kCorrupt, "the artifact's tokenizer has %zu pre-tokenizers; compile the model again",
                tokenizer.steps_.size());
  std::span<const uint32_t> words;
  if (source->word_ranges())
    words = {source->word_ranges()->data(), source->word_ranges()->size()};
  R1_ASSIGN_OR_RETURN(tokenizer.raw_, AddedTokens::open(source->added_raw(), tokens, words));
  R1_ASSIGN_OR_RETURN(tokenizer.normalized_, AddedTokens::open(source->added_normalized(), tokens, words));
  if (!tokenizer.normalizer_.empty())
    R1_RETURN_IF_ERROR(tokenizer.normalized_.normalize([&](std::string_view content) {
      RegexScratch scratch;
      scratch.set_budget(content.size());
      return tokenizer.normalizer_.normalize(content, tokenizer.regexes_, scratch);
    }));
  for (auto [from, to] :
       {std::pair(source->prefix(), &tokenizer.prefix_), {source->suffix(), &tokenizer.suffix_}})
    for (uint32_t id : *from) {
      if (id >= tokens)
        return fail(Code::kCorrupt,
                    "special token %u of the artifact is not one of its %u tokens; compile the model again",
                    id, tokens);
      to->push_back(static_cast<int32_t>(id));
    }
  return tokenizer;
}

Result<std::vector<int32_t>> Tokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  if (text.size() > kMaxText)
    return fail(Code::kInvalidArgument,
                "a text of %zu bytes is longer than the %zu that can be tokenized at once; split it",
                text.size(), kMaxText);
  std::string valid;
  if (!is_utf8(text))
    text = valid = to_valid_utf8(text);
  Scratch scratch;
  scratch.regex.set_budget(text.size());
  std::vector<int32_t> ids;
  if (options.add_special)
    ids = prefix_;
  for (const Segment& segment : raw_.split(text, options.special_as_text)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
      continue;
    }
    std::string_view part = text.substr(segment.begin, segment.end - segment.begin);
    std::string normal;
    if (!normalizer_.empty()) {
      R1_ASSIGN_OR_RETURN(normal, normalizer_.normalize(part, regexes_, scratch.regex));
      part = normal;
    }
    for (const Segment& inner : normalized_.split(part, options.special_as_text)) {
      if (inner.id >= 0) {
        ids.push_back(inner.id);
      } else {
        R1_RETURN_IF_ERROR(encode_text(part.substr(inner.begin, inner.end - inner.begin), ids, scratch));
      }
    }
  }
  if (options.add_special)
    ids.insert(ids.end(), suffix_.begin(), suffix_.end());
  return ids;
}

Status Tokenizer::encode_text(std::string_view text, std::vector<int32_t>& ids, Scratch& scratch) const {
  scratch.text = text;
  scratch.pieces = {{0, text.size()}};
  for (const Step& step : steps_) {
    if (step.kind == artifact::PreTokenizerKind::PrefixSpace) {
      add_prefix_space(scratch);
    } else {
      R1_RETURN_IF_ERROR(split(step, scratch));
    }
  }
  for (const Piece& piece : scratch.pieces)
    bpe_.encode(std::string_view(scratch.text).substr(piece.begin, piece.end - piece.begin), ids,
                scratch.bpe);
  return {};
}

void Tokenizer::add_prefix_space(Scratch& scratch) {
  std::string text;
  for (Piece& piece : scratch.pieces) {
    const size_t begin = text.size();
    if (scratch.text[piece.begin] != ' ')
      text += ' ';
    text.append(scratch.text, piece.begin, piece.end - piece.begin);
    piece = {begin, text.size()};
  }
  scratch.text = std::move(text);
}

// Cuts every piece into matches and what lies between, then joins and drops as the behaviour says.
Status Tokenizer::split(const Step& step, Scratch& scratch) const {
  std::vector<Piece>& cut = scratch.cut;
  cut.clear();
  for (const Piece& piece : scratch.pieces) {
    const std::string_view text = std::string_view(scratch.text).substr(piece.begin, piece.end - piece.begin);
    RegexMatches matches(regexes_[step.regex], text, scratch.regex);
    auto& tiles = scratch.tiles;
    tiles.clear();
    size_t done = 0;
    while (true) {
      R1_ASSIGN_OR_RETURN(const Regex::Match match, matches.next());
      if (!match.found)
        break;
      if (match.begin != done)
        tiles.push_back({{piece.begin + done, piece.begin + match.begin}, step.invert});
      tiles.push_back({{piece.begin + match.begin, piece.begin + match.end}, !step.invert});
      done = match.end;
    }
    if (done != text.size())
      tiles.push_back({{piece.begin + done, piece.end}, step.invert});
    const size_t first = cut.size();
    bool previous = false; // whether the tile before was a match
    switch (step.behavior) {
    case artifact::SplitBehavior::Isolated:
      for (const auto& [tile, matched] : tiles)
        cut.push_back(tile);
      break;
    case artifact::SplitBehavior::Removed:
      for (const auto& [tile, matched] : tiles)
        if (!matched)
          cut.push_back(tile);
      break;
    case artifact::SplitBehavior::Contiguous:
    case artifact::SplitBehavior::MergedWithPrevious:
      for (const auto& [tile, matched] : tiles) {
        const bool joins =
            step.behavior == artifact::SplitBehavior::Contiguous ? matched == previous : matched && !previous;
        if (joins && cut.size() > first)
          cut.back().end = tile.end;
        else
          cut.push_back(tile);
        previous = matched;
      }
      break;
    case artifact::SplitBehavior::MergedWithNext:
      for (size_t i = 0; i < tiles.size(); ++i) {
        // Seen from the end: a match joins what follows, unless that is a match too.
        const bool joins = i + 1 < tiles.size() && tiles[i].second && !tiles[i + 1].second;
        if (previous)
          cut.back().end = tiles[i].first.end;
        else
          cut.push_back(tiles[i].first);
        previous = joins;
      }
      break;
    }
  }
  std::erase_if(cut, [](const Piece& piece) { return piece.begin == piece.end; });
  std::swap(scratch.pieces, cut);
  return {};
}

std::string_view Tokenizer::token_bytes(int32_t id) const {
  return id < 0 ? std::string_view() : bpe_.bytes(static_cast<uint32_t>(id));
}

std::optional<int32_t> Tokenizer::find_token(std::string_view content) const {
  std::optional<int32_t> id = raw_.find(content);
  return id ? id : normalized_.find(content);
}

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (int32_t id : ids)
    if (!(skip_special && is_special(id)))
      bytes += token_bytes(id);
  return to_valid_utf8(bytes);
}

std::string StreamDecoder::push(int32_t id) {
  if (skip_special_ && tokenizer_->is_special(id))
    return {};
  pending_ += tokenizer_->token_bytes(id);
  return take_characters(pending_, false);
}

std::string StreamDecoder::finish() { return take_characters(pending_, true); }

} // namespace r1::text
