#include "runtime/text/value.h"

#include "runtime/text/utf8.h"

#include <charconv>
#include <cmath>

namespace r1::text {
namespace {

bool equal(const Value& a, const Value& b, int depth) {
  if (depth > kMaxValueDepth)
    return false;
  if (a.whole() && b.whole())
    return *a.whole() == *b.whole();
  if (a.number() && b.number())
    return *a.number() == *b.number();
  if (a.as_string() && b.as_string())
    return *a.as_string() == *b.as_string();
  if (const ValueList *x = a.as_list(), *y = b.as_list(); x && y) {
    if (x->tuple != y->tuple || x->items.size() != y->items.size())
      return false;
    for (size_t i = 0; i < x->items.size(); ++i)
      if (!equal(x->items[i], y->items[i], depth + 1))
        return false;
    return true;
  }
  if (const ValueDict *x = a.as_dict(), *y = b.as_dict(); x && y) {
    if (x == y)
      return true;
    if (x->is_namespace || y->is_namespace || x->items.size() != y->items.size())
      return false;
    for (const auto& [key, value] : x->items) {
      const Value* other = y->find(key);
      if (!other || !equal(value, *other, depth + 1))
        return false;
    }
    return true;
  }
  if (a.as_callable() || b.as_callable())
    return a.as_callable() == b.as_callable();
  return (a.is_none() && b.is_none()) || (a.is_undefined() && b.is_undefined());
}

void append_repr(std::string& out, const Value& value, int depth);

void append_string_repr(std::string& out, const std::string& text) {
  const bool has_single = text.find('\'') != std::string::npos,
             has_double = text.find('"') != std::string::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  out += quote;
  static constexpr char kHex[] = "0123456789abcdef";
  for (size_t pos = 0; pos < text.size();) {
    const Decoded decoded = decode_utf8(text, pos);
    const uint32_t c = decoded.code;
    if (c == '\\' || c == static_cast<uint8_t>(quote))
      (out += '\\') += static_cast<char>(c);
    else if (c == '\n')
      out += "\\n";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\t')
      out += "\\t";
    else if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD)
      ((out += "\\x") += kHex[c >> 4]) += kHex[c & 15];
    else
      append_utf8(out, c);
    pos += decoded.length;
  }
  out += quote;
}

void append_list_repr(std::string& out, const ValueList& list, int depth) {
  out += list.tuple ? '(' : '[';
  for (size_t i = 0; i < list.items.size(); ++i) {
    if (i)
      out += ", ";
    append_repr(out, list.items[i], depth + 1);
  }
  if (list.tuple && list.items.size() == 1)
    out += ',';
  out += list.tuple ? ')' : ']';
}

void append_repr(std::string& out, const Value& value, int depth) {
  if (depth > kMaxValueDepth) {
    out += "...";
  } else if (const std::string* text = value.as_string()) {
    append_string_repr(out, *text);
  } else if (const ValueList* list = value.as_list()) {
    append_list_repr(out, *list, depth);
  } else if (const ValueDict* dict = value.as_dict()) {
    out += dict->is_namespace ? "<Namespace {" : "{";
    for (size_t i = 0; i < dict->items.size(); ++i) {
      if (i)
        out += ", ";
      append_repr(out, dict->items[i].first, depth + 1);
      out += ": ";
      append_repr(out, dict->items[i].second, depth + 1);
    }
    out += dict->is_namespace ? "}>" : "}";
  } else if (const bool* boolean = value.as_boolean()) {
    out += *boolean ? "True" : "False";
  } else if (const int64_t* integer = value.as_integer()) {
    out += std::to_string(*integer);
  } else if (const double* real = value.as_real()) {
    out += real_to_text(*real);
  } else if (value.is_none()) {
    out += "None";
  } else if (value.is_undefined()) {
    out += "Undefined";
  } else {
    out += "<function>";
  }
}

} // namespace

Value Value::undefined(std::string name) {
  return Value(Data(std::make_shared<const std::pair<std::string, int>>(std::move(name), 0)));
}

Value Value::list(std::vector<Value> items) {
  auto list = std::make_shared<ValueList>();
  list->items = std::move(items);
  return of(std::move(list));
}

