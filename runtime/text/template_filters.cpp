// The filters and tests of chat templates: Jinja's own where templates use them, and transformers' tojson.
#include "runtime/text/template_run.h"
#include "runtime/text/template_text.h"
#include "runtime/text/utf8.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace r1::text {
namespace {

std::string escape_html(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&#34;";
    else if (c == '\'')
      out += "&#39;";
    else
      out += c;
  }
  return out;
}

std::string indent(std::string_view text, std::string_view margin, bool first, bool blank) {
  std::string out;
  std::vector<std::string> lines = split_lines(std::string(text) + "\n", false);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (i)
      out += '\n';
    if ((i || first) && (blank || !lines[i].empty() || (i == 0 && first)))
      out += margin;
    out += lines[i];
  }
  return out;
}

Value to_integer(const Value& input, const Value& otherwise) {
  if (std::optional<int64_t> whole = input.whole())
    return Value::integer(*whole);
  double real = std::nan("");
  if (input.as_real())
    real = *input.as_real();
  if (const std::string* text = input.as_string()) {
    std::string_view digits = strip(*text, std::nullopt, true, true);
    if (digits.starts_with('+'))
      digits.remove_prefix(1);
    int64_t integer = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), integer);
    if (error == std::errc() && end == digits.data() + digits.size() && !digits.empty())
      return Value::integer(integer);
    char* stop = nullptr;
    const std::string copy(digits);
    real = std::strtod(copy.c_str(), &stop);
    if (copy.empty() || *stop)
      real = std::nan("");
  }
  if (!(std::abs(real) < 9.2e18))
    return otherwise;
  return Value::integer(static_cast<int64_t>(real));
}

Value to_real(const Value& input, const Value& otherwise) {
  if (std::optional<double> number = input.number())
    return Value::real(*number);
  if (const std::string* text = input.as_string()) {
    const std::string copy(strip(*text, std::nullopt, true, true));
    char* stop = nullptr;
    const double real = std::strtod(copy.c_str(), &stop);
    if (!copy.empty() && !*stop)
      return Value::real(real);
  }
  return otherwise;
}

} // namespace

Value TemplateRun::filter(std::string_view name, const Value& input, Arguments& arguments) {
  if (name == "default" || name == "d") {
    const bool falsy = arguments.get(1, "boolean").truthy() && !input.truthy();
    if (!input.is_undefined() && !falsy)
      return input;
    return arguments.has(0, "default_value") ? arguments.get(0, "default_value") : Value::string("");
  }
  if (name == "tojson")
    return tojson(input, arguments);
  if (name == "string" || name == "safe")
    return make_string(to_text(input));
  if (name == "length" || name == "count") {
    if (const std::string* text = input.as_string())
      return charge(text->size()) ? Value::integer(static_cast<int64_t>(count_characters(*text))) : Value();
    if (const ValueList* list = input.as_list())
      return Value::integer(static_cast<int64_t>(list->items.size()));
    if (const ValueDict* dict = input.as_dict())
      return Value::integer(static_cast<int64_t>(dict->items.size()));
    return input.is_undefined() ? Value::integer(0)
                                : error(std::string("the length of ") + input.type_name());
  }
  if (name == "int")
    return to_integer(input, arguments.has(0, "default") ? arguments.get(0, "default") : Value::integer(0));
  if (name == "float")
    return to_real(input, arguments.has(0, "default") ? arguments.get(0, "default") : Value::real(0));
  if (name == "abs" || name == "round") {
    const std::optional<double> number = input.number();
    if (!number)
      return error(std::string(name) + " of " + input.type_name());
    if (name == "abs" && input.whole())
      return *input.whole() < 0 ? integer_arithmetic(artifact::NodeKind::Subtract, 0, *input.whole()) : input;
    if (name == "abs")
      return Value::real(std::abs(*number));
    const double scale =
        std::pow(10.0, static_cast<double>(arguments.get(0, "precision").whole().value_or(0)));
    const std::string method = to_text(arguments.get(1, "method"));
    const double scaled = *number * scale;
    return Value::real((method == "ceil"    ? std::ceil(scaled)
                        : method == "floor" ? std::floor(scaled)
                                            : std::nearbyint(scaled)) /
                       scale);
  }
  if (name == "from_json") {
    const std::string* text = input.as_string();
    std::optional<Value> value = text && charge(text->size() * 8) ? parse_json(*text) : std::nullopt;
    return value ? std::move(*value) : error("from_json: the text is not JSON");
  }
  for (std::string_view text :
       {"trim", "upper", "lower", "capitalize", "title", "replace", "escape", "e", "indent", "wordcount"})
    if (name == text) {
      const std::string content = to_text(input);
      return charge(content.size()) ? text_filter(name, content, arguments) : Value();
    }
  return list_filter(name, input, arguments);
}

