// A small tokenizer made by hand: encoding, streams, long input, and that broken tables (bpe, added_tokens, regex, normalizer)
// are refused. What the compiler makes of real files is tested in test/unit/compiler/import.
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>

namespace r1::text {
namespace {

using artifact::RegexInstruction;
using artifact::RegexOp;

// Tokens 0 to 255 are the bytes; 256 "aa", 257 "aaaa", 258 "ab"; 259 "<s>", special. Pieces: runs of blanks apart from the rest.
artifact::TextT small() {
  artifact::TextT text;
  text.tokenizer = std::make_unique<artifact::TokenizerT>();
  artifact::TokenizerT& t = *text.tokenizer;
  std::vector<std::string> tokens;
  for (int byte = 0; byte < 256; ++byte) {
    tokens.emplace_back(1, static_cast<char>(byte));
    t.byte_tokens.push_back(byte);
  }
  for (const char* token : {"aa", "aaaa", "ab", "<s>"})
    tokens.emplace_back(token);
  t.token_offsets.push_back(0);
  for (const std::string& token : tokens) {
    t.token_bytes.insert(t.token_bytes.end(), token.begin(), token.end());
    t.token_offsets.push_back(static_cast<uint32_t>(t.token_bytes.size()));
    t.token_flags.push_back(static_cast<artifact::TokenFlag>(token == "<s>" ? 2 : 0));
  }
  t.merge_offsets.assign(tokens.size() + 1, 0);
  t.merges = {{'a', 256, 0}, {'b', 258, 1}, {256, 257, 2}};
  for (uint32_t id = 0; id <= tokens.size(); ++id)
    t.merge_offsets[id] = id > 256 ? 3 : id > 'a' ? 2 : 0;
  auto added = std::make_unique<artifact::AddedTokenT>();
  added->content = {'<', 's', '>'};
  added->id = 259;
  added->special = true;
  t.added_raw.push_back(std::move(added));
  auto regex = std::make_unique<artifact::RegexT>(); // " +"
  regex->range_starts = {0, ' ', ' ' + 1};
  regex->range_classes = {0, 1, 0};
  regex->classes = 2;
  regex->sets = {2};
  regex->program = {RegexInstruction(RegexOp::Class, 0, 0, 0, 0),
                    RegexInstruction(RegexOp::Split, 0, 0, 0, 2),
                    RegexInstruction(RegexOp::Match, 0, 0, 0, 0)};
  t.regexes.push_back(std::move(regex));
  t.pre_tokenizers.push_back(std::make_unique<artifact::PreTokenizerStepT>());
  t.prefix = {259};
  return text;
}

struct Opened {
  flatbuffers::FlatBufferBuilder builder;
  Result<Tokenizer> tokenizer;
  explicit Opened(const artifact::TextT& text) : tokenizer(fail(Code::kInternal, "not opened")) {
    builder.Finish(artifact::Text::Pack(builder, &text));
    flatbuffers::Verifier verifier(builder.GetBufferPointer(), builder.GetSize());
    EXPECT_TRUE(verifier.VerifyBuffer<artifact::Text>(nullptr));
    tokenizer = Tokenizer::open(flatbuffers::GetRoot<artifact::Text>(builder.GetBufferPointer()));
  }
};

using Ids = std::vector<int32_t>;

TEST(Tokenizer, MergesByRankAndKeepsPiecesApart) {
  Opened opened(small());
  ASSERT_TRUE(opened.tokenizer.ok()) << opened.tokenizer.status().message();
  const Tokenizer& tokenizer = *opened.tokenizer;
  EXPECT_EQ(*tokenizer.encode("aaab"), (Ids{256, 258}));
  EXPECT_EQ(*tokenizer.encode("aaaaa a"), (Ids{257, 'a', ' ', 'a'}));
  EXPECT_EQ(*tokenizer.encode("a<s>b", {.add_special = true}), (Ids{259, 'a', 259, 'b'}));
  EXPECT_EQ(*tokenizer.encode("<s>", {.special_as_text = true}), (Ids{'<', 's', '>'}));
  EXPECT_EQ(tokenizer.decode(Ids{259, 'a', 258, -1, 9999}), "<s>aab");
  EXPECT_EQ(tokenizer.decode(Ids{259, 'a'}, true), "a");
  EXPECT_EQ(tokenizer.find_token("<s>"), 259);
  EXPECT_EQ(*tokenizer.encode("a\xFF"), (Ids{'a', 0xEF, 0xBF, 0xBD}));
}

TEST(Tokenizer, AStreamNeverEndsInsideACharacter) {
  Opened opened(small());
  const Tokenizer& tokenizer = *opened.tokenizer;
  const std::string text = "h\u00E9\U0001F600 \xFF\xE4\xBD z\xF0\x9F";
  Ids ids;
  for (char byte : text)
    ids.push_back(static_cast<uint8_t>(byte));
  StreamDecoder stream(tokenizer);
  std::string all;
  for (int32_t id : ids) {
    const std::string part = stream.push(id);
    EXPECT_TRUE(is_utf8(part));
    all += part;
  }
  EXPECT_TRUE(all.ends_with("z"));
  all += stream.finish();
  EXPECT_EQ(all, tokenizer.decode(ids));
  EXPECT_EQ(all, to_valid_utf8(text));
}

TEST(Tokenizer, AMegabyteOfOneLetterIsNoTrouble) {
  Opened opened(small());
  const auto start = std::chrono::steady_clock::now();
  const auto ids = opened.tokenizer->encode(std::string(1 << 20, 'a'));
  ASSERT_TRUE(ids.ok());
  EXPECT_EQ(*ids, Ids((1 << 20) / 4, 257));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20)); // quadratic would be hours
}

