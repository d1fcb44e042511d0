// The values that chat templates compute with: what JSON has, and what Python adds to it. Copies share strings and containers.
//
// Callers build messages from none(), boolean(), integer(), real(), string(), list() and dict(); templates cannot change those.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace r1::text {

class Value;
struct Callable; // runtime/text/template_run.h

struct ValueList {
  std::vector<Value> items;
  bool tuple = false;
  bool writable = false;
};

// In the order of insertion. A namespace() prints and tests differently, but holds the same.
struct ValueDict {
  std::vector<std::pair<Value, Value>> items;
  bool is_namespace = false;
  bool writable = false;
  const Value* find(const Value& key) const;
  void set(const Value& key, Value value);
};

class Value {
public:
  Value() = default;                        // undefined
  static Value undefined(std::string name); // remembers what was looked for
  static Value none() { return Value(Data(nullptr)); }
  static Value boolean(bool value) { return Value(Data(value)); }
  static Value integer(int64_t value) { return Value(Data(value)); }
  static Value real(double value) { return Value(Data(value)); }
  static Value string(std::string value) {
    return Value(Data(std::make_shared<const std::string>(std::move(value))));
  }
  static Value list(std::vector<Value> items);
  static Value dict(std::vector<std::pair<std::string, Value>> items);
  static Value of(std::shared_ptr<ValueList> list) { return Value(Data(std::move(list))); }
  static Value of(std::shared_ptr<ValueDict> dict) { return Value(Data(std::move(dict))); }
  static Value of(std::shared_ptr<Callable> callable) { return Value(Data(std::move(callable))); }

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<std::nullptr_t>(data_); }
  const bool* as_boolean() const { return std::get_if<bool>(&data_); }
  const int64_t* as_integer() const { return std::get_if<int64_t>(&data_); }
  const double* as_real() const { return std::get_if<double>(&data_); }
  const std::string* as_string() const { return pointee<std::shared_ptr<const std::string>>(); }
  ValueList* as_list() const { return pointee<std::shared_ptr<ValueList>>(); }
  ValueDict* as_dict() const { return pointee<std::shared_ptr<ValueDict>>(); }
  Callable* as_callable() const { return pointee<std::shared_ptr<Callable>>(); }

  // Integers and booleans, which count as 0 and 1.
  std::optional<int64_t> whole() const;
  // Those and reals.
  std::optional<double> number() const;
  bool truthy() const;
  // "str", "list", ... as Python names it, for messages.
  const char* type_name() const;
  // The name an undefined value was looked for under.
  std::string_view undefined_name() const;

  // Python's ==.
  friend bool operator==(const Value& a, const Value& b);

private:
  using Undefined = std::shared_ptr<const std::pair<std::string, int>>;
  using Data =
      std::variant<Undefined, std::nullptr_t, bool, int64_t, double, std::shared_ptr<const std::string>,
                   std::shared_ptr<ValueList>, std::shared_ptr<ValueDict>, std::shared_ptr<Callable>>;
  explicit Value(Data data) : data_(std::move(data)) {}
  template <class Pointer> typename Pointer::element_type* pointee() const {
    const Pointer* pointer = std::get_if<Pointer>(&data_);
    return pointer ? pointer->get() : nullptr;
  }
  Data data_;
};

// How many lists and dicts may lie in each other where a function walks down into them.
inline constexpr int kMaxValueDepth = 200;

// Python's str() and repr(). What lies deeper than kMaxValueDepth becomes "...".
std::string to_text(const Value& value);
std::string to_repr(const Value& value);
std::string real_to_text(double value);

// Python's order: numbers among each other, strings, lists element by element. nullopt: these two have none.
std::optional<int> compare(const Value& a, const Value& b);

// json.dumps. `indent`: nullopt is one line. nullopt: something that JSON does not have, or nested too deep.
struct JsonStyle {
  std::optional<std::string> indent;
  std::string item_separator = ", ", key_separator = ": ";
  bool ensure_ascii = false, sort_keys = false;
};
std::optional<std::string> to_json(const Value& value, const JsonStyle& style);
// json.loads. nullopt: not JSON.
std::optional<Value> parse_json(std::string_view text);

} // namespace r1::text