Value TemplateRun::text_filter(std::string_view name, const std::string& text, Arguments& arguments) {
  if (name == "upper")
    return make_string(to_upper(text));
  if (name == "lower")
    return make_string(to_lower(text));
  if (name == "capitalize")
    return make_string(to_capitalized(text));
  if (name == "title")
    return make_string(to_title(text));
  if (name == "escape" || name == "e")
    return make_string(escape_html(text));
  if (name == "wordcount")
    return Value::integer(static_cast<int64_t>(split_text(text, std::nullopt, -1, false).size()));
  if (name == "trim") {
    const Value given = arguments.get(0, "chars");
    std::optional<std::string_view> characters;
    if (given.as_string())
      characters = *given.as_string();
    return make_string(std::string(strip(text, characters, true, true)));
  }
  if (name == "indent") {
    const Value width = arguments.get(0, "width");
    const auto blanks = static_cast<size_t>(std::clamp<int64_t>(width.whole().value_or(4), 0, 1000));
    const std::string margin = width.as_string() ? *width.as_string() : std::string(blanks, ' ');
    if (!charge(text.size() * (margin.size() + 1)))
      return {};
    return make_string(
        indent(text, margin, arguments.get(1, "first").truthy(), arguments.get(2, "blank").truthy()));
  }
  std::optional<std::string> replaced =
      replace(text, to_text(arguments.get(0, "old")), to_text(arguments.get(1, "new")),
              arguments.get(2, "count").whole().value_or(-1), budget_);
  return replaced ? make_string(std::move(*replaced)) : error("replace makes too much text");
}

Value TemplateRun::list_filter(std::string_view name, const Value& input, Arguments& arguments) {
  if (name == "items") {
    if (input.is_undefined())
      return make_list({});
    Arguments none;
    return input.as_dict() ? dict_method(input, "items", none)
                           : error(std::string("items of ") + input.type_name());
  }
  if (name == "map")
    return map(input, arguments);
  if (name == "select" || name == "reject" || name == "selectattr" || name == "rejectattr")
    return select(name, input, arguments);
  if (name == "sort")
    return sorted(input, arguments, false);
  if (name == "dictsort")
    return sorted(input, arguments, true);
  if (name == "reverse" && input.as_string()) {
    std::string reversed;
    for (const Value& character : items_of(input))
      reversed.insert(0, *character.as_string());
    return make_string(std::move(reversed));
  }
  std::vector<Value> items;
  for (std::string_view known : {"first", "last", "list", "join", "reverse", "unique", "sum", "min", "max"})
    if (name == known)
      items = items_of(input);
  if (failed())
    return {};
  if (name == "list")
    return make_list(std::move(items));
  if (name == "first")
    return items.empty() ? Value::undefined("the first item of nothing") : items.front();
  if (name == "last")
    return items.empty() ? Value::undefined("the last item of nothing") : items.back();
  if (name == "reverse") {
    std::reverse(items.begin(), items.end());
    return make_list(std::move(items));
  }
  if (name == "join") {
    const std::string separator = to_text(arguments.get(0, "d"));
    std::string joined;
    for (size_t i = 0; i < items.size() && !failed(); ++i) {
      const Value part =
          arguments.has(1, "attribute") ? attribute_path(items[i], arguments.get(1, "attribute")) : items[i];
      const std::string text = to_text(part);
      if (!charge(separator.size() + text.size()))
        return {};
      if (i)
        joined += separator;
      joined += text;
    }
    return make_string(std::move(joined));
  }
  if (name == "unique") {
    std::vector<Value> kept;
    for (const Value& item : items)
      if (charge(kept.size() * 8) && std::find(kept.begin(), kept.end(), item) == kept.end())
        kept.push_back(item);
    return make_list(std::move(kept));
  }
  if (name == "sum") {
    Value total = arguments.has(1, "start") ? arguments.get(1, "start") : Value::integer(0);
    for (const Value& item : items) {
      if (failed())
        break;
      const Value part =
          arguments.has(0, "attribute") ? attribute_path(item, arguments.get(0, "attribute")) : item;
      total = arithmetic(artifact::NodeKind::Add, total, part);
    }
    return total;
  }
  if (name == "min" || name == "max") {
    if (items.empty())
      return Value::undefined("the smallest or largest of nothing");
    Value best = items[0];
    for (const Value& item : items)
      if (compare_one(name == "min" ? artifact::NodeKind::Less : artifact::NodeKind::Greater, item, best))
        best = item;
    return best;
  }
  return error("the filter '" + std::string(name) + "' is not one that r1run knows", Code::kUnsupported);
}

