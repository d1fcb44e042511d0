// A recursive-descent parser for Jinja with the precedences of Jinja 3: conditional, or, and, not, comparison, + -, ~, * / // %,
// **, unary, then postfix and filters. Nodes are made children first, so a child's number is always smaller.
#include "compiler/import/TemplateParser.h"

#include "compiler/import/TemplateBuilder.h"

#include <algorithm>
#include <map>

namespace r1::compiler {
namespace {

class Parser : TemplateBuilder {
public:
  Parser(std::string_view name, std::vector<Token> tokens) : TemplateBuilder(name, std::move(tokens)) {}

  llvm::Expected<std::unique_ptr<artifact::TemplateT>> parse() {
    tree_->root = body({});
    if (!failed_ && current().kind != Token::Kind::End)
      fail("found " + shown() + " where no block is open");
    if (failed_)
      return templateError(name_, failedLine_, message_);
    return std::move(tree_);
  }

private:
  // ---- statements

  // Everything up to a block that begins with one of `ends`; its name is left to be read.
  uint32_t body(std::initializer_list<std::string_view> ends) {
    Guard guard(*this);
    std::vector<uint32_t> items;
    while (!failed_ && current().kind != Token::Kind::End) {
      if (current().kind == Token::Kind::Text) {
        items.push_back(node(NodeKind::Text, string(current().text)));
        advance();
      } else if (current().kind == Token::Kind::OutputBegin) {
        advance();
        uint32_t value = tuple(true);
        items.push_back(node(NodeKind::Output, value, 0, 0, 0, {value}));
        expectKind(Token::Kind::OutputEnd, "}}");
      } else {
        advance();
        if (std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return isName(end); }))
          return listNode(NodeKind::Block, items);
        items.push_back(statement());
        expectKind(Token::Kind::BlockEnd, "%}");
      }
    }
    if (ends.size() > 0)
      fail("found the end, expected '" + std::string(*(ends.end() - 1)) + "'");
    return listNode(NodeKind::Block, items);
  }
  uint32_t blockBody(std::initializer_list<std::string_view> ends) {
    expectKind(Token::Kind::BlockEnd, "%}");
    return body(ends);
  }

  uint32_t statement() {
    std::string name = anyName();
    if (name == "if")
      return ifStatement();
    if (name == "for")
      return forStatement();
    if (name == "set")
      return setStatement();
    if (name == "macro")
      return macroStatement();
    if (name == "call")
      return callStatement();
    if (name == "filter")
      return filterStatement();
    if (name == "with")
      return withStatement();
    if (name == "break")
      return node(NodeKind::Break);
    if (name == "continue")
      return node(NodeKind::Continue);
    if (name == "generation") { // marks what the model is trained on; a scope of its own
      uint32_t inner = blockBody({"endgeneration"});
      advance();
      return node(NodeKind::With, 0, 0, inner, 0, {inner});
    }
    fail("the tag '" + excerpt(name, 40) + "', which r1c does not know");
    return 0;
  }

  uint32_t ifStatement() {
    Guard guard(*this);
    uint32_t condition = tuple(false);
    uint32_t then = blockBody({"elif", "else", "endif"}), otherwise = 0;
    if (takeName("elif")) {
      otherwise = ifStatement();
      return node(NodeKind::If, condition, then, otherwise, 0, {condition, then, otherwise});
    }
    if (takeName("else"))
      otherwise = blockBody({"endif"});
    takeName("endif");
    return node(NodeKind::If, condition, then, otherwise, 0, {condition, then, otherwise});
  }

  uint32_t forStatement() {
    uint32_t target = assignmentTarget(false);
    if (!takeName("in"))
      fail("found " + shown() + ", expected 'in'");
    uint32_t iterable = tuple(false), filter = 0, recursive = 0, otherwise = 0;
    if (takeName("if"))
      filter = expression();
    if (takeName("recursive"))
      recursive = 1;
    uint32_t inner = blockBody({"else", "endfor"});
    if (takeName("else"))
      otherwise = blockBody({"endfor"});
    takeName("endfor");
    uint32_t more = list({filter, otherwise, recursive});
    return node(NodeKind::For, target, iterable, inner, more, {target, iterable, inner, filter, otherwise});
  }

  uint32_t setStatement() {
    uint32_t target = assignmentTarget(true);
    if (takeOperator("=")) {
      uint32_t value = tuple(true);
      return node(NodeKind::Set, target, value, 0, 0, {target, value});
    }
    uint32_t filter = isOperator("|") ? filters(node(NodeKind::InputText)) : 0;
    uint32_t inner = blockBody({"endset"});
    advance();
    return node(NodeKind::SetBlock, target, inner, filter, 0, {target, inner, filter});
  }

