// tokenizer.json to the table r1.artifact.Tokenizer.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <nlohmann/json.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace r1::compiler {

// Parses JSON without exceptions; refuses what is nested deeper than 100 or is not UTF-8. `file` is for messages.
llvm::Expected<nlohmann::json> parseJson(std::string_view text, std::string_view file);

// `tokenIds`: the id of every token by its text.
struct ImportedTokenizer {
  std::unique_ptr<artifact::TokenizerT> table;
  llvm::StringMap<uint32_t> tokenIds;
};

llvm::Expected<ImportedTokenizer> importTokenizer(const nlohmann::json& tokenizer);

} // namespace r1::compiler
