// Private to emit: from objects in memory to a checked shared object in memory.
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/MemoryBufferRef.h"
#include <string>
#include <vector>

namespace r1 {

// Links with lld in this process. Thread safe, but one link runs at a time.
llvm::Expected<std::string> linkImage(llvm::ArrayRef<llvm::MemoryBufferRef> objects);

// The contract of an image: no needed library, no undefined symbol, no text relocation, and `symbol` its only
// export.
llvm::Error checkImage(llvm::StringRef image, llvm::StringRef symbol);

// Names that an object uses and does not define, and the size of its code.
struct ObjectFacts {
  std::vector<std::string> undefined;
  uint64_t codeBytes = 0;
};
llvm::Expected<ObjectFacts> inspectObject(llvm::MemoryBufferRef object);

} // namespace r1
