// JSON for templates: the filters tojson and from_json.
#include "runtime/text/utf8.h"
#include "runtime/text/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace r1::text {
namespace {

class Writer {
public:
  explicit Writer(const JsonStyle& style) : style_(style) {}

  bool write(const Value& value, int depth) {
    if (depth > kMaxValueDepth)
      return false;
    if (const std::string* text = value.as_string())
      return string(*text), true;
    if (const ValueList* list = value.as_list())
      return write_list(*list, depth);
    if (const ValueDict* dict = value.as_dict())
      return !dict->is_namespace && write_dict(*dict, depth);
    if (value.is_undefined() || value.as_callable())
      return false;
    out += scalar(value);
    return true;
  }

  std::string out;

private:
  static std::string scalar(const Value& value) {
    if (value.is_none())
      return "null";
    if (const bool* boolean = value.as_boolean())
      return *boolean ? "true" : "false";
    if (const int64_t* integer = value.as_integer())
      return std::to_string(*integer);
    const double real = *value.as_real();
    if (std::isnan(real))
      return "NaN";
    if (std::isinf(real))
      return real < 0 ? "-Infinity" : "Infinity";
    return real_to_text(real);
  }

  void string(std::string_view text) {
    auto unicode = [this](uint32_t code) {
      static constexpr char kHex[] = "0123456789abcdef";
      out += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4)
        out += kHex[code >> shift & 15];
    };
    out += '"';
    for (size_t pos = 0; pos < text.size();) {
      const Decoded decoded = decode_utf8(text, pos);
      const uint32_t c = decoded.code;
      static constexpr std::string_view kPlain = "\"\\\n\r\t\f\b", kEscaped = "\"\\nrtfb";
      if (size_t i = c < 128 ? kPlain.find(static_cast<char>(c)) : std::string_view::npos;
          i != std::string_view::npos)
        (out += '\\') += kEscaped[i];
      else if (c < 0x20)
        unicode(c);
      else if (c < 0x80 || !style_.ensure_ascii)
        append_utf8(out, c);
      else if (c < 0x10000)
        unicode(c);
      else
        unicode(0xD800 + ((c - 0x10000) >> 10)), unicode(0xDC00 + ((c - 0x10000) & 0x3FF));
      pos += decoded.length;
    }
    out += '"';
  }

  void new_line(int depth) {
    if (!style_.indent)
      return;
    out += '\n';
    for (int i = 0; i < depth; ++i)
      out += *style_.indent;
  }

  bool write_list(const ValueList& list, int depth) {
    if (list.items.empty())
      return out += "[]", true;
    out += '[';
    for (size_t i = 0; i < list.items.size(); ++i) {
      if (i)
        out += style_.item_separator;
      new_line(depth + 1);
      if (!write(list.items[i], depth + 1))
        return false;
    }
    new_line(depth);
    out += ']';
    return true;
  }

  bool write_dict(const ValueDict& dict, int depth) {
    if (dict.items.empty())
      return out += "{}", true;
    std::vector<const std::pair<Value, Value>*> items;
    for (const auto& item : dict.items)
      items.push_back(&item);
    bool comparable = true;
    if (style_.sort_keys) {
      for (size_t i = 1; i < items.size(); ++i)
        comparable &= compare(items[0]->first, items[i]->first).has_value();
      if (!comparable)
        return false;
      std::sort(items.begin(), items.end(),
                [](const auto* a, const auto* b) { return compare(a->first, b->first).value_or(0) < 0; });
    }
    out += '{';
    for (size_t i = 0; i < items.size(); ++i) {
      if (i)
        out += style_.item_separator;
      new_line(depth + 1);
      const Value& key = items[i]->first;
      if (const std::string* text = key.as_string())
        string(*text);
      else if (key.is_none() || key.number())
        string(scalar(key));
      else
        return false;
      out += style_.key_separator;
      if (!write(items[i]->second, depth + 1))
        return false;
    }
    new_line(depth);
    out += '}';
    return true;
  }

  const JsonStyle& style_;
};

class Reader {
public:
  explicit Reader(std::string_view text) : text_(text) {}

  std::optional<Value> read() {
    std::optional<Value> value = element(0);
    space();
    return pos_ == text_.size() ? value : std::nullopt;
  }

private:
  void space() {
    while (pos_ < text_.size() && std::string_view(" \t\n\r").find(text_[pos_]) != std::string_view::npos)
      ++pos_;
  }
  bool take(std::string_view word) {
    if (!text_.substr(pos_).starts_with(word))
      return false;
    pos_ += word.size();
    return true;
  }