Value Value::dict(std::vector<std::pair<std::string, Value>> items) {
  auto dict = std::make_shared<ValueDict>();
  dict->items.reserve(items.size());
  for (auto& [key, value] : items)
    dict->items.emplace_back(string(std::move(key)), std::move(value));
  return of(std::move(dict));
}

const Value* ValueDict::find(const Value& key) const {
  for (const auto& [name, value] : items)
    if (name == key)
      return &value;
  return nullptr;
}

void ValueDict::set(const Value& key, Value value) {
  for (auto& [name, held] : items)
    if (name == key) {
      held = std::move(value);
      return;
    }
  items.emplace_back(key, std::move(value));
}

std::optional<int64_t> Value::whole() const {
  if (const int64_t* integer = as_integer())
    return *integer;
  if (const bool* boolean = as_boolean())
    return *boolean ? 1 : 0;
  return std::nullopt;
}

std::optional<double> Value::number() const {
  if (const double* real = as_real())
    return *real;
  if (std::optional<int64_t> value = whole())
    return static_cast<double>(*value);
  return std::nullopt;
}

bool Value::truthy() const {
  if (std::optional<double> value = number())
    return *value != 0;
  if (const std::string* text = as_string())
    return !text->empty();
  if (const ValueList* list = as_list())
    return !list->items.empty();
  if (const ValueDict* dict = as_dict())
    return dict->is_namespace || !dict->items.empty();
  return as_callable() != nullptr;
}

const char* Value::type_name() const {
  if (is_undefined())
    return "undefined";
  if (is_none())
    return "None";
  if (as_boolean())
    return "bool";
  if (as_integer())
    return "int";
  if (as_real())
    return "float";
  if (as_string())
    return "str";
  if (const ValueList* list = as_list())
    return list->tuple ? "tuple" : "list";
  if (const ValueDict* dict = as_dict())
    return dict->is_namespace ? "namespace" : "dict";
  return "function";
}

std::string_view Value::undefined_name() const {
  const Undefined* held = std::get_if<Undefined>(&data_);
  return held && *held ? std::string_view((*held)->first) : std::string_view();
}

bool operator==(const Value& a, const Value& b) { return equal(a, b, 0); }

std::string to_text(const Value& value) {
  if (const std::string* text = value.as_string())
    return *text;
  return value.is_undefined() ? std::string() : to_repr(value);
}

std::string to_repr(const Value& value) {
  std::string out;
  append_repr(out, value, 0);
  return out;
}

// The shortest digits that give the same number back, with an exponent below 1e-4 and from 1e16 on.
std::string real_to_text(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));
  std::string out;
  if (text.starts_with('-')) {
    out = "-";
    text.remove_prefix(1);
  }
  const size_t e = text.find('e');
  int exponent = 0;
  const size_t digits_at = e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(text.data() + digits_at, text.data() + text.size(), exponent);
  std::string digits(1, text[0]);
  if (e > 2)
    digits += text.substr(2, e - 2);
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits[0];
    if (count > 1)
      out += '.' + digits.substr(1);
    out += exponent < 0 ? "e-" : "e+";
    if (std::abs(exponent) < 10)
      out += '0';
    return out + std::to_string(std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1)
    return out + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  return out + digits.substr(0, static_cast<size_t>(exponent + 1)) + '.' +
         digits.substr(static_cast<size_t>(exponent + 1));
}

std::optional<int> compare(const Value& a, const Value& b) {
  auto order = [](const auto& x, const auto& y) { return x < y ? -1 : y < x ? 1 : 0; };
  if (a.whole() && b.whole())
    return order(*a.whole(), *b.whole());
  if (a.number() && b.number())
    return order(*a.number(), *b.number());
  if (a.as_string() && b.as_string())
    return order(*a.as_string(), *b.as_string());
  const ValueList *x = a.as_list(), *y = b.as_list();
  if (!x || !y || x->tuple != y->tuple)
    return std::nullopt;
  for (size_t i = 0; i < x->items.size() && i < y->items.size(); ++i)
    if (!(x->items[i] == y->items[i])) {
      if (x->items[i].as_list())
        return std::nullopt;
      return compare(x->items[i], y->items[i]);
    }
  return order(x->items.size(), y->items.size());
}

} // namespace r1::text
