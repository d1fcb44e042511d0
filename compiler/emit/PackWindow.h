// Private to emit: one window of a packing job, and the checks of a job as a whole.
#pragma once
#include "compiler/emit/Packing.h"

namespace r1 {

// Rows [rowBegin, rowBegin + rows) of one batch, contiguous in the job's layout: of every accumulator, or of `accumulator` where the
// layout keeps them apart. rowBegin is a multiple of 16.
struct PackWindow {
  static constexpr int64_t kEvery = -1;
  const PackJob* job;
  int64_t batch, accumulator, rowBegin, rows;
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
