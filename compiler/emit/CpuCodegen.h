// From kernel descriptions to a finished ELF image. Depends on no dialect of ours: a kernel is a skeleton of
// the registry, its parameters, and MLIR regions of arith/math on f32 for its holes.
#pragma once
#include "compiler/target/CpuTarget.h"
#include "kernels/registry/registry.h"
#include "mlir/IR/Region.h"
#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mlir {
class DialectRegistry;
}

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
};

struct CpuEmitOptions {
  unsigned jobs = 1;        // threads that generate code; the image does not depend on it
  std::string_view bitcode; // of the skeletons; empty: what r1c was built with for the target's ISA level
  std::string dumpFolder; // existing folder that gets <name>.ll for each kernel, as optimised; empty: nothing
                          // is written
};

struct CpuKernelReport {
  std::string name;
  uint64_t codeBytes = 0;
  std::vector<std::string>
      remainingCalls; // what is still called after inlining; empty for every kernel we ship
  double seconds = 0;
};

// Dialects and translations that emitCpuImage uses in the context of the regions.
void registerCpuEmitDialects(mlir::DialectRegistry& registry);

// The bytes of an ELF shared object that exports kernels::kCpuQuerySymbol and needs nothing: no library, no
// symbol. Kernel i of the image is kernels[i]. Regions are only read. All regions must belong to one
// MLIRContext, on which nothing else works meanwhile. Same arguments, same bytes.
llvm::Expected<std::string> emitCpuImage(llvm::ArrayRef<KernelSource> kernels, const CpuTarget& target,
                                         const CpuEmitOptions& options,
                                         std::vector<CpuKernelReport>* reports = nullptr);

} // namespace r1
