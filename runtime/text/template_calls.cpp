// Calls in chat templates: macros, recursive loops, and the functions that transformers gives every template.
#include "runtime/text/template_run.h"

#include <algorithm>
#include <ctime>

namespace r1::text {
namespace {

using artifact::Node;
constexpr int64_t kMaxRange = 100'000; // as Jinja's sandbox has it

} // namespace

Value TemplateRun::call(const Value& callee, Arguments arguments) {
  if (failed())
    return {};
  if (callee.is_undefined())
    return error("'" + std::string(callee.undefined_name()) + "' is undefined, so it cannot be called");
  const Callable* callable = callee.as_callable();
  if (!callable)
    return error(std::string("cannot call ") + callee.type_name());
  switch (callable->kind) {
  case Callable::Kind::Macro:
    return call_macro(*callable, arguments);
  case Callable::Kind::Loop:
    return call_loop(*callable, arguments);
  case Callable::Kind::Function:
    return call_function(callable->name, arguments);
  case Callable::Kind::Method:
    break;
  }
  if (!callable->loop)
    return call_method(callable->self, callable->name, arguments);
  LoopState& loop = *callable->loop;
  if (callable->name == "cycle")
    return arguments.positional.empty() ? error("loop.cycle() without values")
                                        : arguments.positional[loop.index % arguments.positional.size()];
  if (loop.changed == arguments.positional && loop.index > 0)
    return Value::boolean(false);
  loop.changed = arguments.positional;
  return Value::boolean(true);
}

Value TemplateRun::call_macro(const Callable& macro, Arguments& arguments) {
  const Node& node = *tree_.nodes()->Get(macro.node);
  const uint32_t body = node.d();
  const std::shared_ptr<Scope> outer = scope_;
  scope_ = macro.scope;
  push_scope();
  size_t used = 0;
  for (uint32_t i = 0; i < node.c() && !failed(); ++i) {
    const Node& parameter = *tree_.nodes()->Get(entry(node.b() + i));
    const std::string_view name = text_of(parameter.a());
    Value value;
    if (used < arguments.positional.size()) {
      value = arguments.positional[used++];
    } else if (auto it = std::find_if(arguments.keywords.begin(), arguments.keywords.end(),
                                      [&](const auto& keyword) { return keyword.first == name; });
               it != arguments.keywords.end()) {
      value = std::move(it->second);
      arguments.keywords.erase(it);
    } else {
      value = parameter.b() ? evaluate(parameter.b()) : Value::undefined(std::string(name));
    }
    scope_->names.emplace_back(name, std::move(value));
  }
  auto keywords = make_dict();
  for (auto& [name, value] : arguments.keywords) {
    if (name == "caller")
      scope_->names.emplace_back(name, value);
    else
      keywords->set(Value::string(std::string(name)), value);
  }
  std::vector<Value> rest(arguments.positional.begin() + static_cast<ptrdiff_t>(used),
                          arguments.positional.end());
  scope_->names.emplace_back("varargs", make_list(std::move(rest), true));
  scope_->names.emplace_back("kwargs", Value::of(std::move(keywords)));
  Value result = failed() ? Value() : make_string(capture(body));
  scope_ = outer;
  return result;
}

Value TemplateRun::call_loop(const Callable& callable, Arguments& arguments) {
  const Node& node = *tree_.nodes()->Get(callable.loop->node);
  if (entry(node.d() + 2) != 1 || arguments.positional.size() != 1)
    return error("loop() wants one argument, in a loop marked 'recursive'");
  std::string text;
  std::string* outer_out = std::exchange(out_, &text);
  const std::shared_ptr<Scope> outer = std::exchange(scope_, callable.loop->scope);
  run_loop(callable.loop->node, arguments.positional[0], callable.loop->depth + 1);
  scope_ = outer;
  out_ = outer_out;
  return make_string(std::move(text));
}

Value TemplateRun::call_function(std::string_view name, Arguments& arguments) {
  if (name == "raise_exception")
    return error("it refuses these messages: " + to_text(arguments.get(0, "message")));
  if (name == "namespace" || name == "dict") {
    auto dict = make_dict();
    dict->is_namespace = name == "namespace";
    if (!arguments.positional.empty())
      if (const ValueDict* from = arguments.positional[0].as_dict())
        for (const auto& [key, value] : from->items)
          dict->set(key, value);
    for (auto& [key, value] : arguments.keywords)
      dict->set(Value::string(std::string(key)), value);
    return Value::of(std::move(dict));
  }
  if (name == "range") {
    int64_t bounds[3] = {0, 0, 1};
    const size_t count = arguments.positional.size();
    if (count < 1 || count > 3)
      return error("range() wants one to three integers");
    for (size_t i = 0; i < count; ++i) {
      const std::optional<int64_t> value = arguments.positional[i].whole();
      if (!value)
        return error("range() wants integers");
      bounds[count == 1 ? 1 : i] = *value;
    }
    const auto [begin, end, step] = bounds;
    if (step == 0)
      return error("range() with step 0");
    std::vector<Value> items;
    for (int64_t i = begin; step > 0 ? i < end : i > end;) {
      if (items.size() >= kMaxRange)
        return error("range() of more than 100000 numbers");
      items.push_back(Value::integer(i));
      if (__builtin_add_overflow(i, step, &i))
        break;
    }
    return make_list(std::move(items));
  }
  // strftime_now(format): the machine's local time.
  const Value format = arguments.get(0, "format");
  if (!format.as_string() || format.as_string()->size() > 200)
    return error("strftime_now() wants a short format");
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  char buffer[2048];
  if (!localtime_r(&now, &local))
    return error("the machine does not know the local time");
  return make_string(
      std::string(buffer, std::strftime(buffer, sizeof buffer, format.as_string()->c_str(), &local)));
}

} // namespace r1::text
