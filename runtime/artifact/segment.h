// Where a weight segment's bytes lie: in the artifact or a side file, and, compiled with --weights=in-place, in the checkpoint.
#pragma once
#include <vector>

#include "runtime/artifact/artifact_generated.h"
#include "runtime/base/os.h"

namespace r1::artifact {

// Bytes [offset, offset + bytes) of a segment, from byte `at` of files()[file] on.
struct Extent {
  uint64_t offset, bytes;
  size_t file;
  uint64_t at;
};

// Opened, and every file found long enough and, of a checkpoint, to be the one that was compiled. Any thread may read it.
class SegmentBytes {
public:
  // `file` holds the section; the checkpoint's files are looked for from its folder on.
  static Result<SegmentBytes> open(const Artifact& index, const Segment& segment, os::File file);

  const std::vector<os::File>& files() const { return files_; }
  const std::vector<Extent>& extents() const { return extents_; } // ascending, without gaps
  // The hash of all bytes.
  const Hash& hash() const { return *hash_; }
  // Fills `out` from byte `offset` of the segment on.
  Status read(uint64_t offset, std::span<uint8_t> out) const;

private:
  Status add_ranges(const Artifact& index, const Segment& segment);

  std::vector<os::File> files_;
  std::vector<Extent> extents_;
  const Hash* hash_ = nullptr;
};

// `name` beside the file `path`.
std::string beside(const std::string& path, const std::string& name);

} // namespace r1::artifact
