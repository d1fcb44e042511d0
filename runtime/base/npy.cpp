#include "runtime/base/npy.h"

#include <algorithm>

namespace r1 {

static std::string header_of(uint64_t rows, uint64_t columns) {
  std::string header = format("{'descr': '<f4', 'fortran_order': False, 'shape': (%llu, %llu), }",
                              (unsigned long long)rows, (unsigned long long)columns);
  // Magic, version and length take 10 bytes; the data begins at a multiple of 64, after a newline.
  header.resize((10 + header.size() + 1 + 63) / 64 * 64 - 10 - 1, ' ');
  header += '\n';
  std::string start("\x93NUMPY\x01\x00", 8);
  start += char(header.size() & 255);
  start += char(header.size() >> 8);
  return start + header;
}

Result<NpyWriter> NpyWriter::create(const std::string& path, uint64_t rows, uint64_t columns) {
  R1_ASSIGN_OR_RETURN(os::OutputFile file, os::OutputFile::create(path));
  std::string start = header_of(rows, columns);
  R1_RETURN_IF_ERROR(file.write({reinterpret_cast<const uint8_t*>(start.data()), start.size()}));
  return NpyWriter(std::move(file), rows, columns);
}

Status NpyWriter::append(std::span<const float> row) {
  if (row.size() != columns_ || rows_left_ == 0)
    return fail(Code::kInternal, "a row of %zu values, %llu rows left", row.size(),
                (unsigned long long)rows_left_);
  --rows_left_;
  return file_.write({reinterpret_cast<const uint8_t*>(row.data()), row.size_bytes()});
}

Status NpyWriter::finish() {
  if (rows_left_)
    return fail(Code::kInternal, "%llu rows were not written", (unsigned long long)rows_left_);
  return file_.commit();
}

Result<std::vector<float>> read_npy(const std::string& path, uint64_t rows, uint64_t columns) {
  R1_ASSIGN_OR_RETURN(os::File file, os::File::open(path));
  const std::string start = header_of(rows, columns);
  std::string found(std::min<uint64_t>(file.bytes(), start.size()), '\0');
  R1_RETURN_IF_ERROR(file.read(0, {reinterpret_cast<uint8_t*>(found.data()), found.size()}));
  if (found != start || file.bytes() != start.size() + rows * columns * sizeof(float))
    return fail(Code::kInvalidArgument, "%s: expected a float32 .npy of shape (%llu, %llu), as we write them",
                path.c_str(), (unsigned long long)rows, (unsigned long long)columns);
  std::vector<float> values(rows * columns);
  R1_RETURN_IF_ERROR(
      file.read(start.size(), {reinterpret_cast<uint8_t*>(values.data()), values.size() * sizeof(float)}));
  return values;
}

} // namespace r1
