// A recursive-descent parser for the Oniguruma syntax that tokenizer.json uses. `^` and `$` are line anchors and \h is a hex
// digit there, whatever Perl thinks.
#include "compiler/import/RegexParser.h"

#include "compiler/import/TextError.h"
#include "compiler/import/Utf8.h"

#include <optional>

namespace r1::compiler {
namespace {

constexpr unsigned kMaxDepth = 64;    // of nested groups
constexpr unsigned kMaxRepeat = 1000; // of {n,m}
using Node = std::unique_ptr<RegexNode>;
using Kind = RegexNode::Kind;

Node makeNode(Kind kind) {
  auto node = std::make_unique<RegexNode>();
  node->kind = kind;
  return node;
}
Node makeSet(CodePointSet set) {
  Node node = makeNode(Kind::Set);
  node->set = std::move(set);
  return node;
}
Node makeAssertion(Kind kind, CodePointSet set, bool edge) {
  Node node = makeNode(kind);
  node->set = std::move(set);
  node->edge = edge;
  return node;
}
Node makeTwo(Kind kind, Node first, Node second) {
  Node node = makeNode(kind);
  node->children.push_back(std::move(first));
  node->children.push_back(std::move(second));
  return node;
}

bool isAsciiLetter(uint32_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

// A letter together with its other cases: long s and the Kelvin sign are cases of s and k.
void addCases(CodePointSet& set, uint32_t c) {
  set.add(c, c);
  if (!isAsciiLetter(c))
    return;
  set.add(c ^ 32, c ^ 32);
  if ((c | 32) == 's')
    set.add(0x17F, 0x17F);
  if ((c | 32) == 'k')
    set.add(0x212A, 0x212A);
}

class Parser {
public:
  explicit Parser(std::string_view pattern) : pattern_(pattern) {}

  llvm::Expected<Node> parse() {
    Node node = alternatives(0);
    if (!failed_ && pos_ < pattern_.size())
      fail("an unmatched ')'");
    if (failed_)
      return textError("regular expression '" + excerpt(pattern_, 200) + "' has " + message_ + " at byte " +
                       std::to_string(failedAt_) + ", which r1c does not support");
    return node;
  }

private:
  bool atEnd() const { return failed_ || pos_ >= pattern_.size(); }
  char peek() const { return pattern_[pos_]; }
  bool take(std::string_view text) {
    if (failed_ || !pattern_.substr(pos_).starts_with(text))
      return false;
    pos_ += text.size();
    return true;
  }
  uint32_t takeCodePoint() { return nextCodePoint(pattern_, pos_); }
  void fail(std::string message) {
    if (failed_)
      return;
    failed_ = true;
    message_ = std::move(message);
    failedAt_ = pos_;
  }

  Node alternatives(unsigned depth) {
    Node all = makeNode(Kind::Alternatives);
    if (depth > kMaxDepth)
      fail("groups nested deeper than " + std::to_string(kMaxDepth));
    bool ignoreCase = ignoreCase_;
    do {
      all->children.push_back(sequence(depth));
    } while (take("|"));
    ignoreCase_ = ignoreCase;
    return all->children.size() == 1 ? std::move(all->children[0]) : std::move(all);
  }

  Node sequence(unsigned depth) {
    Node all = makeNode(Kind::Sequence);
    uint32_t previous = 0;
    while (!atEnd() && peek() != '|' && peek() != ')') {
      literal_ = 0;
      Node item = atom(depth);
      if (failed_)
        return all;
      if (!item) {
        if (!all->children.empty())
          fail("an option in the middle of a group");
        continue;
      }
      if (ignoreCase_ && literal_)
        checkFolding(previous, literal_);
      previous = literal_;
      all->children.push_back(quantified(std::move(item)));
    }
    return all;
  }

  // Under (?i) "ss" also matches one sharp s, "fi" one ligature; such a match is not one code point for one.
  void checkFolding(uint32_t previous, uint32_t current) {
    char pair[3] = {static_cast<char>(previous | 32), static_cast<char>(current | 32), 0};
    for (const char* folds : {"ss", "st", "ff", "fi", "fl"})
      if (previous && !std::string_view(folds).compare(pair))
        fail(std::string("'") + pair + "' under (?i)");
  }

  Node quantified(Node item) {
    while (!atEnd()) {
      unsigned least = 0, most = RegexNode::kUnlimited;
      bool interval = false;
      size_t start = pos_;
      if (take("*")) {
      } else if (take("+")) {
        least = 1;
      } else if (take("?")) {
        most = 1;
      } else if (peek() == '{' && takeInterval(least, most)) {
        interval = true;
      } else {
        return item;
      }
      if (item->kind == Kind::Ahead || item->kind == Kind::Behind) {
        pos_ = start;
        fail("a repeated assertion");
      }
      Node repeat = makeNode(Kind::Repeat);
      if (interval && least == most && !atEnd() && peek() == '?')
        fail("the quantifier {n}?");
      if (take("?"))
        repeat->greedy = false;
      else if (!interval && !atEnd() && peek() == '+')
        fail("a possessive quantifier");
      repeat->least = least;
      repeat->most = most;
      repeat->children.push_back(std::move(item));
      item = std::move(repeat);
    }
    return item;
  }

  // "{n}", "{n,}", "{,m}", "{n,m}"; anything else after '{' is the character itself.
  bool takeInterval(unsigned& least, unsigned& most) {
    size_t start = pos_++;
    std::optional<unsigned> low = takeNumber(), high;
    bool comma = take(",");
    if (comma)
      high = takeNumber();
    if (!take("}") || (!low && !high)) {
      pos_ = start;
      return false;
    }
    least = low.value_or(0);
    most = comma ? high.value_or(RegexNode::kUnlimited) : *low;
    if (least > kMaxRepeat || (most != RegexNode::kUnlimited && most > kMaxRepeat) || least > most)
      fail("a repetition above " + std::to_string(kMaxRepeat) + " or in the wrong order");
    return true;
  }
  std::optional<unsigned> takeNumber() {
    std::optional<unsigned> value;
    while (!atEnd() && peek() >= '0' && peek() <= '9') {
      value = std::min(value.value_or(0) * 10 + static_cast<unsigned>(peek() - '0'), 100000u);
      ++pos_;
    }
    return value;
  }

  // A null result without failure: an option such as (?i), or a comment.
  Node atom(unsigned depth) {
    if (take("("))
      return group(depth);
    if (take("["))
      return makeSet(bracket(depth));
    if (take("."))
      return makeSet(dotAll_ ? CodePointSet::of(0, kLastCodePoint)
                             : CodePointSet::of('\n', '\n').complement());
    if (take(
            "^")) // a line begins at the text's start, and after a newline that is not the text's last character
      return makeTwo(Kind::Alternatives, makeAssertion(Kind::Behind, {}, true),
                     makeTwo(Kind::Sequence, makeAssertion(Kind::Behind, CodePointSet::of('\n', '\n'), false),
                             makeAssertion(Kind::Ahead, CodePointSet::of(0, kLastCodePoint), false)));
    if (take("$"))
      return makeAssertion(Kind::Ahead, CodePointSet::of('\n', '\n'), true);
    if (peek() == '\\')
      return escapeAtom();
    if (peek() == '*' || peek() == '+' || peek() == '?') {
      fail("a quantifier with nothing to repeat");
      return nullptr;
    }
    return literal(takeCodePoint());
  }

  Node literal(uint32_t code) {
    CodePointSet set;
    if (ignoreCase_) {
      if (code > 0x7F)
        fail("a character outside ASCII under (?i)");
      addCases(set, code);
      literal_ = code;
    } else {
      set.add(code, code);
    }
    return makeSet(std::move(set));
  }

  Node group(unsigned depth) {
    if (!take("?"))
      return closeGroup(alternatives(depth + 1));
    if (take(":"))
      return closeGroup(alternatives(depth + 1));
    if (take("#")) {
      while (!atEnd() && peek() != ')')
        ++pos_;
      return closeGroup(nullptr);
    }
    if (take("="))
      return lookaround(Kind::Ahead, false, depth);
    if (take("!"))
      return lookaround(Kind::Ahead, true, depth);
    if (take("<="))
      return lookaround(Kind::Behind, false, depth);
    if (take("<!"))
      return lookaround(Kind::Behind, true, depth);
    if (take(">")) {
      fail("an atomic group");
      return nullptr;
    }
    if (take("<")) {
      while (!atEnd() && peek() != '>')
        ++pos_;
      take(">");
      return closeGroup(alternatives(depth + 1));
    }
    return options(depth);
  }

  Node closeGroup(Node node) {
    if (!take(")"))
      fail("a group that is not closed");
    return node;
  }

  // "(?i)" changes what follows in the enclosing group, "(?i:...)" what it holds.
  Node options(unsigned depth) {
    bool on = true, ignoreCase = ignoreCase_, dotAll = dotAll_;
    while (!atEnd() && peek() != ')' && peek() != ':') {
      char c = peek();
      if (c == '-')
        on = false;
      else if (c == 'i')
        ignoreCase = on;
      else if (c == 'm')
        dotAll = on;
      else
        return fail(std::string("the group option '") + c + "'"), nullptr;
      ++pos_;
    }
    if (take(")")) {
      if (dotAll != dotAll_)
        fail("the option (?m) outside of a group of its own");
      ignoreCase_ = ignoreCase;
      return nullptr;
    }
    take(":");
    bool oldIgnoreCase = ignoreCase_, oldDotAll = dotAll_;
    ignoreCase_ = ignoreCase;
    dotAll_ = dotAll;
    Node node = closeGroup(alternatives(depth + 1));
    ignoreCase_ = oldIgnoreCase;
    dotAll_ = oldDotAll;
    literal_ = 0;
    return node;
  }

  Node lookaround(Kind kind, bool negative, unsigned depth) {
    Node inner = closeGroup(alternatives(depth + 1));
    literal_ = 0;
    CodePointSet set;
    bool edge = false;
    if (failed_ || !oneWide(*inner, kind, set, edge)) {
      fail("a lookaround wider than one character");
      return nullptr;
    }
    return negative ? makeAssertion(kind, set.complement(), !edge) : makeAssertion(kind, set, edge);
  }

  // Whether `node` is no more than "one code point of `set`, or (`edge`) the end of the text in that direction".
  static bool oneWide(const RegexNode& node, Kind direction, CodePointSet& set, bool& edge) {
    if (node.kind == Kind::Set) {
      set.add(node.set);
      return true;
    }
    if (node.kind == direction && direction == Kind::Ahead) {
      set.add(node.set);
      edge |= node.edge;
      return true;
    }
    if (node.kind == direction && node.set.empty()) {
      edge |= node.edge;
      return true;
    }
    if (node.kind == Kind::Alternatives || (node.kind == Kind::Sequence && node.children.size() == 1)) {
      for (const Node& child : node.children)
        if (!oneWide(*child, direction, set, edge))
          return false;
      return true;
    }
    return false;
  }

  Node escapeAtom() {
    if (take("\\A"))
      return makeAssertion(Kind::Behind, {}, true);
    if (take("\\z"))
      return makeAssertion(Kind::Ahead, {}, true);
    if (take("\\b") || take("\\B"))
      return wordBoundary(pattern_[pos_ - 1] == 'b');
    CodePointSet set;
    if (std::optional<uint32_t> code = escape(set))
      return literal(*code);
    return makeSet(std::move(set));
  }

  Node wordBoundary(bool boundary) {
    CodePointSet word = wordSet(), other = word.complement();
    auto both = [&](const CodePointSet& before, bool beforeEdge, const CodePointSet& after, bool afterEdge) {
      return makeTwo(Kind::Sequence, makeAssertion(Kind::Behind, before, beforeEdge),
                     makeAssertion(Kind::Ahead, after, afterEdge));
    };
    if (boundary)
      return makeTwo(Kind::Alternatives, both(word, false, other, true), both(other, true, word, false));
    return makeTwo(Kind::Alternatives, both(word, false, word, false), both(other, true, other, true));
  }

  // Reads one escape: a code point, or nullopt and a set.
  std::optional<uint32_t> escape(CodePointSet& set) {
    ++pos_;
    if (atEnd()) {
      fail("a '\\' at its end");
      return 0;
    }
    char c = peek();
    switch (c) {
    case 't':
      return ++pos_, '\t';
    case 'n':
      return ++pos_, '\n';
    case 'r':
      return ++pos_, '\r';
    case 'f':
      return ++pos_, '\f';
    case 'v':
      return ++pos_, '\v';
    case 'a':
      return ++pos_, '\a';
    case 'e':
      return ++pos_, 0x1B;
    case 'x':
      return ++pos_, hexEscape();
    case 'u':
      return ++pos_, hexDigits(4, 4);
    case 's':
      ++pos_, set = spaceSet();
      return std::nullopt;
    case 'S':
      ++pos_, set = spaceSet().complement();
      return std::nullopt;
    case 'd':
      ++pos_, set = digitSet();
      return std::nullopt;
    case 'D':
      ++pos_, set = digitSet().complement();
      return std::nullopt;
    case 'w':
      ++pos_, set = wordSet();
      return std::nullopt;
    case 'W':
      ++pos_, set = wordSet().complement();
      return std::nullopt;
    case 'h':
    case 'H':
      ++pos_;
      set = CodePointSet::of('0', '9');
      set.add('a', 'f');
      set.add('A', 'F');
      if (c == 'H')
        set = set.complement();
      return std::nullopt;
    case 'p':
    case 'P':
      ++pos_, set = property(c == 'P');
      return std::nullopt;
    default:
      break;
    }
    if (isAsciiLetter(static_cast<unsigned char>(c)) || (c >= '0' && c <= '9')) {
      fail(std::string("the escape '\\") + c + "'");
      return 0;
    }
    return takeCodePoint();
  }

  uint32_t hexEscape() {
    if (!take("{")) {
      uint32_t code = hexDigits(1, 2);
      if (code > 0x7F)
        fail("\\x above 7f, which is a byte and not a character there; write \\x{...}");
      return code;
    }
    uint32_t code = hexDigits(1, 6);
    if (!take("}"))
      fail("\\x{ without }");
    return code;
  }
  uint32_t hexDigits(unsigned least, unsigned most) {
    uint32_t code = 0;
    unsigned count = 0;
    for (; count < most && !atEnd(); ++count, ++pos_) {
      char c = peek();
      bool letter = (c | 32) >= 'a' && (c | 32) <= 'f';
      if (!letter && (c < '0' || c > '9'))
        break;
      code = code * 16 + static_cast<uint32_t>(letter ? (c | 32) - 'a' + 10 : c - '0');
    }
    if (count < least || code > kLastCodePoint)
      fail("an escape with wrong hexadecimal digits");
    return std::min(code, kLastCodePoint);
  }

  CodePointSet property(bool negative) {
    size_t end = pattern_.find('}', pos_);
    if (!take("{") || end == std::string_view::npos) {
      fail("\\p without {name}");
      return {};
    }
    if (take("^"))
      negative = !negative;
    std::string_view name = pattern_.substr(pos_, end - pos_);
    std::optional<CodePointSet> set = propertySet(name);
    if (!set) {
      fail("the property \\p{" + excerpt(name) + "}");
      return {};
    }
    // One-letter groups hold all cases of their members; Lu or Ll under (?i) would need full case folding.
    if (ignoreCase_ && name.size() > 1)
      fail("the property \\p{" + excerpt(name) + "} under (?i)");
    pos_ = end + 1;
    return negative ? set->complement() : *set;
  }

  // After '[': unions of characters, ranges, escapes, [:names:] and nested brackets, joined by '&&'.
  CodePointSet bracket(unsigned depth) {
    if (depth > kMaxDepth) {
      fail("brackets nested too deep");
      return {};
    }
    bool negative = take("^");
    CodePointSet all = CodePointSet::of(0, kLastCodePoint), part;
    bool intersected = false, empty = true;
    while (!atEnd() && peek() != ']') {
      empty = false;
      if (take("&&")) {
        all = intersection(all, part);
        part = CodePointSet();
        intersected = true;
      } else if (take("[:")) {
        part.add(posixClass());
      } else if (take("[")) {
        part.add(bracket(depth + 1));
      } else {
        bracketItem(part);
      }
    }
    if (empty)
      fail("an empty bracket");
    if (!take("]"))
      fail("a bracket that is not closed");
    if (intersected)
      part = intersection(all, part);
    return negative ? part.complement() : part;
  }

  static CodePointSet intersection(const CodePointSet& a, const CodePointSet& b) {
    CodePointSet outside = a.complement();
    outside.add(b.complement());
    return outside.complement();
  }

  CodePointSet posixClass() {
    size_t end = pattern_.find(":]", pos_);
    bool negative = take("^");
    std::string_view name = end == std::string_view::npos ? "" : pattern_.substr(pos_, end - pos_);
    CodePointSet set;
    if (name == "space")
      set = spaceSet();
    else if (name == "digit")
      set = digitSet();
    else if (name == "word")
      set = wordSet();
    else
      fail("the class [:" + excerpt(name) + ":]");
    if (!failed_)
      pos_ = end + 2;
    return negative ? set.complement() : set;
  }

  void bracketItem(CodePointSet& part) {
    CodePointSet set;
    std::optional<uint32_t> first = bracketCharacter(set);
    if (!first) {
      part.add(set);
      if (!atEnd() && peek() == '-' && !pattern_.substr(pos_).starts_with("-]"))
        fail("a range that begins with a class");
      return;
    }
    uint32_t last = *first;
    if (!failed_ && pattern_.substr(pos_).starts_with("-") && !pattern_.substr(pos_).starts_with("-]")) {
      ++pos_;
      if (atEnd() || peek() == '[')
        return fail("a range without an end");
      std::optional<uint32_t> end = bracketCharacter(set);
      if (!end || *end < *first)
        return fail("a range that ends with a class or before it begins");
      last = *end;
    }
    if (!ignoreCase_)
      return part.add(*first, last);
    if (last > 0x7F)
      return fail("a character outside ASCII under (?i)");
    for (uint32_t code = *first; code <= last; ++code)
      addCases(part, code);
  }

  std::optional<uint32_t> bracketCharacter(CodePointSet& set) {
    if (take("\\b"))
      return '\b';
    if (peek() == '\\')
      return escape(set);
    return takeCodePoint();
  }

  std::string_view pattern_;
  size_t pos_ = 0;
  bool ignoreCase_ = false, dotAll_ = false;
  uint32_t literal_ = 0; // the character that the last atom was, under (?i)
  bool failed_ = false;
  std::string message_;
  size_t failedAt_ = 0;
};

} // namespace

llvm::Expected<std::unique_ptr<RegexNode>> parseRegex(std::string_view pattern) {
  return Parser(pattern).parse();
}

} // namespace r1::compiler
