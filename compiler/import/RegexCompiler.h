// Regular expressions as tokenizer.json writes them (Oniguruma's Ruby syntax), compiled to the program in text.fbs.
//
// What cannot be run in one pass is refused by name: back references, possessive and atomic groups, lookaround wider than one
// code point. No tokenizer of the families we serve needs them.
#pragma once
#include "runtime/artifact/text_generated.h"
#include "llvm/Support/Error.h"

#include <memory>
#include <string_view>

namespace r1::compiler {

llvm::Expected<std::unique_ptr<artifact::RegexT>> compileRegex(std::string_view pattern);

// A pattern that matches `text` itself.
std::string escapeRegex(std::string_view text);

} // namespace r1::compiler
