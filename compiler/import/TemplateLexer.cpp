#include "compiler/import/TemplateLexer.h"

#include "compiler/import/TextError.h"
#include "compiler/import/Utf8.h"
#include "llvm/Support/ConvertUTF.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

namespace r1::compiler {
namespace {

using Kind = TemplateToken::Kind;

// What Python's str.isspace and \s call white space.
bool isSpace(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

std::string_view stripRight(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80)
      --begin;
    size_t pos = begin;
    if (!isSpace(nextCodePoint(text, pos)))
      break;
    end = begin;
  }
  return text.substr(0, end);
}

bool isNameStart(char c) { return c < 0 || c == '_' || ((c | 32) >= 'a' && (c | 32) <= 'z'); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isNameCharacter(char c) { return isNameStart(c) || isDigit(c); }

// One newline convention, and without the last newline.
std::string normalizeNewlines(std::string_view source) {
  std::string out;
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] == '\r') {
      out += '\n';
      i += i + 1 < source.size() && source[i + 1] == '\n';
    } else {
      out += source[i];
    }
  }
  if (out.ends_with('\n'))
    out.pop_back();
  return out;
}

class Lexer {
public:
  Lexer(std::string_view name, std::string source) : name_(name), source_(std::move(source)) {}

  llvm::Expected<std::vector<TemplateToken>> lex() {
    while (pos_ < source_.size() && !failed_)
      textAndTag();
    if (failed_)
      return templateError(name_, failedLine_, message_);
    push(Kind::End, "the end");
    return std::move(tokens_);
  }

private:
  bool at(std::string_view text) const { return std::string_view(source_).substr(pos_).starts_with(text); }
  unsigned line() {
    for (; counted_ < pos_; ++counted_)
      line_ += source_[counted_] == '\n';
    return line_;
  }
  void fail(std::string message) {
    if (!failed_)
      failedLine_ = line();
    if (!failed_)
      message_ = std::move(message);
    failed_ = true;
  }
  TemplateToken& push(Kind kind, std::string text) {
    TemplateToken token;
    token.kind = kind;
    token.text = std::move(text);
    token.line = line();
    tokens_.push_back(std::move(token));
    return tokens_.back();
  }
  void skipSpace() {
    while (pos_ < source_.size()) {
      size_t next = pos_;
      if (!isSpace(nextCodePoint(source_, next)))
        return;
      pos_ = next;
    }
  }

  // Text up to the next tag, and the tag.
  void textAndTag() {
    size_t tag = pos_;
    do {
      tag = source_.find('{', tag);
    } while (tag != std::string::npos && ++tag < source_.size() && source_[tag] != '%' &&
             source_[tag] != '{' && source_[tag] != '#');
    if (tag == std::string::npos || tag >= source_.size()) {
      push(Kind::Text, source_.substr(pos_));
      pos_ = source_.size();
      return;
    }
    char kind = source_[tag--];
    std::string_view text = std::string_view(source_).substr(pos_, tag - pos_);
    pos_ = tag + 2;
    char sign = takeSign();
    pushText(text, sign, kind != '{');
    lineStarts_ = false;
    if (kind == '#')
      return comment();
    if (kind == '{') {
      push(Kind::OutputBegin, "{{");
      return expression("}}", Kind::OutputEnd);
    }
    if (takeWholeTag("raw", false))
      return raw();
    push(Kind::BlockBegin, "{%");
    expression("%}", Kind::BlockEnd);
  }

  char takeSign() {
    if (!at("-") && !at("+"))
      return 0;
    return source_[pos_++];
  }

  void pushText(std::string_view text, char sign, bool isBlock) {
    if (sign == '-') {
      text = stripRight(text);
    } else if (sign != '+' && isBlock) {
      size_t start = text.rfind('\n') + 1;
      if ((start > 0 || lineStarts_) && stripRight(text.substr(start)).empty())
        text = text.substr(0, start);
    }
    if (!text.empty())
      push(Kind::Text, std::string(text));
  }

