// The JSON of a safetensors header, read event by event: R1 has 92,000 tensors, so no tree of values is
// built.
#pragma once
#include "compiler/checkpoint/Safetensors.h"

namespace r1::checkpoint {

struct HeaderFault {
  SafetensorsFault kind = SafetensorsFault::InvalidHeaderDeserialization;
  std::string what; // empty: no fault
  explicit operator bool() const { return !what.empty(); }
};

// Appends to `header` in the order of the text. A tensor's `offset` and `bytes` are left holding the two
// data_offsets.
HeaderFault parseHeaderJson(llvm::StringRef text, SafetensorsHeader& header);

} // namespace r1::checkpoint
