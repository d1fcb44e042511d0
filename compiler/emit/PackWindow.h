// Private to emit: one window of a packing job, and the checks of a job as a whole.
#pragma once
#include "compiler/emit/Packing.h"

namespace r1 {

// Rows [rowBegin, rowBegin + rows) of every accumulator of one batch, which are contiguous in every layout.
// rowBegin is a multiple of 16.
struct PackWindow {
  const PackJob* job;
  int64_t batch, rowBegin, rows;
  uint64_t offset, bytes; // in the segment
};

// The windows of a job, in the order of their bytes.
void appendWindows(const PackJob& job, std::vector<PackWindow>& windows);

llvm::Error checkJob(const PackJob& job, const TensorReader& reader);

// Fills `out`, which has window.bytes bytes of any content.
llvm::Error packWindow(const PackWindow& window, const TensorReader& reader,
                       llvm::MutableArrayRef<uint8_t> out);

// Error with one line: "weights of <job>: ...".
llvm::Error packError(const PackJob& job, const llvm::Twine& message);

uint64_t elementBytes(artifact::DataType type);

} // namespace r1