  // After the name of a tag: its end. With trim_blocks one newline goes away too.
  bool takeEnd(std::string_view end, bool trim) {
    if (at("-") && std::string_view(source_).substr(pos_ + 1).starts_with(end)) {
      pos_ += 1 + end.size();
      size_t before = pos_;
      skipSpace();
      lineStarts_ = pos_ > before && source_[pos_ - 1] == '\n';
      return true;
    }
    if (trim && at("+") && std::string_view(source_).substr(pos_ + 1).starts_with(end)) {
      pos_ += 1 + end.size();
      lineStarts_ = false;
      return true;
    }
    if (!at(end))
      return false;
    pos_ += end.size();
    lineStarts_ = trim && at("\n");
    pos_ += lineStarts_;
    return true;
  }

  void comment() {
    for (; pos_ < source_.size(); ++pos_)
      if (takeEnd("#}", true))
        return;
    fail("a comment that is not closed");
  }

  // "raw %}" and the like: nothing else in the tag.
  bool takeWholeTag(std::string_view word, bool trim) {
    size_t start = pos_;
    skipSpace();
    if (at(word)) {
      pos_ += word.size();
      skipSpace();
      if (takeEnd("%}", trim))
        return true;
    }
    pos_ = start;
    return false;
  }

  void raw() {
    size_t begin = pos_;
    for (size_t tag = source_.find("{%", begin); tag != std::string::npos;
         tag = source_.find("{%", tag + 1)) {
      pos_ = tag + 2;
      char sign = takeSign();
      bool starts = lineStarts_;
      if (!takeWholeTag("endraw", true))
        continue;
      bool after = lineStarts_;
      lineStarts_ = starts;
      pushText(std::string_view(source_).substr(begin, tag - begin), sign, true);
      lineStarts_ = after;
      return;
    }
    pos_ = begin;
    fail("a 'raw' block that is not closed");
  }

  void expression(std::string_view end, Kind endKind) {
    std::string open; // brackets that are still open; a tag does not end inside them
    while (!failed_) {
      if (open.empty() && takeEnd(end, endKind == Kind::BlockEnd)) {
        push(endKind, std::string(end));
        return;
      }
      if (pos_ >= source_.size())
        return fail("a tag that is not closed with '" + std::string(end) + "'");
      size_t before = pos_;
      skipSpace();
      if (pos_ == before)
        expressionToken(open);
    }
  }

