// Trees made by hand: broken ones are refused by ChatTemplate::open, endless ones stopped by template_run's budget and depth
// (template_expressions, template_calls, template_methods, template_filters). What Jinja means is tested in test/unit/compiler/import.
#include "runtime/text/chat_template.h"

#include <cstring>
#include <gtest/gtest.h>

namespace r1::text {
namespace {

using artifact::Node;
using artifact::NodeKind;

struct Opened {
  flatbuffers::FlatBufferBuilder builder;
  Result<ChatTemplate> result;
  explicit Opened(std::vector<Node> nodes, std::vector<uint32_t> lists = {})
      : result(fail(Code::kInternal, "not opened")) {
    artifact::TextT text;
    text.tokenizer = std::make_unique<artifact::TokenizerT>();
    auto tree = std::make_unique<artifact::TemplateT>();
    tree->name = "default";
    tree->nodes = std::move(nodes);
    tree->root = static_cast<uint32_t>(tree->nodes.size()) - 1;
    tree->lists = std::move(lists);
    tree->strings = {"x", "messages", "length"};
    tree->integers = {1};
    text.templates.push_back(std::move(tree));
    text.bos_token = "<s>";
    builder.Finish(artifact::Text::Pack(builder, &text));
    result = ChatTemplate::open(flatbuffers::GetRoot<artifact::Text>(builder.GetBufferPointer()));
  }
};

const Node kNone(NodeKind::None, 0, 0, 0, 0);

TEST(ChatTemplate, RendersWhatTheNodesSay) {
  Opened opened({kNone, Node(NodeKind::Name, 1, 0, 0, 0), Node(NodeKind::Filter, 1, 2, 0, 0),
                 Node(NodeKind::Output, 2, 0, 0, 0)});
  ASSERT_TRUE(opened.result.ok()) << opened.result.status().message();
  EXPECT_EQ(*opened.result->render(Value::list({Value::none(), Value::none()}), false), "2");
}

TEST(ChatTemplate, BrokenNodesAreRefused) {
  const std::vector<Node> broken = {
      Node(NodeKind::Output, 1, 0, 0, 0),         Node(NodeKind::Output, 7, 0, 0, 0),
      Node(NodeKind::Text, 3, 0, 0, 0),           Node(NodeKind::Integer, 1, 0, 0, 0),
      Node(NodeKind::Float, 0, 0, 0, 0),          Node(NodeKind::Block, 0, 1, 0, 0),
      Node(NodeKind::Block, ~0u, 2, 0, 0),        Node(NodeKind::For, 0, 0, 0, 0),
      Node(NodeKind::CallBlock, 0, 0, 0, 0),      Node(NodeKind::Macro, 0, 0, 1, 0),
      Node(static_cast<NodeKind>(99), 0, 0, 0, 0)};
  for (const Node& node : broken)
    EXPECT_FALSE(Opened({kNone, node}).result.ok()) << artifact::EnumNameNodeKind(node.kind());
  EXPECT_FALSE(Opened({}).result.ok());
}

// A verified buffer may hold numbers of eight bytes at an address that is a multiple of four alone. Found by fuzzing.
TEST(ChatTemplate, NumbersThatAreNotAlignedAreRefused) {
  Opened opened({kNone});
  ASSERT_TRUE(opened.result.ok());
  std::vector<uint64_t> copy(opened.builder.GetSize() / 8 + 2);
  for (int offset : {8, 4}) {
    uint8_t* bytes = reinterpret_cast<uint8_t*>(copy.data()) + offset;
    std::memcpy(bytes, opened.builder.GetBufferPointer(), opened.builder.GetSize());
    const auto moved = ChatTemplate::open(flatbuffers::GetRoot<artifact::Text>(bytes));
    EXPECT_EQ(moved.ok(), offset == 8);
    if (!moved.ok()) {
      EXPECT_EQ(moved.status().code(), Code::kCorrupt);
      EXPECT_NE(moved.status().message().find("not aligned"), std::string::npos) << moved.status().message();
    }
  }
}

TEST(ChatTemplate, AMissingNameSaysSo) {
  Opened opened({kNone});
  const auto* text = flatbuffers::GetRoot<artifact::Text>(opened.builder.GetBufferPointer());
  const auto missing = ChatTemplate::open(text, "tool_use");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.status().code(), Code::kNotFound);
}

// Each node adds the one before to itself: 2^40 steps, and a text as long.
TEST(ChatTemplate, WorkAndTextAreBounded) {
  std::vector<Node> nodes = {kNone, Node(NodeKind::String, 0, 0, 0, 0)};
  for (uint32_t i = 1; i < 40; ++i)
    nodes.push_back(Node(NodeKind::Add, i, i, 0, 0));
  nodes.push_back(Node(NodeKind::Output, 40, 0, 0, 0));
  Opened opened(nodes);
  ASSERT_TRUE(opened.result.ok());
  EXPECT_FALSE(opened.result->render(Value::list({}), false).ok());
}

TEST(ChatTemplate, DeepTreesAreStopped) {
  std::vector<Node> nodes = {kNone};
  for (uint32_t i = 0; i < 100000; ++i)
    nodes.push_back(Node(NodeKind::Not, i, 0, 0, 0));
  nodes.push_back(Node(NodeKind::Output, 100000, 0, 0, 0));
  Opened opened(nodes);
  ASSERT_TRUE(opened.result.ok());
  const auto rendered = opened.result->render(Value::list({}), false);
  ASSERT_FALSE(rendered.ok());
  EXPECT_NE(rendered.status().message().find("nested too deep"), std::string::npos);
}

} // namespace
} // namespace r1::text