  std::optional<Value> element(int depth) {
    space();
    if (depth > kMaxValueDepth || pos_ >= text_.size())
      return std::nullopt;
    if (take("null"))
      return Value::none();
    if (take("true"))
      return Value::boolean(true);
    if (take("false"))
      return Value::boolean(false);
    if (take("NaN"))
      return Value::real(std::nan(""));
    if (take("Infinity"))
      return Value::real(HUGE_VAL);
    if (take("-Infinity"))
      return Value::real(-HUGE_VAL);
    if (text_[pos_] == '"') {
      std::optional<std::string> text = string();
      return text ? std::optional(Value::string(std::move(*text))) : std::nullopt;
    }
    if (take("["))
      return list(depth);
    if (take("{"))
      return dict(depth);
    return number();
  }

  std::optional<Value> list(int depth) {
    std::vector<Value> items;
    space();
    if (take("]"))
      return Value::list({});
    do {
      std::optional<Value> item = element(depth + 1);
      if (!item)
        return std::nullopt;
      items.push_back(std::move(*item));
      space();
    } while (take(","));
    return take("]") ? std::optional(Value::list(std::move(items))) : std::nullopt;
  }

  std::optional<Value> dict(int depth) {
    auto dict = std::make_shared<ValueDict>();
    space();
    if (take("}"))
      return Value::of(dict);
    do {
      space();
      std::optional<std::string> key = string();
      space();
      if (!key || !take(":"))
        return std::nullopt;
      std::optional<Value> value = element(depth + 1);
      if (!value)
        return std::nullopt;
      dict->set(Value::string(std::move(*key)), std::move(*value));
      space();
    } while (take(","));
    return take("}") ? std::optional(Value::of(dict)) : std::nullopt;
  }

  std::optional<uint32_t> hex4() {
    uint32_t code = 0;
    const std::string_view digits = text_.substr(pos_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (digits.size() != 4 || error != std::errc() || end != digits.data() + 4)
      return std::nullopt;
    pos_ += 4;
    return code;
  }

  std::optional<std::string> string() {
    if (!take("\""))
      return std::nullopt;
    std::string out;
    while (pos_ < text_.size() && text_[pos_] != '"') {
      const char c = text_[pos_++];
      if (static_cast<uint8_t>(c) < 0x20)
        return std::nullopt;
      if (c != '\\') {
        out += c;
        continue;
      }
      if (pos_ >= text_.size())
        return std::nullopt;
      const char escape = text_[pos_++];
      static constexpr std::string_view kEscaped = "\"\\/nrtfb", kPlain = "\"\\/\n\r\t\f\b";
      if (size_t i = kEscaped.find(escape); i != std::string_view::npos) {
        out += kPlain[i];
        continue;
      }
      if (escape != 'u')
        return std::nullopt;
      std::optional<uint32_t> code = hex4();
      if (!code)
        return std::nullopt;
      if (*code >= 0xD800 && *code < 0xDC00 && text_.substr(pos_).starts_with("\\u")) {
        const size_t before = pos_;
        pos_ += 2;
        const std::optional<uint32_t> low = hex4();
        if (low && *low >= 0xDC00 && *low < 0xE000)
          code = 0x10000 + ((*code - 0xD800) << 10) + (*low - 0xDC00);
        else
          pos_ = before;
      }
      append_utf8(out, *code);
    }
    return take("\"") ? std::optional(std::move(out)) : std::nullopt;
  }

  std::optional<Value> number() {
    const size_t begin = pos_;
    take("-");
    const size_t digits = pos_;
    auto run = [this] {
      const size_t start = pos_;
      while (pos_ < text_.size() && text_[pos_] >= '0' && text_[pos_] <= '9')
        ++pos_;
      return pos_ > start;
    };
    if (!run() || (text_[digits] == '0' && pos_ > digits + 1))
      return std::nullopt;
    bool real = false;
    if (take(".") && (real = true, !run()))
      return std::nullopt;
    if (take("e") || take("E")) {
      real = true;
      if (!take("+"))
        take("-");
      if (!run())
        return std::nullopt;
    }
    const std::string token(text_.substr(begin, pos_ - begin));
    int64_t integer = 0;
    if (!real && std::from_chars(token.data(), token.data() + token.size(), integer).ec == std::errc())
      return Value::integer(integer);
    return Value::real(std::strtod(token.c_str(), nullptr));
  }

  std::string_view text_;
  size_t pos_ = 0;
};

} // namespace

std::optional<std::string> to_json(const Value& value, const JsonStyle& style) {
  Writer writer(style);
  if (!writer.write(value, 0))
    return std::nullopt;
  return std::move(writer.out);
}

std::optional<Value> parse_json(std::string_view text) { return Reader(text).read(); }

} // namespace r1::text
