// Strict JSON from untrusted files: no duplicate keys, bounded nesting, no byte-order mark, no NUL, valid
// UTF-8, nothing after the value. Included only by source files: the library's header is heavy.
#pragma once
#include "compiler/checkpoint/InputFile.h"
#include <nlohmann/json.hpp>

namespace r1::checkpoint {

inline constexpr size_t kMaxJsonDepth = 64;

// What nlohmann's lexer lets pass and JSON forbids: a byte-order mark, and NUL (which it takes for the end).
// Empty if fine.
std::string forbiddenJsonBytes(llvm::StringRef text);

// The parser's own words for a syntax error, without its internal codes.
std::string jsonFault(const nlohmann::json::exception& exception);

llvm::Expected<nlohmann::json> parseJson(llvm::StringRef text, llvm::StringRef file);
llvm::Expected<nlohmann::json> readJsonFile(llvm::StringRef path, uint64_t limit);

} // namespace r1::checkpoint
