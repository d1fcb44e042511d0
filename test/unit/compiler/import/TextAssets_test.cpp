// The whole way on DeepSeek-R1's own files: ids and renders that others published, exactly; and how the files combine.
#include "TextFixture.h"

namespace r1::compiler {
namespace {

const char* const kFolder = "models/deepseek-ai/DeepSeek-R1/";

class DeepSeekR1 : public testing::Test {
protected:
  static void SetUpTestSuite() {
    auto tokenizer = readFile(shared(std::string(kFolder) + "tokenizer.json"));
    auto config = readFile(shared(std::string(kFolder) + "tokenizer_config.derived.json"));
    if (tokenizer && config)
      text_ = new CompiledText({.tokenizer = *tokenizer, .tokenizerConfig = *config});
  }
  static void TearDownTestSuite() { delete text_; }
  void SetUp() override {
    if (!text_)
      GTEST_SKIP() << "R1C_SHARED names no folder with " << kFolder << "tokenizer.json";
  }
  static CompiledText* text_;
};
CompiledText* DeepSeekR1::text_ = nullptr;

TEST_F(DeepSeekR1, EncodesAndDecodesEveryGoldenLine) {
  std::vector<Json> lines = readLines(shared("golden/deepseek-r1-tokenizer.jsonl"));
  ASSERT_EQ(lines.size(), 2037u);
  for (const Json& line : lines) {
    std::vector<int32_t> ids = text_->encode(line["text"]);
    ASSERT_EQ(ids, line["ids"].get<std::vector<int32_t>>()) << line["text"];
    EXPECT_EQ(text_->tokenizer->decode(ids), line["text"].get<std::string>());
    text::StreamDecoder stream(*text_->tokenizer, /*skip_special=*/false);
    std::string streamed;
    for (int32_t id : ids)
      streamed += stream.push(id);
    EXPECT_EQ(streamed + stream.finish(), line["text"].get<std::string>());
  }
}

TEST_F(DeepSeekR1, RendersEveryGoldenConversation) {
  std::vector<Json> lines = readLines(shared("golden/deepseek-r1-chat.jsonl"));
  ASSERT_EQ(lines.size(), 24u);
  for (const Json& line : lines) {
    Json context = {{"messages", line["messages"]}, {"add_generation_prompt", line["add_generation_prompt"]}};
    const auto rendered = render(*text_, context);
    ASSERT_TRUE(rendered.ok()) << rendered.status().message();
    EXPECT_EQ(*rendered, line["rendered"].get<std::string>()) << line["name"];
    EXPECT_EQ(text_->encode(*rendered), line["ids"].get<std::vector<int32_t>>()) << line["name"];
  }
}

TEST_F(DeepSeekR1, GivesPublishedIds) {
  const Json published = Json::parse(readFile(shared("conformance/published_token_ids.json")).value_or("{}"));
  ASSERT_FALSE(published["cases"].empty());
  for (const Json& golden : published["cases"])
    EXPECT_EQ(text_->encode(golden["text"]), golden["ids"].get<std::vector<int32_t>>()) << golden["text"];
}

// llama.cpp's vocabulary test: texts between marks, one line of ids for each.
TEST_F(DeepSeekR1, PassesTheVocabularyTestOfLlamaCpp) {
  const std::string input = readFile(shared("golden/deepseek-r1.inp")).value_or("");
  std::istringstream output(readFile(shared("golden/deepseek-r1.out")).value_or(""));
  const std::string mark = "\n__ggml_vocab_test__\n";
  size_t count = 0;
  for (size_t begin = 0; begin < input.size(); ++count) {
    const size_t end = std::min(input.find(mark, begin), input.size());
    std::string line;
    ASSERT_TRUE(std::getline(output, line));
    std::istringstream numbers(line);
    const std::vector<int32_t> ids{std::istream_iterator<int32_t>(numbers), std::istream_iterator<int32_t>()};
    EXPECT_EQ(text_->encode(input.substr(begin, end - begin)), ids) << "text " << count;
    begin = end + mark.size();
  }
  EXPECT_GT(count, 40u);
}

TEST_F(DeepSeekR1, AddsItsBeginOfText) {
  EXPECT_EQ(text_->encode("Hi", {.add_special = true}), (std::vector<int32_t>{0, 23166}));
  EXPECT_EQ(text_->tokenizer->find_token("<think>"), 128798);
}

TEST(TextAssets, NoTokenizerIsNoError) {
  auto text = compileText({});
  ASSERT_TRUE(static_cast<bool>(text)) << llvm::toString(text.takeError());
  EXPECT_EQ(*text, nullptr);
}

TEST(TextAssets, TemplatesComeFromTheFileBeforeTheConfig) {
  const Json config = {
      {"chat_template",
       {{{"name", "tool_use"}, {"template", "tools"}}, {{"name", "default"}, {"template", "config"}}}},
      {"bos_token", {{"content", "<s>"}}},
      {"eos_token", nullptr}};
  CompiledText listed({.tokenizer = smallTokenizer().dump(), .tokenizerConfig = config.dump()});
  ASSERT_EQ(listed.table->templates()->size(), 2u);
  EXPECT_EQ(listed.table->templates()->Get(0)->name()->str(), "default");
  EXPECT_EQ(listed.table->bos_token()->str(), "<s>");
  EXPECT_EQ(listed.table->eos_token(), nullptr);
  CompiledText both(
      {.tokenizer = smallTokenizer().dump(), .tokenizerConfig = config.dump(), .chatTemplate = "file"});
  EXPECT_EQ(*render(both, Json{{"messages", Json::array()}}), "file");
  EXPECT_NE(refusal({.tokenizer = smallTokenizer().dump(), .tokenizerConfig = R"({"chat_template": 3})"}),
            "");
  EXPECT_NE(refusal({.tokenizer = smallTokenizer().dump(), .tokenizerConfig = "[]"}), "");
}

TEST(TextAssets, AddBosTokenDecides) {
  Json config = {{"add_bos_token", true}, {"bos_token", "b"}};
  CompiledText text({.tokenizer = smallTokenizer().dump(), .tokenizerConfig = config.dump()});
  EXPECT_EQ(text.encode("a", {.add_special = true}), (std::vector<int32_t>{1, 0}));
}

} // namespace
} // namespace r1::compiler
