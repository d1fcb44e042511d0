// Holes as CUDA C++: a region of arith/math on scalars becomes a function on V neighbouring columns that the skeleton inlines.
#pragma once
#include "compiler/emit/KernelSource.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

namespace r1 {

/// `struct Holes { ... };` with a member template for each used hole of `kernel`, named as in the registry. Fails on an operation
/// that has no CUDA form, naming it.
llvm::Error printCudaHoles(const KernelSource& kernel, llvm::raw_ostream& out);

} // namespace r1
