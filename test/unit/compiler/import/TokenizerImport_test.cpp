// Random small tokenizers give the ids and texts that the tokenizers package gave (PipelineImport), and what is no byte-level BPE
// is refused by name.
#include "TextFixture.h"

namespace r1::compiler {
namespace {

std::string refusalOf(const Json& tokenizer) { return refusal({.tokenizer = tokenizer.dump()}); }

TEST(TokenizerImport, AgreesWithTheTokenizersPackage) {
  std::vector<Json> lines = readLines("test/unit/compiler/import/tokenizers.golden.jsonl");
  ASSERT_GT(lines.size(), 10u);
  for (size_t i = 0; i < lines.size(); ++i) {
    CompiledText text({.tokenizer = lines[i]["tokenizer"].dump()});
    ASSERT_TRUE(text.tokenizer) << "tokenizer " << i;
    for (const Json& golden : lines[i]["cases"]) {
      std::vector<int32_t> ids = text.encode(golden["text"]);
      EXPECT_EQ(ids, golden["ids"].get<std::vector<int32_t>>())
          << "tokenizer " << i << ": " << golden["text"];
      if (golden.contains("decoded")) {
        EXPECT_EQ(text.tokenizer->decode(ids), golden["decoded"].get<std::string>());
      }
    }
  }
}

TEST(TokenizerImport, RefusesByName) {
  struct Case {
    const char* where;
    Json value;
    const char* expected;
  };
  const Case cases[] = {
      {"/model/type", "Unigram", "type 'Unigram'"},
      {"/model/byte_fallback", true, "byte_fallback is true"},
      {"/model/end_of_word_suffix", "</w>", "end_of_word_suffix is set"},
      {"/model/dropout", 0.1, "dropout is set"},
      {"/model/vocab", Json::array(), "model.vocab is not an object"},
      {"/model/vocab/a", -1, "the id of token 'a'"},
      {"/model/vocab/a", 1.5, "the id of token 'a'"},
      {"/model/vocab/a", 1, "which another token has"},
      {"/model/vocab/ab", 9000000, "its ids go up to 9000000"},
      {"/model/merges", "a b", "model.merges is not a list"},
      {"/model/merges/0", "a c", "'a' and 'c'"},
      {"/model/merges/0", "ab", "not two tokens"},
      {"/model/merges/0", 7, "neither a text nor a list"},
      {"/model/unk_token", "?", "unk_token '?' is not in the vocabulary"},
      {"/pre_tokenizer", nullptr, "has no ByteLevel"},
      {"/pre_tokenizer/type", "Metaspace", "'Metaspace'"},
      {"/normalizer", {{"type", "NFKC"}}, "'NFKC'"},
      {"/decoder", {{"type", "Metaspace"}}, "'Metaspace'"},
      {"/post_processor", {{"type", "BertProcessing"}}, "'BertProcessing'"},
      {"/added_tokens", 5, "added_tokens is not a list"},
      {"/added_tokens", Json::array({Json::object()}), "no 'content'"},
      {"/version", "2.0", "version"},
  };
  EXPECT_EQ(refusalOf(smallTokenizer()), "");
  for (const Case& c : cases) {
    Json tokenizer = smallTokenizer();
    tokenizer[Json::json_pointer(c.where)] = c.value;
    const std::string message = refusalOf(tokenizer);
    EXPECT_NE(message.find(c.expected), std::string::npos) << c.where << ": " << message;
    EXPECT_EQ(message.find("tokenizer.json: "), 0u) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(TokenizerImport, AnAddedTokenDoesNotTakeTheIdOfAnother) {
  Json tokenizer = smallTokenizer();
  tokenizer["model"]["vocab"]["ab"] =
      3; // 2 is free, but added tokens are numbered from the vocabulary's size on
  tokenizer["added_tokens"] = Json::array({{{"content", "<s>"}}});
  EXPECT_NE(refusalOf(tokenizer).find("added token '<s>' gets id 3, which is token 'ab'"), std::string::npos)
      << refusalOf(tokenizer);
}

TEST(TokenizerImport, BrokenJsonIsRefused) {
  EXPECT_NE(refusal({.tokenizer = "{"}).find("not JSON"), std::string::npos);
  EXPECT_NE(refusal({.tokenizer = std::string(100000, '[')}).find("nested deeper"), std::string::npos);
  EXPECT_NE(refusal({.tokenizer = "[]"}), "");
  EXPECT_NE(refusal({.tokenizer = "{\"model\": \"\xFF\"}"}), "");
}

TEST(TokenizerImport, PostProcessorGivesSpecialIds) {
  Json tokenizer = smallTokenizer();
  tokenizer["post_processor"] = Json::parse(R"({"type":"TemplateProcessing",
    "single":[{"SpecialToken":{"id":"b","type_id":0}},{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"ab","type_id":0}}],
    "special_tokens":{"b":{"id":"b","ids":[1],"tokens":["b"]},"ab":{"id":"ab","ids":[2],"tokens":["ab"]}}})");
  CompiledText text({.tokenizer = tokenizer.dump()});
  EXPECT_EQ(text.encode("a", {.add_special = true}), (std::vector<int32_t>{1, 0, 2}));
  EXPECT_EQ(text.encode("a"), (std::vector<int32_t>{0}));
  tokenizer["post_processor"]["special_tokens"]["b"]["ids"][0] = 3;
  EXPECT_NE(refusalOf(tokenizer).find("adds id 3"), std::string::npos);
}

} // namespace
} // namespace r1::compiler