  uint32_t macroStatement() {
    std::string name = anyName();
    std::vector<uint32_t> parameters = macroParameters();
    return macro(name, parameters, "endmacro");
  }
  std::vector<uint32_t> macroParameters() {
    std::vector<uint32_t> parameters;
    if (takeOperator("(") && !takeOperator(")"))
      do {
        uint32_t parameter = string(anyName());
        uint32_t otherwise = takeOperator("=") ? expression() : 0;
        parameters.push_back(node(NodeKind::Parameter, parameter, otherwise, 0, 0, {otherwise}));
      } while (!failed_ && (takeOperator(",") ? !takeOperator(")") : (expectOperator(")"), false)));
    return parameters;
  }
  uint32_t macro(const std::string& name, const std::vector<uint32_t>& parameters, std::string_view end) {
    uint32_t inner = blockBody({end});
    advance();
    return nodeOver(NodeKind::Macro, string(name), list(parameters), static_cast<uint32_t>(parameters.size()),
                    inner, parameters, inner);
  }

  // {% call(parameters) macro(arguments) %}: the body is a macro named caller.
  uint32_t callStatement() {
    std::vector<uint32_t> parameters = macroParameters();
    uint32_t call = expression();
    if (!failed_ && tree_->nodes[call].kind() != NodeKind::Call)
      fail("a 'call' block without a call");
    uint32_t caller = macro("caller", parameters, "endcall");
    return node(NodeKind::CallBlock, call, caller, 0, 0, {call, caller});
  }

  uint32_t filterStatement() {
    uint32_t filter = oneFilter(node(NodeKind::InputText));
    filter = filters(filter);
    uint32_t inner = blockBody({"endfilter"});
    advance();
    return node(NodeKind::FilterBlock, filter, inner, 0, 0, {filter, inner});
  }

  uint32_t withStatement() {
    std::vector<uint32_t> sets;
    while (!failed_ && current().kind != Token::Kind::BlockEnd) {
      if (!sets.empty())
        expectOperator(",");
      uint32_t target = assignmentTarget(false, false);
      expectOperator("=");
      uint32_t value = expression();
      sets.push_back(node(NodeKind::Set, target, value, 0, 0, {target, value}));
    }
    uint32_t inner = blockBody({"endwith"});
    advance();
    return nodeOver(NodeKind::With, list(sets), static_cast<uint32_t>(sets.size()), inner, 0, sets, inner);
  }

  // A name, `namespace.name`, or a tuple of names.
  uint32_t assignmentTarget(bool withNamespace, bool withTuple = true) {
    Guard guard(*this);
    auto one = [&]() -> uint32_t {
      if (takeOperator("(")) {
        uint32_t inner = assignmentTarget(false);
        expectOperator(")");
        return inner;
      }
      std::string name = anyName();
      if (withNamespace && takeOperator("."))
        return node(NodeKind::NamespaceItem, string(name), string(anyName()));
      for (std::string_view constant : {"true", "false", "none", "True", "False", "None"})
        if (name == constant)
          fail("an assignment to '" + name + "'");
      return node(NodeKind::Name, string(name));
    };
    uint32_t first = one();
    if (!withTuple || !isOperator(","))
      return first;
    std::vector<uint32_t> items = {first};
    while (!failed_ && takeOperator(",") && !isName("in") && !isOperator("=") && !isOperator(")"))
      items.push_back(one());
    return listNode(NodeKind::Tuple, items);
  }

  // ---- expressions

  bool endsTuple() const {
    using K = Token::Kind;
    return current().kind == K::OutputEnd || current().kind == K::BlockEnd || current().kind == K::End ||
           isOperator(")") || isOperator("]") || isName("recursive") || isName("if");
  }
  // One expression, or several with commas between: a tuple.
  uint32_t tuple(bool withConditional) {
    uint32_t first = withConditional ? expression() : orExpression();
    if (!isOperator(","))
      return first;
    std::vector<uint32_t> items = {first};
    while (!failed_ && takeOperator(",") && !endsTuple())
      items.push_back(withConditional ? expression() : orExpression());
    return listNode(NodeKind::Tuple, items);
  }

  uint32_t expression() {
    Guard guard(*this);
    uint32_t value = orExpression();
    while (!failed_ && takeName("if")) {
      uint32_t condition = orExpression(), otherwise = 0;
      if (takeName("else"))
        otherwise = expression();
      value = node(NodeKind::Conditional, condition, value, otherwise, 0, {condition, value, otherwise});
    }
    return value;
  }

  uint32_t two(NodeKind kind, uint32_t left, uint32_t right) {
    return node(kind, left, right, 0, 0, {left, right});
  }

