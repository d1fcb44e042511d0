// Any bytes are either refused or a set of tensors that lie one after another inside the file.
#include "compiler/checkpoint/Safetensors.h"
#include <cstdlib>

using namespace r1::checkpoint;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto header = parseSafetensors({data, size}, "fuzz.safetensors");
  if (!header) {
    if (llvm::toString(header.takeError()).empty())
      std::abort();
    return 0;
  }
  uint64_t end = header->headerBytes;
  for (const TensorInfo& tensor : header->tensors) {
    if (tensor.offset != end ||
        tensor.bytes * 8 != static_cast<uint64_t>(tensor.elements()) * bitsOf(tensor.dtype))
      std::abort();
    end += tensor.bytes;
  }
  if (end != size)
    std::abort();
  return 0;
}