TEST(Tokenizer, BrokenTablesAreRefused) {
  using Table = artifact::TokenizerT;
  const std::function<void(Table&)> breaks[] = {
      [](Table& t) { t.token_offsets[5] = 1; },
      [](Table& t) { t.token_offsets.back() += 1; },
      [](Table& t) { t.token_offsets.pop_back(); },
      [](Table& t) { t.merge_offsets.back() = 4; },
      [](Table& t) { t.merges[1] = {'b', 400, 1}; },
      [](Table& t) { t.merges[0] = {'c', 256, 0}; },
      [](Table& t) { t.byte_tokens[3] = 260; },
      [](Table& t) { t.byte_tokens.pop_back(); },
      [](Table& t) { t.unk_token = 260; },
      [](Table& t) { t.whole_pieces = {'b', 'a'}; },
      [](Table& t) { t.whole_pieces = {999}; },
      [](Table& t) { t.added_raw[0]->id = 260; },
      [](Table& t) { t.added_raw[0]->content.clear(); },
      [](Table& t) { t.added_raw.push_back(std::make_unique<artifact::AddedTokenT>(*t.added_raw[0])); },
      [](Table& t) { t.word_ranges = {5}; },
      [](Table& t) { t.prefix = {260}; },
      [](Table& t) { t.pre_tokenizers[0]->regex = 1; },
      [](Table& t) { t.pre_tokenizers[0]->kind = static_cast<artifact::PreTokenizerKind>(9); },
      [](Table& t) {
        t.normalizers.push_back(std::make_unique<artifact::NormalizerStepT>());
      }, // NFC without tables
      [](Table& t) { t.regexes[0]->range_starts[0] = 1; },
      [](Table& t) { t.regexes[0]->range_classes[1] = 2; },
      [](Table& t) { t.regexes[0]->sets.clear(); },
      [](Table& t) { t.regexes[0]->program.pop_back(); },
      [](Table& t) { t.regexes[0]->program[1] = RegexInstruction(RegexOp::Split, 0, 0, 3, 2); },
      [](Table& t) { t.regexes[0]->program[2] = RegexInstruction(static_cast<RegexOp>(7), 0, 0, 0, 0); },
      [](Table& t) { t.regexes[0]->classes = 300; },
  };
  int number = 0;
  for (const auto& damage : breaks) {
    artifact::TextT text = small();
    damage(*text.tokenizer);
    Opened opened(text);
    EXPECT_FALSE(opened.tokenizer.ok()) << "damage " << number;
    ++number;
  }
}

} // namespace
} // namespace r1::text