  uint32_t orExpression() {
    uint32_t left = andExpression();
    while (!failed_ && takeName("or"))
      left = two(NodeKind::Or, left, andExpression());
    return left;
  }
  uint32_t andExpression() {
    uint32_t left = notExpression();
    while (!failed_ && takeName("and"))
      left = two(NodeKind::And, left, notExpression());
    return left;
  }
  uint32_t notExpression() {
    Guard guard(*this);
    if (failed_ || !takeName("not"))
      return comparison();
    uint32_t value = notExpression();
    return node(NodeKind::Not, value, 0, 0, 0, {value});
  }

  uint32_t comparison() {
    static const std::map<std::string_view, NodeKind> operators = {
        {"==", NodeKind::Equal},  {"!=", NodeKind::NotEqual},  {"<", NodeKind::Less},
        {">", NodeKind::Greater}, {"<=", NodeKind::LessEqual}, {">=", NodeKind::GreaterEqual}};
    uint32_t first = sum();
    std::vector<uint32_t> rest;
    while (!failed_) {
      NodeKind kind;
      auto it = operators.find(current().text);
      if (current().kind == Token::Kind::Operator && it != operators.end()) {
        kind = it->second;
        advance();
      } else if (takeName("in")) {
        kind = NodeKind::In;
      } else if (isName("not") && ahead().kind == Token::Kind::Name && ahead().text == "in") {
        advance();
        advance();
        kind = NodeKind::NotIn;
      } else {
        break;
      }
      uint32_t value = sum();
      rest.push_back(node(kind, value, 0, 0, 0, {value}));
    }
    if (rest.empty())
      return first;
    return nodeOver(NodeKind::Compare, first, list(rest), static_cast<uint32_t>(rest.size()), 0, rest, first);
  }

  uint32_t sum() {
    uint32_t left = concatenation();
    while (!failed_ && (isOperator("+") || isOperator("-"))) {
      NodeKind kind = isOperator("+") ? NodeKind::Add : NodeKind::Subtract;
      advance();
      left = two(kind, left, concatenation());
    }
    return left;
  }
  uint32_t concatenation() {
    uint32_t left = product();
    while (!failed_ && takeOperator("~"))
      left = two(NodeKind::Concatenate, left, product());
    return left;
  }
  uint32_t product() {
    static const std::map<std::string_view, NodeKind> operators = {{"*", NodeKind::Multiply},
                                                                   {"/", NodeKind::Divide},
                                                                   {"//", NodeKind::FloorDivide},
                                                                   {"%", NodeKind::Modulo}};
    uint32_t left = power();
    while (!failed_ && current().kind == Token::Kind::Operator) {
      auto it = operators.find(current().text);
      if (it == operators.end())
        break;
      advance();
      left = two(it->second, left, power());
    }
    return left;
  }
  uint32_t power() {
    uint32_t left = unary(true);
    while (!failed_ && takeOperator("**"))
      left = two(NodeKind::Power, left, unary(true));
    return left;
  }

  uint32_t unary(bool withFilter) {
    Guard guard(*this);
    if (failed_)
      return 0;
    uint32_t value;
    if (isOperator("-") || isOperator("+")) {
      NodeKind kind = isOperator("-") ? NodeKind::Negative : NodeKind::Positive;
      advance();
      uint32_t operand = unary(false);
      value = node(kind, operand, 0, 0, 0, {operand});
    } else {
      value = primary();
    }
    value = postfix(value);
    return withFilter ? filters(value) : value;
  }

  uint32_t primary() {
    const Token token = current();
    switch (token.kind) {
    case Token::Kind::Name:
      advance();
      if (token.text == "true" || token.text == "True")
        return node(NodeKind::True);
      if (token.text == "false" || token.text == "False")
        return node(NodeKind::False);
      if (token.text == "none" || token.text == "None")
        return node(NodeKind::None);
      return node(NodeKind::Name, string(token.text));
    case Token::Kind::String: {
      std::string text;
      for (; current().kind == Token::Kind::String; advance())
        text += current().text;
      return node(NodeKind::String, string(text));
    }
    case Token::Kind::Integer:
      advance();
      tree_->integers.push_back(token.integer);
      return node(NodeKind::Integer, static_cast<uint32_t>(tree_->integers.size() - 1));
    case Token::Kind::Float:
      advance();
      tree_->floats.push_back(token.real);
      return node(NodeKind::Float, static_cast<uint32_t>(tree_->floats.size() - 1));
    default:
      break;
    }
    if (takeOperator("("))
      return parenthesis();
    if (takeOperator("["))
      return listNode(NodeKind::List, items("]"));
    if (takeOperator("{"))
      return dict();
    fail("found " + shown() + ", expected a value");
    return 0;
  }
  uint32_t parenthesis() {
    if (takeOperator(")"))
      return listNode(NodeKind::Tuple, {});
    uint32_t value = tuple(true);
    expectOperator(")");
    return value;
  }
  std::vector<uint32_t> items(std::string_view end) {
    std::vector<uint32_t> list;
    while (!failed_ && !takeOperator(end)) {
      if (!list.empty()) {
        expectOperator(",");
        if (takeOperator(end))
          break;
      }
      list.push_back(expression());
    }
    return list;
  }
  uint32_t dict() {
    std::vector<uint32_t> list;
    while (!failed_ && !takeOperator("}")) {
      if (!list.empty()) {
        expectOperator(",");
        if (takeOperator("}"))
          break;
      }
      list.push_back(expression());
      expectOperator(":");
      list.push_back(expression());
    }
    return listNode(NodeKind::Dict, list);
  }

