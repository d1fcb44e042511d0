// Writes an artifact in one stream: images and weight segments as they are made, each hashed as it passes,
// then the index, then the header. Until finish() has succeeded nothing exists under the final names; on any
// failure, and when the user interrupts (Interrupt.h), what was written is removed with the writer.
#pragma once
#include "compiler/emit/Packing.h"
#include "runtime/artifact/writer.h"
#include <optional>

namespace r1 {

class ArtifactWriter {
public:
  static llvm::Expected<ArtifactWriter> create(llvm::StringRef path);
  ArtifactWriter(ArtifactWriter&&) = default;
  ~ArtifactWriter();

  llvm::Expected<artifact::SectionT> addImage(llvm::StringRef image);
  // Packs a segment and writes it, but for what `inPlace` says lies in the checkpoint: of that, only the hash of the whole tells. Into a
  // file of its own called `sideFile`, in the artifact's folder, where there is a name. Shows progress where stderr is a terminal.
  struct StoredSegment {
    artifact::SectionT section; // in a side file, from the file's begin on
    artifact::Hash hash;        // of the whole, where a part lies in the checkpoint
  };
  llvm::Expected<StoredSegment> addSegment(llvm::StringRef sideFile, llvm::ArrayRef<PackJob> jobs,
                                           uint64_t bytes, llvm::ArrayRef<InPlace> inPlace,
                                           const TensorReader& reader, unsigned threads);
  // Writes the index, which holds the sections returned above, and gives all files their names: side files
  // first.
  llvm::Error finish(const artifact::ArtifactT& index);

private:
  struct SideFile {
    std::string path;
    std::optional<os::OutputFile> file; // empty once it has its name
  };
  ArtifactWriter(std::string path, artifact::Writer writer)
      : path(std::move(path)), writer(std::move(writer)) {}

  std::string path;
  artifact::Writer writer;
  std::vector<SideFile> sides;
  bool finished = false;
};

// The entry of the index for a packed tensor.
artifact::TensorT describeTensor(const PackJob& job, uint32_t segment);

} // namespace r1
