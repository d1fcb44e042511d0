// Writes a float32 matrix as a .npy file (NumPy's format, version 1.0), row by row, and reads it back.
#pragma once
#include "runtime/base/os.h"

namespace r1 {

class NpyWriter {
public:
  // The file appears only when finish() has succeeded.
  static Result<NpyWriter> create(const std::string& path, uint64_t rows, uint64_t columns);
  Status append(std::span<const float> row); // `columns` values
  Status finish();                           // kInternal unless `rows` rows were appended

private:
  NpyWriter(os::OutputFile file, uint64_t rows, uint64_t columns)
      : file_(std::move(file)), rows_left_(rows), columns_(columns) {}
  os::OutputFile file_;
  uint64_t rows_left_, columns_;
};

// All of a file that NpyWriter wrote, row by row; kInvalidArgument where it is of another shape or by another writer.
Result<std::vector<float>> read_npy(const std::string& path, uint64_t rows, uint64_t columns);

} // namespace r1
