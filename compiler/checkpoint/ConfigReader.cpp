#include "compiler/checkpoint/ConfigReader.h"
#include <cmath>
#include <limits>

using namespace llvm;
using nlohmann::json;

namespace r1::checkpoint {
namespace {

std::string shown(const json& value) {
  if (value.is_object())
    return "an object";
  if (value.is_array())
    return "a list";
  if (value.is_string())
    return quote(value.get_ref<const std::string&>());
  return value.dump();
}

std::optional<int64_t> asInteger(const json& value) {
  if (value.is_number_unsigned()) {
    uint64_t number = value.get<uint64_t>();
    if (number <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      return static_cast<int64_t>(number);
    return std::nullopt;
  }
  if (value.is_number_integer())
    return value.get<int64_t>();
  return std::nullopt;
}

std::string plain(double number) { return json(number).dump(); }

} // namespace

const json* ConfigReader::find(StringRef key) const {
  auto place = object.find(key.str());
  return place == object.end() || place->is_null() ? nullptr : &*place;
}

void ConfigReader::problem(const Twine& line) {
  if (first.empty())
    first = (Twine(file) + ": " + line).str();
}

void ConfigReader::wrong(StringRef key, const Twine& expected, StringRef cure) {
  const json* value = find(key);
  problem(Twine(prefix) + key + (value ? " is " + shown(*value) : std::string(" is missing")) +
          ", expected " + expected + "; " + cure);
}

int64_t ConfigReader::integer(StringRef key, std::optional<int64_t> fallback, int64_t least, int64_t most) {
  const json* value = find(key);
  std::optional<int64_t> number = value ? asInteger(*value) : fallback;
  if (number && *number >= least && *number <= most)
    return *number;
  wrong(key, "an integer from " + Twine(least) + " to " + Twine(most));
  return least;
}

double ConfigReader::real(StringRef key, std::optional<double> fallback, double least, double most) {
  const json* value = find(key);
  std::optional<double> number = !value               ? fallback
                                 : value->is_number() ? std::optional(value->get<double>())
                                                      : std::nullopt;
  if (number && std::isfinite(*number) && *number >= least && *number <= most)
    return *number;
  wrong(key, "a number from " + plain(least) + " to " + plain(most));
  return least;
}

bool ConfigReader::boolean(StringRef key, bool fallback) {
  const json* value = find(key);
  if (!value)
    return fallback;
  if (value->is_boolean())
    return value->get<bool>();
  wrong(key, "true or false");
  return fallback;
}

std::string ConfigReader::text(StringRef key, StringRef fallback) {
  const json* value = find(key);
  if (!value)
    return fallback.str();
  if (value->is_string())
    return value->get<std::string>();
  wrong(key, "text");
  return fallback.str();
}

std::vector<int64_t> ConfigReader::integers(StringRef key, std::vector<int64_t> fallback) {
  const json* value = find(key);
  if (!value)
    return fallback;
  std::vector<int64_t> numbers;
  size_t count = value->is_array() ? value->size() : 1;
  for (size_t i = 0; i < count; ++i) {
    std::optional<int64_t> number = asInteger(value->is_array() ? (*value)[i] : *value);
    if (!number) {
      wrong(key, "an integer or a list of integers");
      return fallback;
    }
    numbers.push_back(*number);
  }
  return numbers;
}

const json* ConfigReader::section(StringRef key) {
  const json* value = find(key);
  if (value && !value->is_object()) {
    wrong(key, "an object");
    return nullptr;
  }
  return value;
}

} // namespace r1::checkpoint
