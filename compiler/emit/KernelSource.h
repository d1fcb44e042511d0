// What code generation knows of a kernel: a skeleton of the registry, its parameters, and MLIR regions of arith/math on f32 for its
// holes. Depends on no dialect of ours.
#pragma once
#include "kernels/registry/registry.h"
#include "mlir/IR/Region.h"
#include <cstdint>
#include <string>
#include <vector>

namespace r1 {

// Which elements of a buffer a hole reads for (row, col):
//   RowCol  buffer[row * rowStride + colOffset + col]
//   Col     buffer[colOffset + col]                     a vector along the columns: norm weights
//   Row     buffer[row * rowStride + colOffset]         one value for the row: a router's weight
enum class Access { RowCol, Col, Row };

struct HoleOperand {
  unsigned buffer;        // index into the launch's buffers
  mlir::Type elementType; // f32 or bf16
  Access access;
  int64_t rowStride; // in elements
  int64_t colOffset;
};

// Element (row, col) lies at buffer[row * rowStride + colOffset + col].
struct HoleResult {
  unsigned buffer;
  mlir::Type elementType; // f32 or bf16 (rounded to nearest even)
  int64_t rowStride;
  int64_t colOffset;
};

// `body` has one block: arguments are the hole's leading values, then one f32 per operand; arith and math
// operations on scalars; the terminator's operands are the yields, all f32. A hole that writes back yields
// that value first, then one per result; any other hole yields one per result. Null or empty: the skeleton
// does not use this hole.
struct HoleSource {
  mlir::Region* body = nullptr;
  std::vector<HoleOperand> operands;
  std::vector<HoleResult> results;
  bool used() const { return body && !body->empty(); }
};

struct KernelSource {
  std::string name; // of the symbol in the image, for debuggers and profilers
  const kernels::Skeleton* skeleton = nullptr;
  std::vector<int64_t> params;   // in struct order; doubles as their bits
  std::vector<HoleSource> holes; // in skeleton order

  // The parameter's word; it must exist.
  int64_t param(std::string_view name) const;
};

} // namespace r1
