#include "compiler/checkpoint/SafetensorsJson.h"
#include "compiler/checkpoint/Json.h"
#include "llvm/ADT/StringSet.h"
#include <limits>

using namespace llvm;
using nlohmann::json;

namespace r1::checkpoint {
namespace {

// Where the next event stands.
enum class Place {
  Start,    // before the header's object
  Header,   // its keys
  Metadata, // inside __metadata__
  Tensor,   // inside one tensor's object
  Shape,
  Offsets,
};

enum Field : unsigned { kNone = 0, kDType = 1, kShape = 2, kOffsets = 4, kAll = 7 };

class HeaderReader final : public nlohmann::json_sax<json> {
public:
  explicit HeaderReader(SafetensorsHeader& header) : header(header) {}
  HeaderFault fault;

  bool null() override {
    // "__metadata__": null means none, as in the reference implementation.
    return skipping() || (place == Place::Header && inMetadata) || refuse("null");
  }
  bool boolean(bool) override { return skipping() || refuse("true or false"); }
  bool number_integer(number_integer_t) override { return skipping() || refuse("a negative number"); }
  bool number_float(number_float_t, const string_t& text) override {
    return skipping() || refuse("the number " + quote(text));
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (skipping())
      return true;
    if (place == Place::Shape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
        return stop(SafetensorsFault::ValidationOverflow,
                    "tensor " + quote(name) + " has a size of " + Twine(value));
      header.tensors.back().shape.push_back(static_cast<int64_t>(value));
      return true;
    }
    if (place == Place::Offsets && offsets < 2) {
      TensorInfo& tensor = header.tensors.back();
      (offsets++ == 0 ? tensor.offset : tensor.bytes) = value;
      return true;
    }
    return refuse("the number " + std::to_string(value));
  }
  bool string(string_t& value) override {
    if (skipping())
      return true;
    if (place == Place::Metadata) {
      header.metadata.back().second = std::move(value);
      return true;
    }
    if (place != Place::Tensor || field != kDType)
      return refuse("the text " + quote(value));
    std::optional<DType> type = parseDType(value);
    if (!type)
      return stop(SafetensorsFault::InvalidHeaderDeserialization,
                  "tensor " + quote(name) + " has the unknown type " + quote(value));
    header.tensors.back().dtype = *type;
    field = kNone;
    return true;
  }
  bool binary(binary_t&) override { return false; }

  bool key(string_t& text) override {
    if (skipped > 0)
      return true;
    if (place == Place::Tensor) {
      field = text == "dtype" ? kDType : text == "shape" ? kShape : text == "data_offsets" ? kOffsets : kNone;
      if (seen & field)
        return stop(SafetensorsFault::DuplicateKey,
                    "tensor " + quote(name) + " has " + quote(text) + " twice");
      seen |= field;
      skipNext = field == kNone; // unknown fields are ignored, as in the reference implementation
      return true;
    }
    if (!(place == Place::Header ? names : metadataNames).insert(text).second)
      return stop(SafetensorsFault::DuplicateKey, "key " + quote(text) + " appears twice");
    if (place == Place::Metadata) {
      header.metadata.emplace_back(std::move(text), "");
      return true;
    }
    inMetadata = text == "__metadata__";
    name = std::move(text);
    return true;
  }

  bool start_object(std::size_t) override {
    if (descend())
      return withinDepth();
    if (place == Place::Start) {
      place = Place::Header;
    } else if (place == Place::Header && inMetadata) {
      place = Place::Metadata;
    } else if (place == Place::Header) {
      place = Place::Tensor;
      seen = field = kNone;
      header.tensors.emplace_back().name = name;
    } else {
      return refuse("an object");
    }
    return true;
  }
  bool end_object() override {
    if (ascend())
      return true;
    if (place == Place::Tensor && seen != kAll)
      return stop(SafetensorsFault::InvalidHeaderDeserialization, "tensor " + quote(name) + " lacks " +
                                                                      (!(seen & kDType)   ? "dtype"
                                                                       : !(seen & kShape) ? "shape"
                                                                                          : "data_offsets"));
    place = Place::Header;
    return true;
  }
  bool start_array(std::size_t) override {
    if (descend())
      return withinDepth();
    if (place != Place::Tensor || (field != kShape && field != kOffsets))
      return refuse("an array");
    place = field == kShape ? Place::Shape : Place::Offsets;
    field = kNone;
    offsets = 0;
    return true;
  }
  bool end_array() override {
    if (ascend())
      return true;
    if (place == Place::Offsets && offsets != 2)
      return stop(SafetensorsFault::InvalidHeaderDeserialization,
                  "tensor " + quote(name) + " has data_offsets that are not two numbers");
    place = Place::Tensor;
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const json::exception& exception) override {
    return stop(SafetensorsFault::InvalidHeaderDeserialization, jsonFault(exception));
  }

private:
  bool stop(SafetensorsFault kind, const Twine& what) {
    fault = {kind, what.str()};
    return false;
  }
  bool refuse(const std::string& found) {
    StringRef expected = place == Place::Start      ? "an object of tensors"
                         : place == Place::Metadata ? "text in __metadata__"
                         : inMetadata               ? "an object in __metadata__"
                         : place == Place::Header   ? "an object that describes the tensor"
                         : place == Place::Offsets  ? "two offsets"
                         : place == Place::Shape    ? "sizes"
                         : field == kDType          ? "the name of a type"
                                                    : "an array of numbers";
    return stop(SafetensorsFault::InvalidHeaderDeserialization,
                "found " + found + ", expected " + expected +
                    (name.empty() ? "" : " (at " + quote(name) + ")"));
  }

  // Unknown fields: a scalar is skipped by `skipping`, an object or array by counting levels.
  bool skipping() {
    bool skip = skipped > 0 || skipNext;
    skipNext = false;
    return skip;
  }
  bool descend() {
    if (!skipping())
      return false;
    ++skipped;
    return true;
  }
  bool ascend() {
    if (skipped == 0)
      return false;
    --skipped;
    return true;
  }
  bool withinDepth() {
    return skipped <= kMaxJsonDepth || stop(SafetensorsFault::InvalidHeaderDeserialization,
                                            "nested deeper than " + Twine(kMaxJsonDepth) + " levels");
  }

  SafetensorsHeader& header;
  Place place = Place::Start;
  std::string name;
  bool inMetadata = false;
  unsigned field = kNone, seen = kNone;
  int offsets = 0;
  bool skipNext = false;
  size_t skipped = 0;
  StringSet<> names, metadataNames;
};

} // namespace

HeaderFault parseHeaderJson(StringRef text, SafetensorsHeader& header) {
  HeaderReader reader(header);
  if (std::string bytes = forbiddenJsonBytes(text); !bytes.empty())
    return {SafetensorsFault::InvalidHeaderDeserialization, bytes};
  if (!json::sax_parse(text.begin(), text.end(), &reader) && !reader.fault)
    reader.fault.what = "a number is out of range";
  return reader.fault;
}

} // namespace r1::checkpoint
