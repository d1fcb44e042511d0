// One rendering of a chat template: an interpreter of the tree in text.fbs, with Jinja's scopes and Python's values.
//
// A hostile template cannot hang or exhaust memory: every step and every byte made costs from one budget, and nesting is counted.
// The first failure is kept in status_; everything after it returns at once.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "runtime/base/status.h"
#include "runtime/text/value.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace r1::text {

struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string_view, Value>> names;
};

using Keywords = std::vector<std::pair<std::string_view, Value>>;

// The arguments of a call, a filter or a test.
struct Arguments {
  std::vector<Value> positional;
  Keywords keywords;
  // Argument `index`, or the one named `name`; undefined if it was not given.
  Value get(size_t index, std::string_view name) const;
  bool has(size_t index, std::string_view name) const;
};

struct LoopState {
  std::vector<Value> items;
  size_t index = 0;
  int depth = 0;
  uint32_t node = 0;            // the For that it belongs to
  std::shared_ptr<Scope> scope; // where that stands
  std::vector<Value> changed;   // what loop.changed() saw last
};

// What a template can call.
struct Callable {
  enum class Kind { Macro, Function, Method, Loop };
  Kind kind = Kind::Function;
  std::string_view name;           // of a Function or a Method
  uint32_t node = 0;               // of a Macro
  std::shared_ptr<Scope> scope;    // where a Macro was defined
  Value self;                      // of a Method
  std::shared_ptr<LoopState> loop; // of a Loop
};

class TemplateRun {
public:
  using Variables = std::vector<std::pair<std::string, Value>>;
  // `tree` has been checked by ChatTemplate::open. Both must outlive the run.
  TemplateRun(const artifact::Template& tree, const Variables& variables);
  ~TemplateRun();
  Result<std::string> render();

private:
  enum class Flow { Next, Break, Continue };

  // template_run.cpp: statements
  Flow execute(uint32_t node);
  Flow execute_list(uint32_t start, uint32_t count);
  void run_loop(uint32_t number, const Value& iterable, int depth);
  void assign(uint32_t target, const Value& value);
  std::string capture(uint32_t body);
  void push_scope();
  void pop_scope() { scope_ = scope_->parent; }
  const Value* lookup(std::string_view name) const;
  void write(std::string_view text);

  // template_expressions.cpp
  Value evaluate(uint32_t node);
  Value evaluate_node(const artifact::Node& node);
  Value binary(const artifact::Node& node);
  Value arithmetic(artifact::NodeKind kind, const Value& a, const Value& b);
  Value integer_arithmetic(artifact::NodeKind kind, int64_t a, int64_t b);
  Value compare_chain(const artifact::Node& node);
  bool compare_one(artifact::NodeKind kind, const Value& a, const Value& b);
  bool contains(const Value& container, const Value& item);
  Value attribute(const Value& object, std::string_view name);
  Value item(const Value& object, const Value& key);
  Value slice(const artifact::Node& node);
  Value loop_attribute(const Callable& loop, std::string_view name);
  Arguments arguments(uint32_t start, uint32_t count);
  std::vector<Value> items_of(const Value& iterable);

  // template_calls.cpp
  Value call(const Value& callee, Arguments arguments);
  Value call_macro(const Callable& macro, Arguments& arguments);
  Value call_function(std::string_view name, Arguments& arguments);
  Value call_loop(const Callable& loop, Arguments& arguments);

  // template_methods.cpp
  static bool has_method(const Value& object, std::string_view name);
  Value call_method(const Value& self, std::string_view name, Arguments& arguments);
  Value string_method(const std::string& self, std::string_view name, Arguments& arguments);
  Value split(const std::string& self, Arguments& arguments, bool from_right);
  Value list_method(const Value& self, std::string_view name, Arguments& arguments);
  Value dict_method(const Value& self, std::string_view name, Arguments& arguments);

  // template_filters.cpp
  Value filter(std::string_view name, const Value& input, Arguments& arguments);
  Value text_filter(std::string_view name, const std::string& text, Arguments& arguments);
  Value list_filter(std::string_view name, const Value& input, Arguments& arguments);
  Value tojson(const Value& input, Arguments& arguments);
  Value map(const Value& input, Arguments& arguments);
  Value select(std::string_view name, const Value& input, Arguments& arguments);
  Value sorted(const Value& input, Arguments& arguments, bool pairs);
  Value attribute_path(const Value& object, const Value& path);
  bool test(std::string_view name, const Value& input, Arguments& arguments);

  // Fails with the message unless something failed before; undefined.
  Value error(std::string message, Code code = Code::kInvalidArgument);
  bool failed() const { return !status_.ok(); }
  // Pays for `bytes` made or steps done; false if the budget is spent.
  bool charge(size_t bytes);
  Value make_string(std::string text);
  Value make_list(std::vector<Value> items, bool tuple = false);
  std::shared_ptr<ValueDict> make_dict();
  std::string_view text_of(uint32_t string) const { return tree_.strings()->Get(string)->string_view(); }
  uint32_t entry(uint32_t list) const { return tree_.lists()->Get(list); }

  const artifact::Template& tree_;
  Status status_;
  uint64_t budget_;
  int depth_ = 0;
  std::string* out_ = nullptr;
  std::shared_ptr<Scope> scope_;
  std::shared_ptr<Scope> root_;
  Value input_text_;
  // Everything that can hold other values and was made here: emptied at the end, so that no cycle of references and no deep
  // chain of destructors is left.
  std::vector<std::shared_ptr<ValueList>> lists_;
  std::vector<std::shared_ptr<ValueDict>> dicts_;
  std::vector<std::shared_ptr<Scope>> scopes_;
  std::vector<std::shared_ptr<Callable>> callables_;
};

} // namespace r1::text