// transformers' tojson is json.dumps with ensure_ascii off, and takes its arguments in this order.
Value TemplateRun::tojson(const Value& input, Arguments& arguments) {
  JsonStyle style;
  style.ensure_ascii = arguments.get(0, "ensure_ascii").truthy();
  const Value width = arguments.get(1, "indent");
  if (width.as_string())
    style.indent = *width.as_string();
  else if (width.whole())
    style.indent = std::string(static_cast<size_t>(std::clamp<int64_t>(*width.whole(), 0, 100)), ' ');
  if (style.indent)
    style.item_separator = ",";
  const Value separators = arguments.get(2, "separators");
  if (const ValueList* pair = separators.as_list()) {
    if (pair->items.size() != 2 || !pair->items[0].as_string() || !pair->items[1].as_string())
      return error("tojson: separators are not two texts");
    style.item_separator = *pair->items[0].as_string();
    style.key_separator = *pair->items[1].as_string();
  }
  style.sort_keys = arguments.get(3, "sort_keys").truthy();
  std::optional<std::string> json = to_json(input, style);
  return json ? make_string(std::move(*json))
              : error(std::string("tojson: something in this ") + input.type_name() + " is not JSON");
}

// "a.b.0": attributes and items in turn; or an integer.
Value TemplateRun::attribute_path(const Value& object, const Value& path) {
  if (!path.as_string())
    return item(object, path);
  Value current = object;
  for (std::string_view part : split_text(*path.as_string(), ".", -1, false)) {
    int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool number = error == std::errc() && end == part.data() + part.size() && !part.empty();
    current = item(current, number ? Value::integer(index) : Value::string(std::string(part)));
    if (failed())
      return {};
  }
  return current;
}

// map(attribute='name', default=...) or map('filter', arguments...).
Value TemplateRun::map(const Value& input, Arguments& arguments) {
  std::vector<Value> results;
  const Value path = arguments.get(~size_t{0}, "attribute");
  if (path.is_undefined() && (arguments.positional.empty() || !arguments.positional[0].as_string()))
    return error("map wants the name of a filter, or attribute=");
  for (const Value& value : items_of(input)) {
    if (failed())
      return {};
    if (!path.is_undefined()) {
      Value part = attribute_path(value, path);
      results.push_back(part.is_undefined() && arguments.has(~size_t{0}, "default")
                            ? arguments.get(~size_t{0}, "default")
                            : std::move(part));
      continue;
    }
    Arguments rest = arguments;
    rest.positional.erase(rest.positional.begin());
    if (++depth_ > 600)
      error("filters are nested too deep");
    results.push_back(failed() ? Value() : filter(*arguments.positional[0].as_string(), value, rest));
    --depth_;
  }
  return make_list(std::move(results));
}

// select, reject, selectattr and rejectattr: items that pass a test, or are true.
Value TemplateRun::select(std::string_view name, const Value& input, Arguments& arguments) {
  const bool by_attribute = name.ends_with("attr"), wanted = name.starts_with("select");
  const size_t used = by_attribute ? 1 : 0;
  if (arguments.positional.size() < used)
    return error(std::string(name) + " wants the name of an attribute");
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() +
                            static_cast<ptrdiff_t>(std::min(used + 1, rest.positional.size())));
  std::vector<Value> kept;
  for (const Value& value : items_of(input)) {
    if (failed())
      return {};
    const Value subject = by_attribute ? attribute_path(value, arguments.positional[0]) : value;
    bool passes = subject.truthy();
    if (arguments.positional.size() > used) {
      const std::string* test_name = arguments.positional[used].as_string();
      if (!test_name)
        return error(std::string(name) + " wants the name of a test");
      Arguments given = rest;
      passes = test(*test_name, subject, given);
    }
    if (passes == wanted)
      kept.push_back(value);
  }
  return make_list(std::move(kept));
}

