// Files that people or other compilers read.
#pragma once
#include "llvm/Support/Error.h"

namespace r1 {

/// Writes the file, and its folder where there is none. One line with the path where it cannot.
llvm::Error writeTextFile(const llvm::Twine& path, llvm::StringRef text);

} // namespace r1
