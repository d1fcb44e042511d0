// Cuts a Jinja template into tokens. White space control is done here: `-` and `+` signs, trim_blocks (a newline after a block
// or comment goes away), lstrip_blocks (blanks before a block that begins a line go away).
#pragma once
#include "llvm/Support/Error.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace r1::compiler {

struct TemplateToken {
  enum class Kind {
    Text,
    OutputBegin,
    OutputEnd,
    BlockBegin,
    BlockEnd,
    Name,
    String,
    Integer,
    Float,
    Operator,
    End
  };
  Kind kind = Kind::End;
  std::string text; // of a String: what it means
  int64_t integer = 0;
  double real = 0;
  unsigned line = 0;
};

// The last token is End.
llvm::Expected<std::vector<TemplateToken>> lexTemplate(std::string_view name, std::string_view source);

llvm::Error templateError(std::string_view name, unsigned line, const std::string& what);

} // namespace r1::compiler
