// Weights from a checkpoint's tensors to the bytes of a segment, in one stream of bounded memory: the segment
// is cut into windows of a few MiB, any number of threads fill windows, and they leave in order. Every number
// of threads gives the same bytes.
#pragma once
#include "kernels/registry/layout.h"
#include "runtime/artifact/artifact_generated.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace r1 {

struct SourceTensor {
  artifact::DataType type; // F32, BF16, F16 or F8E4M3
  llvm::SmallVector<int64_t, 4> shape;
};

struct TensorPlace {
  uint32_t file; // of the checkpoint
  uint64_t offset;
};

// Where tensors come from. Called by many threads at once.
class TensorReader {
public:
  virtual ~TensorReader() = default;
  virtual llvm::Expected<SourceTensor>
  find(llvm::StringRef tensor) const = 0; // an error names what is missing
  // Fills `out` from byte `offset` of the tensor on.
  virtual llvm::Error read(llvm::StringRef tensor, uint64_t offset,
                           llvm::MutableArrayRef<uint8_t> out) const = 0;
  // Where the tensor's first byte lies in a file; nothing where it lies in none.
  virtual std::optional<TensorPlace> place(llvm::StringRef) const { return std::nullopt; }
};

// A rectangle of a tensor (a one-dimensional tensor is one row). Its rows become rows [destRow, ...) of
// matrix (batch, accumulator); transposed: its columns do. What remains is the matrix's k.
struct PackSource {
  std::string tensor;
  std::string scale; // of an e4m3 tensor: its weight_scale_inv, one factor per 128 x 128 block; empty: none
  int64_t rowBegin = 0, rowEnd = 0, colBegin = 0, colEnd = 0;
  bool transposed = false;
  int64_t batch = 0, accumulator = 0, destRow = 0;
};

// Rows      [batch][n][stride] of `type`, row-major; stride = bytes / (batch * n) / element, at least k; one
// accumulator Vector    [k] of `type` The others: kernels/registry/layout.h. Scales and
// RowScales take the same sources as the Vnni16F8 or RowMajorF8 job beside them.
enum class PackLayout { Rows, Vector, Vnni16, Vnni16F8, Scales, RowMajor, RowMajorF8, RowScales };
llvm::StringRef layoutName(PackLayout layout); // as in kern.constant and in an artifact: "vnni16_f8"
// The layout of that name; "literal" is a Vector.
PackLayout layoutOf(llvm::StringRef name);
// What a layout's elements are; `other` for those that can hold several types.
artifact::DataType layoutType(PackLayout layout, artifact::DataType other);

struct PackJob {
  std::string name; // of the tensor, for the artifact's list
  PackLayout layout = PackLayout::Rows;
  kernels::PackShape shape{};
  artifact::DataType type{};       // of the packed elements
  std::vector<PackSource> sources; // cover every row of every matrix exactly once
  uint64_t offset = 0, bytes = 0;  // in the segment
  float randomScale = 0;
};

// The least number of bytes of a job: of Rows, with a stride of k.
uint64_t packedBytes(PackLayout layout, const kernels::PackShape& shape, artifact::DataType type);

// Finds every mistake that can be found without reading weights: missing tensors, wrong shapes, types, sizes,
// rows covered twice or never, jobs that overlap.
llvm::Error checkJobs(llvm::ArrayRef<PackJob> jobs, uint64_t segmentBytes, const TensorReader& reader);

// What of a segment lies in a file of the checkpoint byte for byte as it is packed: rows of e4m3 or bf16 without padding, conversion or
// transposition. Ascending, neighbours joined; pieces below 64 KiB are not worth a read of their own.
struct InPlace {
  uint64_t offset, bytes; // in the segment
  TensorPlace place;
};
std::vector<InPlace> inPlace(llvm::ArrayRef<PackJob> jobs, const TensorReader& reader);

// Packs `jobs` (sorted by offset) with `threads` threads and hands the segment's bytes to `sink`, in order,
// in the calling thread; gaps are zeros. Stops at the first error, of a source or of `sink`. Checks the jobs
// first. Memory: about 8 MiB for each of 2 * threads + 2 windows.
llvm::Error packSegment(llvm::ArrayRef<PackJob> jobs, uint64_t segmentBytes, const TensorReader& reader,
                        unsigned threads, llvm::function_ref<llvm::Error(llvm::ArrayRef<uint8_t>)> sink);

} // namespace r1
