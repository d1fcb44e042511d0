#include "compiler/checkpoint/Json.h"
#include <vector>

using namespace llvm;
using nlohmann::json;

namespace r1::checkpoint {
namespace {

// Builds the value itself, because nlohmann's own builder silently keeps the last of two equal keys.
class StrictBuilder final : public nlohmann::json_sax<json> {
public:
  json root;
  std::string fault;

  bool null() override { return add(json()) != nullptr; }
  bool boolean(bool value) override { return add(value) != nullptr; }
  bool number_integer(number_integer_t value) override { return add(value) != nullptr; }
  bool number_unsigned(number_unsigned_t value) override { return add(value) != nullptr; }
  bool number_float(number_float_t value, const string_t&) override { return add(value) != nullptr; }
  bool string(string_t& value) override { return add(std::move(value)) != nullptr; }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(json::object()); }
  bool start_array(std::size_t) override { return open(json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(string_t& name) override {
    auto [place, fresh] = stack.back()->get_ref<json::object_t&>().try_emplace(name);
    if (!fresh) {
      fault = "key " + quote(name) + " appears twice";
      return false;
    }
    slot = &place->second;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const json::exception& exception) override {
    fault = jsonFault(exception);
    return false;
  }

private:
  json* add(json value) {
    json* place = &root;
    if (!stack.empty() && stack.back()->is_array()) {
      stack.back()->push_back(nullptr);
      place = &stack.back()->back();
    } else if (!stack.empty()) {
      place = slot;
    }
    *place = std::move(value);
    return place;
  }

  bool open(json value) {
    if (stack.size() == kMaxJsonDepth) {
      fault = ("nested deeper than " + Twine(kMaxJsonDepth) + " levels").str();
      return false;
    }
    stack.push_back(add(std::move(value)));
    return true;
  }

  bool close() {
    stack.pop_back();
    return true;
  }

  std::vector<json*> stack;
  json* slot = nullptr;
};

} // namespace

std::string forbiddenJsonBytes(StringRef text) {
  if (text.starts_with("\xEF\xBB\xBF"))
    return "begins with a byte-order mark";
  if (size_t at = text.find('\0'); at != StringRef::npos)
    return ("has a NUL byte at offset " + Twine(at)).str();
  return "";
}

std::string jsonFault(const json::exception& exception) {
  StringRef text = exception.what();
  size_t bracket = text.find("] ");
  return quote(bracket == StringRef::npos ? text : text.substr(bracket + 2));
}

Expected<json> parseJson(StringRef text, StringRef file) {
  StrictBuilder builder;
  builder.fault = forbiddenJsonBytes(text);
  if (builder.fault.empty() && json::sax_parse(text.begin(), text.end(), &builder))
    return std::move(builder.root);
  if (builder.fault.empty())
    builder.fault = "a value is out of range";
  return fail(Twine(file) + ": is not valid JSON: " + builder.fault + "; correct the file or fetch it again");
}

Expected<json> readJsonFile(StringRef path, uint64_t limit) {
  Expected<std::string> text = readTextFile(path, limit);
  if (!text)
    return text.takeError();
  return parseJson(*text, path);
}

} // namespace r1::checkpoint