  void expressionToken(std::string& open) {
    char c = source_[pos_];
    if (isDigit(c))
      return number();
    if (isNameStart(c)) {
      size_t begin = pos_;
      while (pos_ < source_.size() && isNameCharacter(source_[pos_]))
        ++pos_;
      push(Kind::Name, source_.substr(begin, pos_ - begin));
      return;
    }
    if (c == '\'' || c == '"')
      return string(c);
    for (std::string_view op : {"//", "**", "==", "!=", ">=", "<="})
      if (at(op)) {
        push(Kind::Operator, std::string(op));
        pos_ += 2;
        return;
      }
    if (std::string_view("+-*/%~[](){}<>=.:|,;").find(c) == std::string_view::npos)
      return fail(std::string("the character '") + c + "' in an expression");
    if (c == '(' || c == '[' || c == '{')
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c)
        return fail(std::string("an unexpected '") + c + "'");
      open.pop_back();
    }
    push(Kind::Operator, std::string(1, c));
    ++pos_;
  }

  std::string digits(int base) {
    std::string out;
    auto value = [](char c) {
      return isDigit(c) ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
    };
    for (; pos_ < source_.size(); ++pos_) {
      if (source_[pos_] == '_' && pos_ + 1 < source_.size() && value(source_[pos_ + 1]) < base)
        continue;
      if (value(source_[pos_]) >= base)
        break;
      out += source_[pos_];
    }
    return out;
  }

  void number() {
    int base = 10;
    for (auto [prefix, prefixBase] :
         {std::pair("0x", 16), {"0X", 16}, {"0o", 8}, {"0O", 8}, {"0b", 2}, {"0B", 2}})
      if (at(prefix)) {
        base = prefixBase;
        pos_ += 2;
        break;
      }
    std::string text = digits(base);
    bool real = false;
    if (base == 10) {
      if (at(".") && pos_ + 1 < source_.size() && isDigit(source_[pos_ + 1])) {
        real = true;
        ++pos_;
        text += '.' + digits(10);
      }
      size_t exponent = pos_ + 1;
      if (exponent < source_.size() && (source_[exponent] == '+' || source_[exponent] == '-'))
        ++exponent;
      if ((at("e") || at("E")) && exponent < source_.size() && isDigit(source_[exponent])) {
        real = true;
        text += source_.substr(pos_, exponent - pos_);
        pos_ = exponent;
        text += digits(10);
      }
    }
    TemplateToken& token = push(real ? Kind::Float : Kind::Integer, text);
    if (real) {
      token.real = std::strtod(text.c_str(), nullptr);
      return;
    }
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), token.integer, base);
    if (error != std::errc() || end != text.data() + text.size())
      fail("the integer '" + excerpt(text) + "', which does not fit in 64 bits");
  }

  void string(char quote) {
    std::string meaning;
    for (++pos_; pos_ < source_.size() && source_[pos_] != quote;) {
      if (source_[pos_] != '\\') {
        meaning += source_[pos_++];
        continue;
      }
      ++pos_;
      if (pos_ < source_.size())
        escape(meaning);
    }
    if (pos_ >= source_.size())
      return fail("a string that is not closed");
    push(Kind::String, meaning);
    ++pos_;
  }

  // Python's escapes. An unknown one stays as it is.
  void escape(std::string& meaning) {
    char c = source_[pos_++];
    static constexpr std::string_view kLetters = "abfnrtv\\'\"", kMeanings = "\a\b\f\n\r\t\v\\'\"";
    if (size_t i = kLetters.find(c); i != std::string_view::npos) {
      meaning += kMeanings[i];
    } else if (c == '\n') { // a line that goes on
    } else if (c >= '0' && c <= '7') {
      uint32_t code = static_cast<uint32_t>(c - '0');
      for (int i = 0; i < 2 && pos_ < source_.size() && source_[pos_] >= '0' && source_[pos_] <= '7'; ++i)
        code = code * 8 + static_cast<uint32_t>(source_[pos_++] - '0');
      appendUtf8(meaning, code);
    } else if (c == 'x' || c == 'u' || c == 'U') {
      size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      uint32_t code = 0;
      std::string_view hex = std::string_view(source_).substr(pos_, count);
      auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
      if (hex.size() != count || error != std::errc() || end != hex.data() + hex.size() || code > 0x10FFFF ||
          (code >= 0xD800 && code < 0xE000))
        return fail("a wrong escape in a string");
      pos_ += count;
      appendUtf8(meaning, code);
    } else if (c == 'N') {
      fail("the escape \\N in a string, which r1c does not know");
    } else {
      meaning += '\\';
      meaning += c;
    }
  }

  std::string_view name_;
  std::string source_;
  size_t pos_ = 0;
  bool lineStarts_ = true; // the text that follows begins a line
  std::vector<TemplateToken> tokens_;
  size_t counted_ = 0;
  unsigned line_ = 1;
  bool failed_ = false;
  unsigned failedLine_ = 0;
  std::string message_;
};

} // namespace

llvm::Error templateError(std::string_view name, unsigned line, const std::string& what) {
  return textError("chat template '" + excerpt(name) + "', line " + std::to_string(line) + ": " + what);
}

llvm::Expected<std::vector<TemplateToken>> lexTemplate(std::string_view name, std::string_view source) {
  const auto* begin = reinterpret_cast<const llvm::UTF8*>(source.data());
  if (!llvm::isLegalUTF8String(&begin, begin + source.size()))
    return templateError(name, 1, "it is not UTF-8");
  return Lexer(name, normalizeNewlines(source)).lex();
}

} // namespace r1::compiler
