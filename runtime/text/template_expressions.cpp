// Expressions of chat templates: Python's operators and Jinja's way to look things up.
#include "runtime/text/template_run.h"
#include "runtime/text/utf8.h"

#include <cmath>

namespace r1::text {
namespace {

using artifact::Node;
using artifact::NodeKind;
constexpr int kMaxDepth = 700;

} // namespace

Value TemplateRun::evaluate(uint32_t number) {
  if (failed() || !charge(0))
    return {};
  if (depth_ >= kMaxDepth)
    return error("its expressions or macros are nested too deep");
  ++depth_;
  Value value = evaluate_node(*tree_.nodes()->Get(number));
  --depth_;
  return failed() ? Value() : value;
}

Value TemplateRun::evaluate_node(const Node& node) {
  switch (node.kind()) {
  case NodeKind::None:
    return Value::none();
  case NodeKind::True:
    return Value::boolean(true);
  case NodeKind::False:
    return Value::boolean(false);
  case NodeKind::Integer:
    return Value::integer(tree_.integers()->Get(node.a()));
  case NodeKind::Float:
    return Value::real(tree_.floats()->Get(node.a()));
  case NodeKind::String:
    return make_string(std::string(text_of(node.a())));
  case NodeKind::InputText:
    return input_text_;
  case NodeKind::Name: {
    const std::string_view name = text_of(node.a());
    if (const Value* value = lookup(name))
      return *value;
    for (std::string_view function : {"range", "namespace", "dict", "raise_exception", "strftime_now"})
      if (name == function) {
        auto callable = std::make_shared<Callable>();
        callable->name = function;
        return Value::of(std::move(callable));
      }
    return Value::undefined(std::string(name));
  }
  case NodeKind::List:
  case NodeKind::Tuple: {
    std::vector<Value> items;
    for (uint32_t i = 0; i < node.b() && !failed(); ++i)
      items.push_back(evaluate(entry(node.a() + i)));
    return make_list(std::move(items), node.kind() == NodeKind::Tuple);
  }
  case NodeKind::Dict: {
    auto dict = make_dict();
    for (uint32_t i = 0; i + 1 < node.b() && charge(dict->items.size() * 8); i += 2) {
      const Value key = evaluate(entry(node.a() + i));
      if (key.as_list() || key.as_dict())
        return error("a list or dict as a key of a dict");
      dict->set(key, evaluate(entry(node.a() + i + 1)));
    }
    return Value::of(std::move(dict));
  }
  case NodeKind::Attribute:
    return attribute(evaluate(node.a()), text_of(node.b()));
  case NodeKind::Item: {
    const Value object = evaluate(node.a());
    return item(object, evaluate(node.b()));
  }
  case NodeKind::Slice:
    return slice(node);
  case NodeKind::Call: {
    const Value callee = evaluate(node.a());
    return call(callee, arguments(node.b(), node.c()));
  }
  case NodeKind::Filter: {
    const Value input = evaluate(node.a());
    Arguments given = arguments(node.c(), node.d());
    return failed() ? Value() : filter(text_of(node.b()), input, given);
  }
  case NodeKind::Test: {
    const Value input = evaluate(node.a());
    Arguments given = arguments(node.c(), node.d());
    return failed() ? Value() : Value::boolean(test(text_of(node.b()), input, given));
  }
  case NodeKind::Conditional:
    if (evaluate(node.a()).truthy())
      return evaluate(node.b());
    return node.c() ? evaluate(node.c()) : Value::undefined("the missing else of an inline if");
  case NodeKind::And: {
    Value left = evaluate(node.a());
    return left.truthy() ? evaluate(node.b()) : left;
  }
  case NodeKind::Or: {
    Value left = evaluate(node.a());
    return left.truthy() ? left : evaluate(node.b());
  }
  case NodeKind::Not:
    return Value::boolean(!evaluate(node.a()).truthy());
  case NodeKind::Negative:
  case NodeKind::Positive: {
    const Value value = evaluate(node.a());
    const bool negative = node.kind() == NodeKind::Negative;
    if (std::optional<int64_t> whole = value.whole())
      return integer_arithmetic(NodeKind::Subtract, 0, negative ? *whole : -*whole);
    if (const double* real = value.as_real())
      return Value::real(negative ? -*real : *real);
    return error(std::string("a sign before ") + value.type_name());
  }
  case NodeKind::Compare:
    return compare_chain(node);
  case NodeKind::Add:
  case NodeKind::Subtract:
  case NodeKind::Multiply:
  case NodeKind::Divide:
  case NodeKind::FloorDivide:
  case NodeKind::Modulo:
  case NodeKind::Power:
  case NodeKind::Concatenate:
    return binary(node);
  default:
    return error("a statement stands where an expression belongs", Code::kCorrupt);
  }
}

Arguments TemplateRun::arguments(uint32_t start, uint32_t count) {
  Arguments result;
  for (uint32_t i = 0; i < count && !failed(); ++i) {
    const Node& node = *tree_.nodes()->Get(entry(start + i));
    if (node.kind() == NodeKind::Keyword)
      result.keywords.emplace_back(text_of(node.a()), evaluate(node.b()));
    else
      result.positional.push_back(evaluate(entry(start + i)));
  }
  return result;
}

Value TemplateRun::binary(const Node& node) {
  const Value a = evaluate(node.a()), b = evaluate(node.b());
  if (failed())
    return {};
  if (node.kind() == NodeKind::Concatenate)
    return make_string(to_text(a) + to_text(b));
  for (const Value* side : {&a, &b})
    if (side->is_undefined())
      return error("'" + std::string(side->undefined_name()) + "' is undefined");
  return arithmetic(node.kind(), a, b);
}

Value TemplateRun::arithmetic(NodeKind kind, const Value& a, const Value& b) {
  const std::string *text = a.as_string(), *other = b.as_string();
  const ValueList *list = a.as_list(), *other_list = b.as_list();
  if (kind == NodeKind::Add && text && other)
    return make_string(*text + *other);
  if (kind == NodeKind::Add && list && other_list && list->tuple == other_list->tuple) {
    std::vector<Value> items = list->items;
    items.insert(items.end(), other_list->items.begin(), other_list->items.end());
    return make_list(std::move(items), list->tuple);
  }
  if (kind == NodeKind::Multiply && (text || list) && b.whole()) {
    const size_t unit = text ? text->size() : list->items.size() * sizeof(Value);
    const auto times = static_cast<uint64_t>(std::max<int64_t>(*b.whole(), 0));
    if (unit && times > budget_ / unit)
      return error("a repetition of " + std::to_string(times) + " times");
    std::string repeated;
    std::vector<Value> items;
    for (uint64_t i = 0; i < times && unit && charge(unit); ++i)
      if (text)
        repeated += *text;
      else
        items.insert(items.end(), list->items.begin(), list->items.end());
    return text ? make_string(std::move(repeated)) : make_list(std::move(items), list->tuple);
  }
  if (kind == NodeKind::Multiply && a.whole() && (other || other_list))
    return arithmetic(kind, b, a);
  const std::optional<double> x = a.number(), y = b.number();
  if (!x || !y) {
    static constexpr const char* kSigns[] = {"+", "-", "*", "/", "//", "%", "**"};
    const auto index = static_cast<size_t>(kind) - static_cast<size_t>(NodeKind::Add);
    return error(std::string("cannot compute ") + a.type_name() + ' ' + (index < 7 ? kSigns[index] : "?") +
                 ' ' + b.type_name());
  }
  const bool divides = kind == NodeKind::Divide || kind == NodeKind::FloorDivide || kind == NodeKind::Modulo;
  if (divides && *y == 0)
    return error("a division by zero");
  if (a.whole() && b.whole() && kind != NodeKind::Divide && !(kind == NodeKind::Power && *b.whole() < 0))
    return integer_arithmetic(kind, *a.whole(), *b.whole());
  switch (kind) {
  case NodeKind::Add:
    return Value::real(*x + *y);
  case NodeKind::Subtract:
    return Value::real(*x - *y);
  case NodeKind::Multiply:
    return Value::real(*x * *y);
  case NodeKind::Divide:
    return Value::real(*x / *y);
  case NodeKind::FloorDivide:
    return Value::real(std::floor(*x / *y));
  case NodeKind::Modulo: {
    const double rest = std::fmod(*x, *y);
    return Value::real(rest != 0 && (rest < 0) != (*y < 0) ? rest + *y : rest);
  }
  default:
    return Value::real(std::pow(*x, *y));
  }
}

// Python's integers have no bound; where 64 bits do not hold the result, the template fails.
Value TemplateRun::integer_arithmetic(NodeKind kind, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false;
  switch (kind) {
  case NodeKind::Add:
    overflow = __builtin_add_overflow(a, b, &result);
    break;
  case NodeKind::Subtract:
    overflow = __builtin_sub_overflow(a, b, &result);
    break;
  case NodeKind::Multiply:
    overflow = __builtin_mul_overflow(a, b, &result);
    break;
  case NodeKind::FloorDivide:
  case NodeKind::Modulo: {
    if (b == -1) {
      overflow = kind == NodeKind::FloorDivide && __builtin_sub_overflow(int64_t{0}, a, &result);
      break;
    }
    const int64_t quotient = a / b, rest = a % b;
    const bool adjust = rest != 0 && (rest < 0) != (b < 0); // C rounds to zero, Python down
    result = kind == NodeKind::FloorDivide ? quotient - adjust : rest + (adjust ? b : 0);
    break;
  }
  default:
    result = 1;
    for (int64_t i = 0; i < b && !overflow && charge(0); ++i) {
      overflow = __builtin_mul_overflow(result, a, &result);
      if (result == 0 || (result == 1 && a == 1))
        break;
    }
  }
  return overflow ? error("an integer above 64 bits") : Value::integer(result);
}

Value TemplateRun::compare_chain(const Node& node) {
  Value left = evaluate(node.a());
  for (uint32_t i = 0; i < node.c(); ++i) {
    const Node& step = *tree_.nodes()->Get(entry(node.b() + i));
    Value right = evaluate(step.a());
    if (failed())
      return {};
    if (!compare_one(step.kind(), left, right))
      return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

bool TemplateRun::compare_one(NodeKind kind, const Value& a, const Value& b) {
  if (!charge(a.as_string() ? a.as_string()->size() : a.as_list() || a.as_dict() ? 4096 : 0))
    return false;
  if (kind == NodeKind::Equal)
    return a == b;
  if (kind == NodeKind::NotEqual)
    return !(a == b);
  if (kind == NodeKind::In)
    return contains(b, a);
  if (kind == NodeKind::NotIn)
    return !contains(b, a);
  const std::optional<int> order = compare(a, b);
  if (!order) {
    const bool nan = a.number() && b.number();
    if (!nan)
      error(std::string("cannot order ") + a.type_name() + " and " + b.type_name());
    return false;
  }
  switch (kind) {
  case NodeKind::Less:
    return *order < 0;
  case NodeKind::LessEqual:
    return *order <= 0;
  case NodeKind::Greater:
    return *order > 0;
  case NodeKind::GreaterEqual:
    return *order >= 0;
  default:
    error("an unknown comparison", Code::kCorrupt);
    return false;
  }
}

bool TemplateRun::contains(const Value& container, const Value& item) {
  if (const std::string* text = container.as_string()) {
    if (!charge(text->size()))
      return false;
    if (const std::string* part = item.as_string())
      return text->find(*part) != std::string::npos;
    error(std::string("cannot look for ") + item.type_name() + " in a text");
    return false;
  }
  if (const ValueList* list = container.as_list()) {
    for (const Value& held : list->items)
      if (charge(8) && held == item)
        return true;
    return false;
  }
  if (const ValueDict* dict = container.as_dict())
    return charge(dict->items.size() * 8) && !dict->is_namespace && dict->find(item) != nullptr;
  if (!container.is_undefined())
    error(std::string("cannot look for something in ") + container.type_name());
  return false;
}

// Jinja's `object.name`: a method first, then an entry, else undefined.
Value TemplateRun::attribute(const Value& object, std::string_view name) {
  if (failed())
    return {};
  if (object.is_undefined())
    return error("'" + std::string(object.undefined_name()) + "' is undefined, so it has no '" +
                 std::string(name) + "'");
  if (const Callable* callable = object.as_callable(); callable && callable->kind == Callable::Kind::Loop)
    return loop_attribute(*callable, name);
  if (has_method(object, name)) {
    auto method = std::make_shared<Callable>();
    method->kind = Callable::Kind::Method;
    method->name = name;
    method->self = object;
    if (!charge(256))
      return {};
    callables_.push_back(method);
    return Value::of(std::move(method));
  }
  if (const ValueDict* dict = object.as_dict(); dict && charge(dict->items.size() * 8))
    for (const auto& [key, value] : dict->items)
      if (const std::string* text = key.as_string(); text && *text == name)
        return value;
  return Value::undefined(std::string(name));
}

// Jinja's `object[key]`: an entry first, then for a text a method, else undefined.
Value TemplateRun::item(const Value& object, const Value& key) {
  if (failed())
    return {};
  if (object.is_undefined())
    return error("'" + std::string(object.undefined_name()) + "' is undefined, so it has no '" +
                 to_text(key) + "'");
  if (const ValueDict* dict = object.as_dict(); dict && !dict->is_namespace && charge(dict->items.size() * 8))
    if (const Value* value = dict->find(key))
      return *value;
  if (std::optional<int64_t> index = key.whole()) {
    const ValueList* list = object.as_list();
    const std::string* text = object.as_string();
    if (text && !charge(text->size()))
      return {};
    const auto size = static_cast<int64_t>(list ? list->items.size() : text ? count_characters(*text) : 0);
    if (*index < 0)
      *index += size;
    if (*index >= 0 && *index < size) {
      if (list)
        return list->items[static_cast<size_t>(*index)];
      const size_t begin = byte_of_character(*text, static_cast<size_t>(*index));
      return make_string(text->substr(begin, decode_utf8(*text, begin).length));
    }
  }
  const std::string* name = key.as_string();
  return name ? attribute(object, *name) : Value::undefined(to_text(key));
}

Value TemplateRun::slice(const Node& node) {
  const Value object = evaluate(node.a());
  std::optional<int64_t> parts[3];
  for (uint32_t i = 0; i < 3; ++i) {
    if (!entry(node.b() + i))
      continue;
    const Value part = evaluate(entry(node.b() + i));
    if (failed())
      return {};
    if (!part.is_none() && !part.whole())
      return Value::undefined("a slice");
    parts[i] = part.whole();
  }
  if (failed())
    return {};
  const std::string* text = object.as_string();
  const ValueList* list = object.as_list();
  if (object.is_undefined())
    return error("'" + std::string(object.undefined_name()) + "' is undefined");
  if (!text && !list)
    return Value::undefined("a slice");
  if (!charge(text ? text->size() : list->items.size() * 8))
    return {};
  std::vector<size_t> starts; // of the characters
  if (text)
    for (size_t pos = 0; pos < text->size(); pos += decode_utf8(*text, pos).length)
      starts.push_back(pos);
  const auto size = static_cast<int64_t>(text ? starts.size() : list->items.size());
  const int64_t step = parts[2].value_or(1);
  if (step == 0)
    return error("a slice with step 0");
  auto bound = [&](std::optional<int64_t> part, int64_t otherwise) {
    if (!part)
      return otherwise;
    const int64_t value = *part < 0 ? *part + size : *part;
    return step > 0 ? std::clamp<int64_t>(value, 0, size) : std::clamp<int64_t>(value, -1, size - 1);
  };
  const int64_t begin = bound(parts[0], step > 0 ? 0 : size - 1), end = bound(parts[1], step > 0 ? size : -1);
  std::vector<Value> items;
  std::string out;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    const auto at = static_cast<size_t>(i);
    if (text)
      out.append(*text, starts[at], (at + 1 < starts.size() ? starts[at + 1] : text->size()) - starts[at]);
    else
      items.push_back(list->items[at]);
    if (__builtin_add_overflow(i, step, &i))
      break;
  }
  return text ? make_string(std::move(out)) : make_list(std::move(items), list->tuple);
}

Value TemplateRun::loop_attribute(const Callable& callable, std::string_view name) {
  const LoopState& loop = *callable.loop;
  const auto index = static_cast<int64_t>(loop.index), size = static_cast<int64_t>(loop.items.size());
  if (name == "index")
    return Value::integer(index + 1);
  if (name == "index0")
    return Value::integer(index);
  if (name == "revindex")
    return Value::integer(size - index);
  if (name == "revindex0")
    return Value::integer(size - index - 1);
  if (name == "first")
    return Value::boolean(index == 0);
  if (name == "last")
    return Value::boolean(index + 1 == size);
  if (name == "length")
    return Value::integer(size);
  if (name == "depth")
    return Value::integer(loop.depth + 1);
  if (name == "depth0")
    return Value::integer(loop.depth);
  if (name == "previtem")
    return index > 0 ? loop.items[loop.index - 1] : Value::undefined("there is no previous item");
  if (name == "nextitem")
    return index + 1 < size ? loop.items[loop.index + 1] : Value::undefined("there is no next item");
  if (name == "cycle" || name == "changed") {
    auto method = std::make_shared<Callable>();
    method->kind = Callable::Kind::Method;
    method->name = name;
    method->loop = callable.loop;
    if (!charge(256))
      return {};
    callables_.push_back(method);
    return Value::of(std::move(method));
  }
  return Value::undefined(std::string(name));
}

// What a For goes through: elements, keys, characters; nothing for an undefined value.
std::vector<Value> TemplateRun::items_of(const Value& iterable) {
  std::vector<Value> items;
  if (const ValueList* list = iterable.as_list()) {
    if (charge(list->items.size() * sizeof(Value)))
      items = list->items;
  } else if (const ValueDict* dict = iterable.as_dict(); dict && !dict->is_namespace) {
    if (charge(dict->items.size() * sizeof(Value)))
      for (const auto& [key, value] : dict->items)
        items.push_back(key);
  } else if (const std::string* text = iterable.as_string()) {
    for (size_t pos = 0; pos < text->size() && charge(64);) {
      const Decoded decoded = decode_utf8(*text, pos);
      items.push_back(Value::string(text->substr(pos, decoded.length)));
      pos += decoded.length;
    }
  } else if (!iterable.is_undefined()) {
    error(std::string("cannot go through ") + iterable.type_name() + " item by item");
  }
  return items;
}

} // namespace r1::text
