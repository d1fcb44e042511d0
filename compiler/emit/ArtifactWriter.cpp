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

artifact::Hash hashOf(Hasher& hasher) {
  HashBytes digest = hasher.finish();
  return artifact::Hash(flatbuffers::span<const uint8_t, 32>(digest.data(), digest.size()));
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

llvm::Expected<ArtifactWriter::StoredSegment>
ArtifactWriter::addSegment(llvm::StringRef sideFile, llvm::ArrayRef<PackJob> jobs, uint64_t bytes,
                           llvm::ArrayRef<InPlace> inPlace, const TensorReader& reader, unsigned threads) {
  std::optional<os::OutputFile> side;
  llvm::SmallString<256> place(llvm::sys::path::parent_path(path));
  llvm::sys::path::append(place, sideFile);
  if (!sideFile.empty()) {
    Result<os::OutputFile> file = os::OutputFile::create(std::string(place));
    if (!file)
      return toError(file.status());
    side.emplace(*std::move(file));
  } else if (llvm::Error error = toError(writer.begin_section(artifact::kSegmentAlignment))) {
    return error;
  }
  Progress progress(sideFile.empty() ? "packing weights" : ("packing weights into " + sideFile).str(), bytes);
  Hasher whole, stored;
  const bool inPlaceAny = !inPlace.empty();
  uint64_t storedBytes = 0;
  auto store = [&](llvm::ArrayRef<uint8_t> part) {
    storedBytes += part.size();
    if (!side)
      return toError(writer.append(asSpan(part)));
    stored.add(asSpan(part));
    return toError(side->write(asSpan(part)));
  };
  uint64_t at = 0;
  auto sink = [&](llvm::ArrayRef<uint8_t> part) -> llvm::Error {
    progress.advance(part.size());
    if (inPlaceAny)
      whole.add(asSpan(part));
    while (!part.empty()) {
      while (!inPlace.empty() && at >= inPlace.front().offset + inPlace.front().bytes)
        inPlace = inPlace.drop_front();
      bool stays = !inPlace.empty() && at >= inPlace.front().offset;
      uint64_t end = inPlace.empty() ? UINT64_MAX
                     : stays         ? inPlace.front().offset + inPlace.front().bytes
                                     : inPlace.front().offset;
      uint64_t count = std::min<uint64_t>(end - at, part.size());
      if (!stays)
        if (llvm::Error error = store(part.take_front(count)))
          return error;
      part = part.drop_front(count);
      at += count;
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = packSegment(jobs, bytes, reader, threads, sink))
    return error;
  StoredSegment result;
  if (side) {
    sides.push_back({std::string(place), std::move(side)});
    result.section.bytes = storedBytes;
    result.section.hash = std::make_unique<artifact::Hash>(hashOf(stored));
  } else {
    result.section = writer.end_section();
  }
  if (inPlaceAny)
    result.hash = hashOf(whole);
  return result;
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
