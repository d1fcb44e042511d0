// Python's methods of texts, lists and dicts, as far as chat templates call them. Letters change case in ASCII only.
#include "runtime/text/template_run.h"
#include "runtime/text/template_text.h"
#include "runtime/text/utf8.h"

#include <algorithm>
#include <array>

namespace r1::text {
namespace {

constexpr std::array<std::string_view, 30> kStringMethods = {
    "upper",  "lower",        "capitalize",   "title",     "strip",     "lstrip",   "rstrip",  "split",
    "rsplit", "splitlines",   "startswith",   "endswith",  "replace",   "join",     "find",    "rfind",
    "index",  "count",        "isdigit",      "isalpha",   "isalnum",   "isspace",  "isupper", "islower",
    "zfill",  "removeprefix", "removesuffix", "partition", "isnumeric", "isdecimal"};
constexpr std::array<std::string_view, 8> kListMethods = {"append", "pop",   "insert", "extend",
                                                          "index",  "count", "copy",   "reverse"};
constexpr std::array<std::string_view, 8> kDictMethods = {"items", "keys",   "values",     "get",
                                                          "pop",   "update", "setdefault", "copy"};

template <class Names> bool among(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// startswith and endswith take a text or a tuple of texts.
bool any_affix(const Value& affix, const std::function<bool(const std::string&)>& fits) {
  if (const std::string* text = affix.as_string())
    return fits(*text);
  if (const ValueList* list = affix.as_list())
    return std::any_of(list->items.begin(), list->items.end(),
                       [&](const Value& item) { return item.as_string() && fits(*item.as_string()); });
  return false;
}

// isdigit and the like: every character fits, and there is one.
bool all_characters(std::string_view text, bool (*fits)(uint32_t)) {
  for (size_t pos = 0; pos < text.size();) {
    const Decoded decoded = decode_utf8(text, pos);
    if (!fits(decoded.code))
      return false;
    pos += decoded.length;
  }
  return !text.empty();
}
bool is_digit(uint32_t c) { return c >= '0' && c <= '9'; }
bool is_alpha(uint32_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
bool is_alnum(uint32_t c) { return is_digit(c) || is_alpha(c); }
bool has_case(std::string_view text, char first, char last) {
  return std::any_of(text.begin(), text.end(), [=](char c) { return c >= first && c <= last; });
}

} // namespace

bool TemplateRun::has_method(const Value& object, std::string_view name) {
  if (object.as_string())
    return among(kStringMethods, name);
  if (const ValueList* list = object.as_list())
    return among(kListMethods, name) && (!list->tuple || name == "index" || name == "count");
  const ValueDict* dict = object.as_dict();
  return dict && !dict->is_namespace && among(kDictMethods, name);
}

Value TemplateRun::call_method(const Value& self, std::string_view name, Arguments& arguments) {
  if (const std::string* text = self.as_string()) {
    if (!charge(text->size()))
      return {};
    return string_method(*text, name, arguments);
  }
  if (self.as_list())
    return list_method(self, name, arguments);
  return dict_method(self, name, arguments);
}

Value TemplateRun::string_method(const std::string& self, std::string_view name, Arguments& arguments) {
  const Value first = arguments.get(0, "chars");
  const std::string* text = first.as_string();
  auto need_text = [&] { return error(std::string(name) + "() wants a text, found " + first.type_name()); };
  if (name == "upper")
    return make_string(to_upper(self));
  if (name == "lower")
    return make_string(to_lower(self));
  if (name == "capitalize")
    return make_string(to_capitalized(self));
  if (name == "title")
    return make_string(to_title(self));
  if (name == "strip" || name == "lstrip" || name == "rstrip") {
    if (!text && !first.is_undefined() && !first.is_none())
      return need_text();
    std::optional<std::string_view> characters;
    if (text)
      characters = *text;
    return make_string(std::string(strip(self, characters, name != "rstrip", name != "lstrip")));
  }
  if (name == "split" || name == "rsplit")
    return split(self, arguments, name == "rsplit");
  if (name == "splitlines") {
    std::vector<Value> lines;
    for (std::string& line : split_lines(self, arguments.get(0, "keepends").truthy()))
      lines.push_back(make_string(std::move(line)));
    return make_list(std::move(lines));
  }
  if (name == "isdigit" || name == "isnumeric" || name == "isdecimal")
    return Value::boolean(all_characters(self, is_digit));
  if (name == "isalpha")
    return Value::boolean(all_characters(self, is_alpha));
  if (name == "isalnum")
    return Value::boolean(all_characters(self, is_alnum));
  if (name == "isspace")
    return Value::boolean(all_characters(self, is_python_space));
  if (name == "isupper")
    return Value::boolean(has_case(self, 'A', 'Z') && !has_case(self, 'a', 'z'));
  if (name == "islower")
    return Value::boolean(has_case(self, 'a', 'z') && !has_case(self, 'A', 'Z'));
  if (name == "startswith" || name == "endswith") {
    if (!text && !first.as_list())
      return need_text();
    const bool start = name == "startswith";
    return Value::boolean(any_affix(first, [&](const std::string& affix) {
      return start ? self.starts_with(affix) : self.ends_with(affix);
    }));
  }
  if (name == "zfill") {
    const auto width = static_cast<size_t>(std::clamp<int64_t>(first.whole().value_or(0), 0, 100'000));
    const size_t sign = self.starts_with('-') || self.starts_with('+') ? 1 : 0,
                 length = count_characters(self);
    std::string padded = self;
    if (length < width)
      padded.insert(sign, width - length, '0');
    return make_string(std::move(padded));
  }
  if (name == "join") {
    std::string joined;
    const std::vector<Value> items = items_of(arguments.get(0, "iterable"));
    for (size_t i = 0; i < items.size(); ++i) {
      if (!items[i].as_string())
        return error(std::string("join() wants texts, found ") + items[i].type_name());
      if (!charge(self.size() + items[i].as_string()->size()))
        return {};
      joined += (i ? self : std::string()) + *items[i].as_string();
    }
    return make_string(std::move(joined));
  }
  if (!text)
    return need_text();
  if (name == "removeprefix")
    return make_string(self.starts_with(*text) ? self.substr(text->size()) : self);
  if (name == "removesuffix")
    return make_string(self.ends_with(*text) ? self.substr(0, self.size() - text->size()) : self);
  if (name == "replace") {
    const Value to = arguments.get(1, "new");
    if (!to.as_string())
      return error("replace() wants two texts");
    std::optional<std::string> replaced =
        replace(self, *text, *to.as_string(), arguments.get(2, "count").whole().value_or(-1), budget_);
    return replaced ? make_string(std::move(*replaced)) : error("replace() makes too much text");
  }
  if (name == "count") {
    if (text->empty())
      return Value::integer(static_cast<int64_t>(count_characters(self)) + 1);
    int64_t count = 0;
    for (size_t at = self.find(*text); at != std::string::npos; at = self.find(*text, at + text->size()))
      ++count;
    return Value::integer(count);
  }
  if (name == "partition") {
    const size_t at = text->empty() ? std::string::npos : self.find(*text);
    if (text->empty())
      return error("partition() with an empty separator");
    const bool found = at != std::string::npos;
    return make_list({make_string(self.substr(0, at)), make_string(found ? *text : ""),
                      make_string(found ? self.substr(at + text->size()) : "")},
                     true);
  }
  const size_t at = name == "rfind" ? self.rfind(*text) : self.find(*text);
  if (at != std::string::npos)
    return Value::integer(static_cast<int64_t>(count_characters(self.substr(0, at))));
  return name == "index" ? error("index(): the text is not there") : Value::integer(-1);
}

Value TemplateRun::split(const std::string& self, Arguments& arguments, bool from_right) {
  const Value separator = arguments.get(0, "sep");
  const int64_t most = arguments.get(1, "maxsplit").whole().value_or(-1);
  std::optional<std::string_view> by;
  if (separator.as_string())
    by = *separator.as_string();
  else if (!separator.is_undefined() && !separator.is_none())
    return error(std::string("split() by ") + separator.type_name());
  if (by && by->empty())
    return error("split() by an empty text");
  std::vector<Value> parts;
  for (std::string_view part : split_text(self, by, most, from_right)) {
    if (!charge(64))
      return {};
    parts.push_back(make_string(std::string(part)));
  }
  return make_list(std::move(parts));
}

Value TemplateRun::list_method(const Value& self, std::string_view name, Arguments& arguments) {
  ValueList& list = *self.as_list();
  std::vector<Value>& items = list.items;
  const Value first = arguments.get(0, "");
  if (!charge(items.size() * 8))
    return {};
  if (name == "count")
    return Value::integer(std::count(items.begin(), items.end(), first));
  if (name == "index") {
    const auto it = std::find(items.begin(), items.end(), first);
    return it == items.end() ? error("index(): it is not in the list") : Value::integer(it - items.begin());
  }
  if (name == "copy")
    return make_list(items);
  if (!list.writable)
    return error(std::string(name) + "() would change a list that the template did not make");
  if (!charge(64))
    return {};
  if (name == "append") {
    items.push_back(first);
  } else if (name == "extend") {
    std::vector<Value> more = items_of(first);
    items.insert(items.end(), more.begin(), more.end());
  } else if (name == "insert") {
    int64_t at = first.whole().value_or(0);
    const auto size = static_cast<int64_t>(items.size());
    at = std::clamp<int64_t>(at < 0 ? at + size : at, 0, size);
    items.insert(items.begin() + at, arguments.get(1, ""));
  } else if (name == "reverse") {
    std::reverse(items.begin(), items.end());
  } else { // pop
    const auto size = static_cast<int64_t>(items.size());
    int64_t at = first.whole().value_or(-1);
    if (at < 0)
      at += size;
    if (at < 0 || at >= size)
      return error("pop() from a place that the list does not have");
    Value popped = items[static_cast<size_t>(at)];
    items.erase(items.begin() + at);
    return popped;
  }
  return Value::none();
}

Value TemplateRun::dict_method(const Value& self, std::string_view name, Arguments& arguments) {
  ValueDict& dict = *self.as_dict();
  if (!charge(dict.items.size() * 8))
    return {};
  if (name == "items" || name == "keys" || name == "values") {
    std::vector<Value> items;
    for (const auto& [key, value] : dict.items)
      items.push_back(name == "keys" ? key : name == "values" ? value : make_list({key, value}, true));
    return make_list(std::move(items));
  }
  if (name == "copy") {
    auto copy = make_dict();
    copy->items = dict.items;
    return Value::of(std::move(copy));
  }
  const Value key = arguments.get(0, "key");
  const Value* held = dict.find(key);
  const Value otherwise = arguments.has(1, "default") ? arguments.get(1, "default") : Value::none();
  if (name == "get")
    return held ? *held : otherwise;
  if (!dict.writable)
    return error(std::string(name) + "() would change a dict that the template did not make");
  if (name == "setdefault") {
    if (held)
      return *held;
    dict.set(key, otherwise);
    return otherwise;
  }
  if (name == "pop") {
    if (!held)
      return arguments.has(1, "default") ? otherwise : error("pop() of a key that the dict does not have");
    Value popped = *held;
    std::erase_if(dict.items, [&](const auto& entry) { return entry.first == key; });
    return popped;
  }
  if (const ValueDict* from = key.as_dict(); from && charge(from->items.size() * dict.items.size() * 8)) {
    const auto items = from->items;
    for (const auto& [name_of, value] : items)
      dict.set(name_of, value);
  }
  for (const auto& [keyword, value] : arguments.keywords)
    dict.set(Value::string(std::string(keyword)), value);
  return Value::none();
}

} // namespace r1::text