// sort(reverse, case_sensitive, attribute), and dictsort(case_sensitive, by, reverse) on pairs.
Value TemplateRun::sorted(const Value& input, Arguments& arguments, bool pairs) {
  Arguments none;
  const Value source =
      pairs ? (input.as_dict() ? dict_method(input, "items", none) : error("dictsort of no dict")) : input;
  std::vector<Value> items = items_of(source);
  const bool reverse = arguments.get(pairs ? 2 : 0, "reverse").truthy();
  const bool case_sensitive = arguments.get(pairs ? 0 : 1, "case_sensitive").truthy();
  const Value path = pairs ? Value::integer(to_text(arguments.get(1, "by")) == "value" ? 1 : 0)
                           : arguments.get(2, "attribute");
  std::vector<std::pair<Value, size_t>> keys;
  for (size_t i = 0; i < items.size() && !failed(); ++i) {
    Value key = path.is_undefined() ? items[i] : attribute_path(items[i], path);
    if (!case_sensitive && key.as_string())
      key = make_string(to_lower(*key.as_string()));
    keys.emplace_back(std::move(key), i);
  }
  if (failed() || !charge(items.size() * 512))
    return {};
  // Everything must have an order with everything, or std::sort is undefined: one kind only, and no NaN.
  for (const auto& [key, i] : keys) {
    const bool same = (key.as_string() && keys[0].first.as_string()) ||
                      (key.number() && keys[0].first.number() && !std::isnan(*key.number()));
    if (!same)
      return error("sort of items that have no order with each other");
  }
  std::sort(keys.begin(), keys.end(), [&](const auto& a, const auto& b) {
    const int order = compare(a.first, b.first).value_or(0);
    return order ? (reverse ? order > 0 : order < 0) : a.second < b.second;
  });
  std::vector<Value> result;
  for (const auto& [key, i] : keys)
    result.push_back(items[i]);
  return make_list(std::move(result));
}

bool TemplateRun::test(std::string_view name, const Value& input, Arguments& arguments) {
  using Kind = artifact::NodeKind;
  if (name == "defined")
    return !input.is_undefined();
  if (name == "undefined")
    return input.is_undefined();
  if (name == "none")
    return input.is_none();
  if (name == "boolean")
    return input.as_boolean() != nullptr;
  if (name == "true")
    return input.as_boolean() && *input.as_boolean();
  if (name == "false")
    return input.as_boolean() && !*input.as_boolean();
  if (name == "integer")
    return input.as_integer() != nullptr;
  if (name == "float")
    return input.as_real() != nullptr;
  if (name == "number")
    return input.number().has_value();
  if (name == "string")
    return input.as_string() != nullptr;
  if (name == "mapping")
    return input.as_dict() && !input.as_dict()->is_namespace;
  if (name == "sequence" || name == "iterable")
    return input.as_string() || input.as_list() || input.is_undefined() ||
           (input.as_dict() && !input.as_dict()->is_namespace);
  if (name == "callable")
    return input.as_callable() != nullptr;
  const Value other = arguments.get(0, "");
  if (name == "odd" || name == "even" || name == "divisibleby") {
    const std::optional<int64_t> number = input.whole(), divisor = name == "divisibleby" ? other.whole() : 2;
    if (!number || !divisor || *divisor == 0)
      return error("the test '" + std::string(name) + "' wants integers"), false;
    return (*divisor == -1 || *number % *divisor == 0) == (name != "odd");
  }
  if (name == "lower")
    return input.as_string() && to_lower(*input.as_string()) == *input.as_string();
  if (name == "upper")
    return input.as_string() && to_upper(*input.as_string()) == *input.as_string();
  if (name == "sameas")
    return input == other && std::string_view(input.type_name()) == other.type_name();
  static constexpr std::pair<std::string_view, Kind> kComparisons[] = {
      {"eq", Kind::Equal},      {"equalto", Kind::Equal},   {"==", Kind::Equal},
      {"ne", Kind::NotEqual},   {"!=", Kind::NotEqual},     {"lt", Kind::Less},
      {"lessthan", Kind::Less}, {"<", Kind::Less},          {"le", Kind::LessEqual},
      {"<=", Kind::LessEqual},  {"gt", Kind::Greater},      {"greaterthan", Kind::Greater},
      {">", Kind::Greater},     {"ge", Kind::GreaterEqual}, {">=", Kind::GreaterEqual},
      {"in", Kind::In}};
  for (const auto& [known, kind] : kComparisons)
    if (name == known)
      return compare_one(kind, input, other);
  error("the test '" + std::string(name) + "' is not one that r1run knows", Code::kUnsupported);
  return false;
}

} // namespace r1::text