  uint32_t postfix(uint32_t value) {
    while (!failed_) {
      if (takeOperator(".")) {
        if (current().kind == Token::Kind::Integer) {
          uint32_t index = primary();
          value = two(NodeKind::Item, value, index);
        } else {
          value = node(NodeKind::Attribute, value, string(anyName()), 0, 0, {value});
        }
      } else if (takeOperator("[")) {
        value = subscript(value);
      } else if (isOperator("(")) {
        value = call(value);
      } else {
        break;
      }
    }
    return value;
  }

  uint32_t subscript(uint32_t value) {
    uint32_t parts[3] = {0, 0, 0};
    int part = 0;
    if (!isOperator(":"))
      parts[0] = tuple(true);
    if (takeOperator("]"))
      return two(NodeKind::Item, value, parts[0]);
    while (!failed_ && part < 2 && takeOperator(":")) {
      ++part;
      if (!isOperator(":") && !isOperator("]"))
        parts[part] = expression();
    }
    expectOperator("]");
    uint32_t start = list({parts[0], parts[1], parts[2]});
    return node(NodeKind::Slice, value, start, 0, 0, {value, parts[0], parts[1], parts[2]});
  }

  std::vector<uint32_t> arguments() {
    std::vector<uint32_t> list;
    expectOperator("(");
    bool first = true;
    while (!failed_ && !takeOperator(")")) {
      if (!first) {
        expectOperator(",");
        if (takeOperator(")"))
          break;
      }
      first = false;
      if (current().kind == Token::Kind::Name && ahead().kind == Token::Kind::Operator &&
          ahead().text == "=") {
        uint32_t keyword = string(anyName());
        advance();
        uint32_t value = expression();
        list.push_back(node(NodeKind::Keyword, keyword, value, 0, 0, {value}));
      } else {
        list.push_back(expression());
      }
    }
    return list;
  }
  uint32_t call(uint32_t callee) {
    std::vector<uint32_t> list = arguments();
    return nodeOver(NodeKind::Call, callee, this->list(list), static_cast<uint32_t>(list.size()), 0, list,
                    callee);
  }

  uint32_t filters(uint32_t value) {
    while (!failed_) {
      if (takeOperator("|"))
        value = oneFilter(value);
      else if (takeName("is"))
        value = test(value);
      else if (isOperator("("))
        value = call(value);
      else
        break;
    }
    return value;
  }
  std::string dottedName() {
    std::string name = anyName();
    while (!failed_ && takeOperator("."))
      name += '.' + anyName();
    return name;
  }
  uint32_t oneFilter(uint32_t value) {
    uint32_t name = string(dottedName());
    std::vector<uint32_t> list;
    if (isOperator("("))
      list = arguments();
    return nodeOver(NodeKind::Filter, value, name, this->list(list), static_cast<uint32_t>(list.size()), list,
                    value);
  }

  // `value is name`, `is not name`, `is name argument`, `is name(arguments)`.
  uint32_t test(uint32_t value) {
    bool negated = takeName("not");
    uint32_t name = string(dottedName());
    std::vector<uint32_t> list;
    using K = Token::Kind;
    K kind = current().kind;
    bool startsValue = kind == K::Name || kind == K::String || kind == K::Integer || kind == K::Float ||
                       isOperator("[") || isOperator("{");
    if (isOperator("("))
      list = arguments();
    else if (startsValue && !isName("else") && !isName("or") && !isName("and"))
      list.push_back(isName("is") ? (fail("one test after another; use parentheses"), 0) : testArgument());
    value = nodeOver(NodeKind::Test, value, name, this->list(list), static_cast<uint32_t>(list.size()), list,
                     value);
    return negated ? node(NodeKind::Not, value, 0, 0, 0, {value}) : value;
  }
  uint32_t testArgument() {
    Guard guard(*this);
    return failed_ ? 0 : postfix(primary());
  }
};

} // namespace

llvm::Expected<std::unique_ptr<artifact::TemplateT>> compileTemplate(std::string_view name,
                                                                     std::string_view source) {
  auto tokens = lexTemplate(name, source);
  if (!tokens)
    return tokens.takeError();
  return Parser(name, std::move(*tokens)).parse();
}

} // namespace r1::compiler
