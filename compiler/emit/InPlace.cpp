// Which bytes of a segment a checkpoint has as they are packed.
#include "compiler/emit/PackWindow.h"

namespace r1 {
namespace {

constexpr uint64_t kLeastInPlace = 64 << 10;

/// Bytes between rows of a job whose rows lie one behind the other as in a checkpoint; 0 for other layouts.
uint64_t rowBytes(const PackJob& job) {
  uint64_t rows = job.shape.batch * job.shape.accumulators * job.shape.n;
  switch (job.layout) {
  case PackLayout::Rows:
  case PackLayout::RowMajor:
  case PackLayout::RowMajorF8:
    return job.bytes / rows;
  case PackLayout::Vector:
  case PackLayout::Vnni16:
  case PackLayout::Vnni16F8:
  case PackLayout::Scales:
  case PackLayout::RowScales:
    return 0;
  }
  llvm_unreachable("every layout is named");
}

std::optional<InPlace> inPlace(const PackJob& job, const PackSource& s, const TensorReader& reader) {
  uint64_t row = rowBytes(job), element = elementBytes(job.type);
  llvm::Expected<SourceTensor> tensor = reader.find(s.tensor);
  if (!tensor) {
    llvm::consumeError(tensor.takeError()); // packing will say so
    return std::nullopt;
  }
  int64_t columns = tensor->shape.back();
  std::optional<TensorPlace> place = reader.place(s.tensor);
  if (!place || row == 0 || row != job.shape.k * element || tensor->type != job.type || s.transposed ||
      s.colBegin != 0 || s.colEnd != columns)
    return std::nullopt;
  uint64_t first = (s.batch * job.shape.accumulators + s.accumulator) * job.shape.n + s.destRow;
  return InPlace{job.offset + first * row,
                 (s.rowEnd - s.rowBegin) * row,
                 {place->file, place->offset + s.rowBegin * row}};
}

} // namespace

std::vector<InPlace> inPlace(llvm::ArrayRef<PackJob> jobs, const TensorReader& reader) {
  std::vector<InPlace> found, joined;
  for (const PackJob& job : jobs)
    for (const PackSource& source : job.sources)
      if (std::optional<InPlace> piece = inPlace(job, source, reader))
        found.push_back(*piece);
  llvm::sort(found, [](const InPlace& a, const InPlace& b) { return a.offset < b.offset; });
  for (const InPlace& piece : found) {
    if (!joined.empty())
      if (InPlace& last = joined.back(); last.offset + last.bytes == piece.offset &&
                                         last.place.file == piece.place.file &&
                                         last.place.offset + last.bytes == piece.place.offset) {
        last.bytes += piece.bytes;
        continue;
      }
    joined.push_back(piece);
  }
  llvm::erase_if(joined, [](const InPlace& piece) { return piece.bytes < kLeastInPlace; });
  return joined;
}

} // namespace r1
