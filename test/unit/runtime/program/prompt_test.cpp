// Prompts come from the artifact's own tokenizer and template, or the artifact says that it has none.
#include "runtime/program/prompt.h"

#include <gtest/gtest.h>

#include "runtime/artifact/reader.h"
#include "test/unit/runtime/testing/fake_model.h"

namespace r1 {
namespace {

std::unique_ptr<artifact::Reader> open(const testing::FakeOptions& options) {
  std::string path = testing::temporary("prompt.r1a");
  testing::write_fake_model(path, options);
  auto reader = artifact::Reader::open(path);
  EXPECT_TRUE(reader.ok()) << reader.status().message();
  return reader.ok() ? *std::move(reader) : nullptr;
}

TEST(Prompt, RendersAndEncodes) {
  auto reader = open({.text = true});
  auto prompt = Prompt::open(reader->index());
  ASSERT_TRUE(prompt.ok()) << prompt.status().message();
  auto text = prompt->render(std::vector<Message>{{"user", "hé"}}, true);
  ASSERT_TRUE(text.ok()) << text.status().message();
  EXPECT_EQ(*text, "[user]hé[assistant]");
  EXPECT_EQ(*prompt->render(std::vector<Message>{}, false), "");
  EXPECT_EQ(*prompt->encode_rendered("a<think>"), (std::vector<int32_t>{'a', 256}));
}

TEST(Prompt, WithoutATokenizerOrATemplate) {
  auto reader = open({});
  Status s = Prompt::open(reader->index()).status();
  EXPECT_EQ(s.code(), Code::kUnsupported);
  EXPECT_NE(s.message().find("tokenizer.json"), std::string::npos) << s.message();
  reader = open({.text = true, .change = [](artifact::ArtifactT& a) { a.text->templates.clear(); }});
  auto prompt = Prompt::open(reader->index());
  ASSERT_TRUE(prompt.ok()) << prompt.status().message();
  EXPECT_FALSE(prompt->has_template());
  EXPECT_EQ(prompt->render(std::vector<Message>{}, true).status().code(), Code::kUnsupported);
}

} // namespace
} // namespace r1
