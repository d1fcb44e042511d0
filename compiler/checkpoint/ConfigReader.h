// Reads typed, range-checked values out of one JSON object and keeps the first problem. A key that is null
// counts as absent, as in transformers' configurations.
#pragma once
#include "compiler/checkpoint/Json.h"
#include <optional>

namespace r1::checkpoint {

class ConfigReader {
public:
  // `object` must outlive the reader. `prefix` names nested objects in messages: "rope_scaling.".
  ConfigReader(const nlohmann::json& object, llvm::StringRef file, std::string prefix = "")
      : object(object), file(file), prefix(std::move(prefix)) {}

  const nlohmann::json* find(llvm::StringRef key) const; // nullptr if absent or null
  bool has(llvm::StringRef key) const { return find(key) != nullptr; }

  // Without a fallback the key is required.
  int64_t integer(llvm::StringRef key, std::optional<int64_t> fallback, int64_t least, int64_t most);
  // Finite and in [least, most].
  double real(llvm::StringRef key, std::optional<double> fallback, double least, double most);
  bool boolean(llvm::StringRef key, bool fallback);
  std::string text(llvm::StringRef key, llvm::StringRef fallback);
  // A number or a list of numbers; anything else is a problem.
  std::vector<int64_t> integers(llvm::StringRef key, std::vector<int64_t> fallback);
  // An object under `key`, or nullptr if absent.
  const nlohmann::json* section(llvm::StringRef key);

  void wrong(llvm::StringRef key, const llvm::Twine& expected,
             llvm::StringRef cure = "correct the file or fetch it again");
  void problem(const llvm::Twine& line); // full text after the file's name
  void absorb(ConfigReader& nested) {
    if (first.empty())
      first = nested.first;
  }
  bool failed() const { return !first.empty(); }
  llvm::Error takeError() const { return first.empty() ? llvm::Error::success() : fail(first); }

private:
  const nlohmann::json& object;
  llvm::StringRef file;
  std::string prefix, first;
};

} // namespace r1::checkpoint
