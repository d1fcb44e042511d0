#include "runtime/text/chat_template.h"

#include "runtime/text/template_run.h"
#include "runtime/text/utf8.h"

namespace r1::text {
namespace {

using artifact::Node;
using artifact::NodeKind;

// The operands of a node, as text.fbs describes them.
struct Checker {
  const artifact::Template* tree;
  uint32_t number; // of the node being checked
  const Node* node;

  bool child(uint32_t index) const { return index < number; }
  bool string(uint32_t index) const { return index < tree->strings()->size(); }
  bool list(uint32_t start, uint32_t count) const {
    const uint32_t size = tree->lists()->size();
    return start <= size && count <= size - start;
  }
  bool children(uint32_t start, uint32_t count) const {
    if (!list(start, count))
      return false;
    for (uint32_t i = 0; i < count; ++i)
      if (!child(tree->lists()->Get(start + i)))
        return false;
    return true;
  }
  bool kinds(uint32_t start, uint32_t count, NodeKind kind) const {
    for (uint32_t i = 0; i < count; ++i)
      if (tree->nodes()->Get(tree->lists()->Get(start + i))->kind() != kind)
        return false;
    return true;
  }
  bool is(uint32_t index, NodeKind kind) const {
    return child(index) && tree->nodes()->Get(index)->kind() == kind;
  }

  bool ok() const {
    const uint32_t a = node->a(), b = node->b(), c = node->c(), d = node->d();
    switch (node->kind()) {
    case NodeKind::None:
    case NodeKind::True:
    case NodeKind::False:
    case NodeKind::Break:
    case NodeKind::Continue:
    case NodeKind::InputText:
      return true;
    case NodeKind::Text:
    case NodeKind::String:
    case NodeKind::Name:
      return string(a);
    case NodeKind::NamespaceItem:
      return string(a) && string(b);
    case NodeKind::Integer:
      return a < tree->integers()->size();
    case NodeKind::Float:
      return a < tree->floats()->size();
    case NodeKind::Block:
    case NodeKind::List:
    case NodeKind::Tuple:
      return children(a, b);
    case NodeKind::Dict:
      return b % 2 == 0 && children(a, b);
    case NodeKind::If:
    case NodeKind::Conditional:
      return child(a) && child(b) && child(c);
    case NodeKind::For:
      return child(a) && child(b) && child(c) && list(d, 3) && children(d, 2);
    case NodeKind::SetBlock:
      return child(a) && child(b) && child(c);
    case NodeKind::Macro:
      return string(a) && children(b, c) && kinds(b, c, NodeKind::Parameter) && child(d);
    case NodeKind::CallBlock:
      return is(a, NodeKind::Call) && is(b, NodeKind::Macro);
    case NodeKind::With:
      return children(a, b) && kinds(a, b, NodeKind::Set) && child(c);
    case NodeKind::Attribute:
      return child(a) && string(b);
    case NodeKind::Slice:
      return child(a) && children(b, 3);
    case NodeKind::Call:
    case NodeKind::Compare:
      return child(a) && children(b, c);
    case NodeKind::Filter:
    case NodeKind::Test:
      return child(a) && string(b) && children(c, d);
    case NodeKind::Keyword:
    case NodeKind::Parameter:
      return string(a) && child(b);
    case NodeKind::Output:
    case NodeKind::Not:
    case NodeKind::Negative:
    case NodeKind::Positive:
    case NodeKind::Equal:
    case NodeKind::NotEqual:
    case NodeKind::Less:
    case NodeKind::LessEqual:
    case NodeKind::Greater:
    case NodeKind::GreaterEqual:
    case NodeKind::In:
    case NodeKind::NotIn:
      return child(a);
    case NodeKind::Set:
    case NodeKind::FilterBlock:
    case NodeKind::Item:
    case NodeKind::And:
    case NodeKind::Or:
    case NodeKind::Add:
    case NodeKind::Subtract:
    case NodeKind::Multiply:
    case NodeKind::Divide:
    case NodeKind::FloorDivide:
    case NodeKind::Modulo:
    case NodeKind::Power:
    case NodeKind::Concatenate:
      return child(a) && child(b);
    }
    return false;
  }
};

} // namespace

Result<ChatTemplate> ChatTemplate::open(const artifact::Text* text, std::string_view name) {
  ChatTemplate result;
  result.text_ = text;
  for (const artifact::Template* tree : *text->templates())
    if (tree->name()->string_view() == name)
      result.tree_ = tree;
  const int length = static_cast<int>(std::min<size_t>(name.size(), 80));
  if (!result.tree_)
    return fail(
        Code::kNotFound,
        "the artifact has no chat template '%.*s'; compile a folder whose tokenizer_config.json has one",
        length, name.data());
  const artifact::Template* tree = result.tree_;
  const auto askew = [](const auto* numbers) { // which the verifier does not look at
    return numbers->size() > 0 && reinterpret_cast<uintptr_t>(numbers->Data()) % 8;
  };
  if (askew(tree->integers()) || askew(tree->floats()))
    return fail(
        Code::kCorrupt,
        "chat template '%.*s' of the artifact has numbers that are not aligned; compile the model again",
        length, name.data());
  for (const flatbuffers::String* string : *tree->strings())
    if (!is_utf8(string->string_view()))
      return fail(
          Code::kCorrupt,
          "chat template '%.*s' of the artifact holds text that is not UTF-8; compile the model again",
          length, name.data());
  if (tree->root() >= tree->nodes()->size())
    return fail(Code::kCorrupt, "chat template '%.*s' of the artifact has no root; compile the model again",
                length, name.data());
  for (uint32_t i = 0; i < tree->nodes()->size(); ++i)
    if (!Checker{tree, i, tree->nodes()->Get(i)}.ok())
      return fail(Code::kCorrupt,
                  "chat template '%.*s' of the artifact is broken at node %u; compile the model again",
                  length, name.data(), i);
  return result;
}

Result<std::string> ChatTemplate::render(const Value& messages, bool add_generation_prompt,
                                         const Variables& extra) const {
  Variables variables = extra;
  auto set = [&](const char* name, Value value) {
    for (auto& [held, old] : variables)
      if (held == name)
        return;
    variables.emplace_back(name, std::move(value));
  };
  for (auto [name, token] : {std::pair("bos_token", text_->bos_token()),
                             {"eos_token", text_->eos_token()},
                             {"unk_token", text_->unk_token()},
                             {"pad_token", text_->pad_token()}})
    if (token)
      set(name, Value::string(to_valid_utf8(token->string_view())));
  set("messages", messages);
  set("add_generation_prompt", Value::boolean(add_generation_prompt));
  TemplateRun run(*tree_, variables);
  return run.render();
}

} // namespace r1::text
