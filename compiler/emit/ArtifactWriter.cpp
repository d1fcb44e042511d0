#include "compiler/emit/ArtifactWriter.h"
#include "compiler/emit/Interrupt.h"
#include "compiler/emit/Progress.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/Path.h"
#include <span>
#include <unistd.h>

namespace r1 {
namespace {

llvm::Error toError(const Status& status) {
  return status.ok() ? llvm::Error::success() : llvm::createStringError(status.message());
}

std::span<const uint8_t> asSpan(llvm::ArrayRef<uint8_t> bytes) { return {bytes.data(), bytes.size()}; }

} // namespace

llvm::Expected<ArtifactWriter> ArtifactWriter::create(llvm::StringRef path) {
  Result<artifact::Writer> writer = artifact::Writer::create(path.str());
  if (!writer)
    return toError(writer.status());
  return ArtifactWriter(path.str(), *std::move(writer));
}

ArtifactWriter::~ArtifactWriter() {
  if (finished)
    return;
  for (SideFile& side : sides)
    if (!side.file) // named already when the artifact itself failed; useless without it
      unlink(side.path.c_str());
}

llvm::Expected<artifact::SectionT> ArtifactWriter::addImage(llvm::StringRef image) {
  if (llvm::Error error = checkInterrupt())
    return error;
  Result<artifact::SectionT> section = writer.write_section(
      artifact::kImageAlignment, {reinterpret_cast<const uint8_t*>(image.data()), image.size()});
  if (!section)
    return toError(section.status());
  return *std::move(section);
}

llvm::Expected<artifact::SectionT> ArtifactWriter::addSegment(llvm::ArrayRef<PackJob> jobs, uint64_t bytes,
                                                              const TensorReader& reader, unsigned threads) {
  if (llvm::Error error = toError(writer.begin_section(artifact::kSegmentAlignment)))
    return error;
  Progress progress("packing weights", bytes);
  auto sink = [&](llvm::ArrayRef<uint8_t> part) {
    progress.advance(part.size());
    return toError(writer.append(asSpan(part)));
  };
  if (llvm::Error error = packSegment(jobs, bytes, reader, threads, sink))
    return error;
  return writer.end_section();
}

llvm::Expected<artifact::SectionT> ArtifactWriter::addSideSegment(llvm::StringRef name,
                                                                  llvm::ArrayRef<PackJob> jobs,
                                                                  uint64_t bytes, const TensorReader& reader,
                                                                  unsigned threads) {
  llvm::SmallString<256> place(llvm::sys::path::parent_path(path));
  llvm::sys::path::append(place, name);
  Result<os::OutputFile> file = os::OutputFile::create(std::string(place));
  if (!file)
    return toError(file.status());
  Progress progress(("packing weights into " + name).str(), bytes);
  Hasher hasher;
  auto sink = [&](llvm::ArrayRef<uint8_t> part) {
    progress.advance(part.size());
    hasher.add(asSpan(part));
    return toError(file->write(asSpan(part)));
  };
  if (llvm::Error error = packSegment(jobs, bytes, reader, threads, sink))
    return error;
  sides.push_back({std::string(place), *std::move(file)});
  HashBytes digest = hasher.finish();
  artifact::SectionT section;
  section.bytes = bytes;
  section.hash =
      std::make_unique<artifact::Hash>(flatbuffers::span<const uint8_t, 32>(digest.data(), digest.size()));
  return section;
}

llvm::Error ArtifactWriter::finish(const artifact::ArtifactT& index) {
  for (SideFile& side : sides) {
    if (llvm::Error error = checkInterrupt())
      return error;
    if (llvm::Error error = toError(side.file->commit()))
      return error;
    side.file.reset();
  }
  if (llvm::Error error = checkInterrupt())
    return error;
  if (llvm::Error error = toError(writer.finish(index)))
    return error;
  finished = true;
  return llvm::Error::success();
}

artifact::TensorT describeTensor(const PackJob& job, uint32_t segment) {
  artifact::TensorT tensor;
  tensor.name = job.name;
  tensor.type = job.type;
  const kernels::PackShape& s = job.shape;
  if (s.batch > 1)
    tensor.shape.push_back(s.batch);
  if (s.accumulators > 1)
    tensor.shape.push_back(s.accumulators);
  if (job.layout != PackLayout::Vector)
    tensor.shape.push_back(s.n);
  tensor.shape.push_back(s.k);
  tensor.segment = segment;
  tensor.offset = job.offset;
  tensor.bytes = job.bytes;
  tensor.layout = layoutName(job.layout).str();
  tensor.random_scale = job.randomScale;
  return tensor;
}

} // namespace r1
