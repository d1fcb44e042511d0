// Opens an artifact and proves that its index can be trusted: nothing outside this folder looks at a field before that.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/artifact/artifact_generated.h"
#include "runtime/artifact/layout.h"
#include "runtime/artifact/segment.h"
#include "runtime/base/os.h"

namespace r1::artifact {

// Checks magic, versions and where the index lies in a file of `file_bytes` bytes. Looks at the header only.
Status check_header(const Header& header, uint64_t file_bytes);
// Checks the FlatBuffer's structure and then every offset, size, enum, index and count in it. `bytes` 8-byte aligned.
Result<const Artifact*> check_index(const Header& header, uint64_t file_bytes,
                                    std::span<const uint8_t> bytes);

// An opened artifact. Immutable, so any thread may read it. Pointers into the index live as long as the Reader.
class Reader {
public:
  static Result<std::unique_ptr<Reader>> open(const std::string& path);

  const Artifact& index() const { return *index_; }
  const os::File& file() const { return file_; }
  uint32_t schema_version() const { return header_.schema_version; }

  // Reads a section of this file and verifies its hash.
  Result<std::vector<uint8_t>> read_section(const Section& section, const char* what) const;
  // Where a segment's bytes lie. The segment has a section.
  Result<SegmentBytes> open_segment(const Segment& segment) const;

  // Progress of check(): bytes done of bytes in all; false stops with kCancelled.
  using Progress = std::function<bool(uint64_t done, uint64_t total)>;
  // Verifies the hash of every section, side files included, and that the bytes between sections are zero.
  Status check(const Progress& progress = {}) const;
  // Verifies the hash of one segment.
  Status check_segment(size_t number) const;

private:
  Reader(os::File file, Header header) : file_(std::move(file)), header_(header) {}
  using Read = std::function<Status(uint64_t offset, std::span<uint8_t> out)>;
  // Verifies the hash of `bytes` bytes.
  Status check_bytes(const Read& read, uint64_t bytes, const Hash& expected, const std::string& what,
                     const std::function<bool(uint64_t)>& advance) const;
  Status check_segment(size_t number, const std::function<bool(uint64_t)>& advance) const;
  Status check_gaps() const;

  os::File file_;
  Header header_;
  std::vector<uint64_t> storage_; // the index, 8-byte aligned
  const Artifact* index_ = nullptr;
};

} // namespace r1::artifact
