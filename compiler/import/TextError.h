// How the readers of tokenizer and template files report failure.
#pragma once
#include "llvm/Support/Error.h"

#include <string>

namespace r1::compiler {

inline llvm::Error textError(const std::string& message) {
  return llvm::createStringError(llvm::inconvertibleErrorCode(), "%s", message.c_str());
}

} // namespace r1::compiler
