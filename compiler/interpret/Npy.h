// The .npy format (numpy/lib/format.py, version 1.0): float32, little-endian, C order.
#pragma once
#include "compiler/interpret/Values.h"
#include "llvm/Support/Error.h"

namespace r1::interpret {

/// Writes `tensor` to `path`, under a temporary name until it is complete.
llvm::Error writeNpy(llvm::StringRef path, const Tensor& tensor);

} // namespace r1::interpret
