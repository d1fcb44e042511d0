// Any text is either refused or a map whose file names stay in the folder.
#include "compiler/checkpoint/Checkpoint.h"
#include <cstdlib>

using namespace r1::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto map = parseIndex({reinterpret_cast<const char*>(data), size}, "fuzz.index.json");
  if (!map) {
    if (llvm::toString(map.takeError()).empty())
      std::abort();
    return 0;
  }
  for (const auto& entry : *map) {
    llvm::StringRef name = entry.getValue();
    if (name.empty() || name.contains('/') || name.contains('\0') || !name.ends_with(".safetensors"))
      std::abort();
  }
  return 0;
}
