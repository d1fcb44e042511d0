// What TemplateParser.cpp stands on: the tokens that are left, the first failure, and the tree that grows. Nodes are made children
// first, so a child's number is always smaller.
#pragma once
#include "compiler/import/TemplateLexer.h"
#include "compiler/import/Utf8.h"
#include "runtime/artifact/text_generated.h"

#include <algorithm>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace r1::compiler {

class TemplateBuilder {
protected:
  using NodeKind = artifact::NodeKind;
  using Token = TemplateToken;
  static constexpr unsigned kMaxDepth = 200; // of brackets and blocks in each other
  static constexpr uint32_t kMaxTreeDepth =
      400; // of the tree; runtime/text/template_run.cpp stops deeper ones
  static constexpr size_t kMaxNodes = 1 << 20;

  TemplateBuilder(std::string_view name, std::vector<Token> tokens)
      : name_(name), tokens_(std::move(tokens)) {
    tree_ = std::make_unique<artifact::TemplateT>();
    tree_->name = std::string(name);
    node(NodeKind::None);
  }

  struct Guard { // counts nesting
    explicit Guard(TemplateBuilder& parser) : parser(parser) {
      if (++parser.depth_ > kMaxDepth)
        parser.fail("it is nested deeper than " + std::to_string(kMaxDepth));
    }
    ~Guard() { --parser.depth_; }
    TemplateBuilder& parser;
  };

  // ---- tokens
  const Token& current() const { return tokens_[failed_ ? tokens_.size() - 1 : pos_]; }
  const Token& ahead() const { return tokens_[std::min(pos_ + 1, tokens_.size() - 1)]; }
  void advance() {
    if (pos_ + 1 < tokens_.size())
      ++pos_;
  }
  bool is(Token::Kind kind, std::string_view text) const {
    return current().kind == kind && current().text == text;
  }
  bool isOperator(std::string_view text) const { return is(Token::Kind::Operator, text); }
  bool isName(std::string_view text) const { return is(Token::Kind::Name, text); }
  bool takeOperator(std::string_view text) { return isOperator(text) && (advance(), true); }
  bool takeName(std::string_view text) { return isName(text) && (advance(), true); }
  void expectOperator(std::string_view text) {
    if (!takeOperator(text))
      fail("found " + shown() + ", expected '" + std::string(text) + "'");
  }
  void expectKind(Token::Kind kind, const char* text) {
    if (current().kind != kind)
      return fail("found " + shown() + ", expected '" + text + "'");
    advance();
  }
  std::string anyName() {
    if (current().kind != Token::Kind::Name) {
      fail("found " + shown() + ", expected a name");
      return {};
    }
    std::string name = current().text;
    advance();
    return name;
  }
  std::string shown() const {
    return current().kind == Token::Kind::End ? "the end" : "'" + excerpt(current().text, 40) + "'";
  }
  void fail(std::string message) {
    if (failed_)
      return;
    failedLine_ = current().line;
    failed_ = true;
    message_ = std::move(message);
  }

  // ---- tree
  uint32_t node(NodeKind kind, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0, uint32_t d = 0,
                std::initializer_list<uint32_t> children = {}) {
    uint32_t depth = 0;
    for (uint32_t child : children)
      depth = std::max(depth, depths_[child] + 1);
    return add(kind, a, b, c, d, depth);
  }
  uint32_t nodeOver(NodeKind kind, uint32_t a, uint32_t b, uint32_t c, uint32_t d,
                    const std::vector<uint32_t>& children, uint32_t child = 0) {
    uint32_t depth = depths_[child] + 1;
    for (uint32_t other : children)
      depth = std::max(depth, depths_[other] + 1);
    return add(kind, a, b, c, d, depth);
  }
  uint32_t add(NodeKind kind, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t depth) {
    if (depth > kMaxTreeDepth)
      fail("its tree is deeper than " + std::to_string(kMaxTreeDepth) + "; use more statements");
    if (tree_->nodes.size() >= kMaxNodes)
      fail("it has more than " + std::to_string(kMaxNodes) + " nodes");
    if (failed_)
      return 0;
    tree_->nodes.emplace_back(kind, a, b, c, d);
    depths_.push_back(depth);
    return static_cast<uint32_t>(tree_->nodes.size() - 1);
  }
  uint32_t string(const std::string& text) {
    auto [it, inserted] = strings_.try_emplace(text, static_cast<uint32_t>(tree_->strings.size()));
    if (inserted)
      tree_->strings.push_back(text);
    return it->second;
  }
  uint32_t list(const std::vector<uint32_t>& items) {
    auto start = static_cast<uint32_t>(tree_->lists.size());
    tree_->lists.insert(tree_->lists.end(), items.begin(), items.end());
    return start;
  }
  uint32_t listNode(NodeKind kind, const std::vector<uint32_t>& items) {
    return nodeOver(kind, list(items), static_cast<uint32_t>(items.size()), 0, 0, items);
  }

  std::string_view name_;
  std::vector<Token> tokens_;
  size_t pos_ = 0;
  unsigned depth_ = 0;
  std::unique_ptr<artifact::TemplateT> tree_;
  std::vector<uint32_t> depths_;
  std::map<std::string, uint32_t> strings_;
  bool failed_ = false;
  unsigned failedLine_ = 0;
  std::string message_;
};

} // namespace r1::compiler
