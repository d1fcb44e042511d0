#include "runtime/text/template_run.h"

#include <algorithm>

namespace r1::text {
namespace {

using artifact::Node;
using artifact::NodeKind;
constexpr uint64_t kBudget = 50'000'000; // steps, and bytes made over 8: about a second
constexpr size_t kMaxOutput = 64u << 20;
constexpr int kMaxDepth = 700; // of nodes in each other, through macros too; the compiler's own limit is 400

} // namespace

Value Arguments::get(size_t index, std::string_view name) const {
  if (index < positional.size())
    return positional[index];
  for (const auto& [keyword, value] : keywords)
    if (keyword == name)
      return value;
  return {};
}

bool Arguments::has(size_t index, std::string_view name) const {
  return index < positional.size() ||
         std::any_of(
             keywords.begin(), keywords.end(), [&](const auto& keyword) { return keyword.first == name; });
}

TemplateRun::TemplateRun(const artifact::Template& tree, const Variables& variables)
    : tree_(tree), budget_(kBudget), root_(std::make_shared<Scope>()) {
  for (const auto& [name, value] : variables)
    root_->names.emplace_back(name, value);
  // The template's own names lie in a scope inside, so that they can hide the caller's.
  scope_ = std::make_shared<Scope>();
  scope_->parent = root_;
  scopes_.push_back(scope_);
}

TemplateRun::~TemplateRun() {
  input_text_ = Value();
  for (const auto& list : lists_)
    list->items.clear();
  for (const auto& dict : dicts_)
    dict->items.clear();
  for (const auto& callable : callables_) {
    callable->self = Value();
    callable->scope.reset();
    if (callable->loop)
      callable->loop->items.clear(), callable->loop->changed.clear(), callable->loop->scope.reset();
  }
  scope_.reset();
  for (const auto& scope : scopes_) {
    scope->names.clear();
    scope->parent.reset();
  }
}

Result<std::string> TemplateRun::render() {
  std::string out;
  out_ = &out;
  execute(tree_.root());
  if (failed())
    return status_.at("chat template '" + tree_.name()->str().substr(0, 80) + "'");
  return out;
}

Value TemplateRun::error(std::string message, Code code) {
  if (!failed())
    status_ = Status(code, std::move(message));
  return {};
}

bool TemplateRun::charge(size_t bytes) {
  const uint64_t cost = 1 + bytes / 8;
  if (budget_ < cost) {
    budget_ = 0;
    error("it ran too long or made too much text for these messages");
    return false;
  }
  budget_ -= cost;
  return true;
}

Value TemplateRun::make_string(std::string text) {
  if (text.size() > kMaxOutput)
    return error("it made a text of more than 64 MiB");
  if (!charge(text.size()))
    return {};
  return Value::string(std::move(text));
}

Value TemplateRun::make_list(std::vector<Value> items, bool tuple) {
  if (!charge(64 + items.size() * sizeof(Value)))
    return {};
  auto list = std::make_shared<ValueList>();
  list->items = std::move(items);
  list->tuple = tuple;
  list->writable = !tuple;
  lists_.push_back(list);
  return Value::of(std::move(list));
}

std::shared_ptr<ValueDict> TemplateRun::make_dict() {
  charge(64);
  auto dict = std::make_shared<ValueDict>();
  dict->writable = true;
  dicts_.push_back(dict);
  return dict;
}

void TemplateRun::push_scope() {
  charge(128);
  auto scope = std::make_shared<Scope>();
  scope->parent = scope_;
  scope_ = std::move(scope);
}

const Value* TemplateRun::lookup(std::string_view name) const {
  for (const Scope* scope = scope_.get(); scope; scope = scope->parent.get())
    for (const auto& [held, value] : scope->names)
      if (held == name)
        return &value;
  return nullptr;
}

void TemplateRun::write(std::string_view text) {
  if (!charge(text.size()))
    return;
  if (out_->size() + text.size() > kMaxOutput) {
    error("it made a text of more than 64 MiB");
    return;
  }
  *out_ += text;
}

// What the statement writes, in place of writing it.
std::string TemplateRun::capture(uint32_t body) {
  std::string text;
  std::string* outer = std::exchange(out_, &text);
  execute(body);
  out_ = outer;
  return text;
}

void TemplateRun::assign(uint32_t target, const Value& value) {
  if (failed())
    return;
  const Node& node = *tree_.nodes()->Get(target);
  if (node.kind() == NodeKind::Name) {
    const std::string_view name = text_of(node.a());
    for (auto& [held, old] : scope_->names)
      if (held == name) {
        old = value;
        return;
      }
    charge(64);
    scope_->names.emplace_back(name, value);
  } else if (node.kind() == NodeKind::NamespaceItem) {
    const Value* held = lookup(text_of(node.a()));
    ValueDict* dict = held ? held->as_dict() : nullptr;
    if (!dict || !dict->is_namespace) {
      error("cannot set an attribute of '" + std::string(text_of(node.a())) + "', which is not a namespace");
      return;
    }
    if (charge(dict->items.size() * 8))
      dict->set(Value::string(std::string(text_of(node.b()))), value);
  } else if (node.kind() == NodeKind::Tuple && ++depth_ < kMaxDepth) {
    const std::vector<Value> items = items_of(value);
    if (!failed() && items.size() != node.b())
      error("cannot unpack " + std::to_string(items.size()) + " values into " + std::to_string(node.b()) +
            " names");
    for (uint32_t i = 0; i < node.b() && !failed(); ++i)
      assign(entry(node.a() + i), items[i]);
    --depth_;
  } else {
    error("cannot assign to this", Code::kCorrupt);
  }
}

TemplateRun::Flow TemplateRun::execute_list(uint32_t start, uint32_t count) {
  for (uint32_t i = 0; i < count && !failed(); ++i)
    if (Flow flow = execute(entry(start + i)); flow != Flow::Next)
      return flow;
  return Flow::Next;
}

TemplateRun::Flow TemplateRun::execute(uint32_t number) {
  if (failed() || !charge(0))
    return Flow::Next;
  if (depth_ >= kMaxDepth) {
    error("its blocks or macros are nested too deep");
    return Flow::Next;
  }
  ++depth_;
  const Node& node = *tree_.nodes()->Get(number);
  Flow flow = Flow::Next;
  switch (node.kind()) {
  case NodeKind::None:
    break; // no node
  case NodeKind::Text:
    write(text_of(node.a()));
    break;
  case NodeKind::Output: {
    const Value value = evaluate(node.a());
    if (!failed())
      write(value.as_string() ? *value.as_string() : to_text(value));
    break;
  }
  case NodeKind::Block:
    flow = execute_list(node.a(), node.b());
    break;
  case NodeKind::If:
    flow = execute(evaluate(node.a()).truthy() ? node.b() : node.c());
    break;
  case NodeKind::For:
    run_loop(number, evaluate(node.b()), 0);
    break;
  case NodeKind::Set:
    assign(node.a(), evaluate(node.b()));
    break;
  case NodeKind::SetBlock:
  case NodeKind::FilterBlock: {
    push_scope();
    Value text = make_string(capture(node.b()));
    pop_scope();
    const uint32_t chain = node.kind() == NodeKind::SetBlock ? node.c() : node.a();
    if (chain) {
      const Value outer = std::exchange(input_text_, std::move(text));
      text = evaluate(chain);
      input_text_ = outer;
    }
    if (node.kind() == NodeKind::SetBlock)
      assign(node.a(), text);
    else if (!failed())
      write(to_text(text));
    break;
  }
  case NodeKind::Macro: {
    auto macro = std::make_shared<Callable>();
    macro->kind = Callable::Kind::Macro;
    macro->node = number;
    macro->scope = scope_;
    if (!charge(256))
      break;
    scopes_.push_back(scope_);
    callables_.push_back(macro);
    const std::string_view name = text_of(node.a());
    std::erase_if(scope_->names, [&](const auto& held) { return held.first == name; });
    scope_->names.emplace_back(name, Value::of(std::move(macro)));
    break;
  }
  case NodeKind::CallBlock: {
    const Node& call_node = *tree_.nodes()->Get(node.a());
    const Value callee = evaluate(call_node.a());
    Arguments given = arguments(call_node.b(), call_node.c());
    auto caller = std::make_shared<Callable>();
    caller->kind = Callable::Kind::Macro;
    caller->node = node.b();
    caller->scope = scope_;
    if (!charge(256))
      break;
    scopes_.push_back(scope_);
    callables_.push_back(caller);
    given.keywords.emplace_back("caller", Value::of(std::move(caller)));
    const Value result = call(callee, std::move(given));
    if (!failed())
      write(to_text(result));
    break;
  }
  case NodeKind::With: {
    std::vector<Value> values; // all of them are computed outside
    for (uint32_t i = 0; i < node.b(); ++i)
      values.push_back(evaluate(tree_.nodes()->Get(entry(node.a() + i))->b()));
    push_scope();
    for (uint32_t i = 0; i < node.b(); ++i)
      assign(tree_.nodes()->Get(entry(node.a() + i))->a(), values[i]);
    flow = execute(node.c());
    pop_scope();
    break;
  }
  case NodeKind::Break:
    flow = Flow::Break;
    break;
  case NodeKind::Continue:
    flow = Flow::Continue;
    break;
  default:
    error("an expression stands where a statement belongs", Code::kCorrupt);
  }
  --depth_;
  return failed() ? Flow::Next : flow;
}

// One pass of a For over `iterable`; loop(...) inside it starts another.
void TemplateRun::run_loop(uint32_t number, const Value& iterable, int depth) {
  const Node& node = *tree_.nodes()->Get(number);
  const uint32_t filter = entry(node.d()), otherwise = entry(node.d() + 1);
  if (failed())
    return;
  std::vector<Value> items = items_of(iterable);
  if (filter) {
    std::vector<Value> kept;
    for (const Value& value : items) {
      push_scope();
      assign(node.a(), value);
      if (evaluate(filter).truthy())
        kept.push_back(value);
      pop_scope();
      if (failed())
        return;
    }
    items = std::move(kept);
  }
  if (items.empty()) {
    push_scope();
    if (!failed())
      execute(otherwise);
    pop_scope();
    return;
  }
  auto callable = std::make_shared<Callable>();
  callable->kind = Callable::Kind::Loop;
  callable->loop = std::make_shared<LoopState>();
  LoopState& loop = *callable->loop;
  loop.items = std::move(items);
  loop.depth = depth;
  loop.node = number;
  loop.scope = scope_;
  if (!charge(512 + loop.items.size() * sizeof(Value)))
    return;
  callables_.push_back(callable);
  for (loop.index = 0; loop.index < loop.items.size() && !failed(); ++loop.index) {
    push_scope();
    scope_->names.emplace_back("loop", Value::of(callable));
    assign(node.a(), loop.items[loop.index]);
    const Flow flow = execute(node.c());
    pop_scope();
    if (flow == Flow::Break)
      break;
  }
}

} // namespace r1::text
