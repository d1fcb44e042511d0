// Writes an artifact file: sections in one stream, each hashed as it passes, then the index, then the header.
// The file appears under its name only when finish() has succeeded. One thread.
#pragma once
#include <memory>
#include <string>

#include "runtime/artifact/artifact_generated.h"
#include "runtime/artifact/layout.h"
#include "runtime/base/hash.h"
#include "runtime/base/os.h"

namespace r1::artifact {

class Writer {
public:
  static Result<Writer> create(const std::string& path);

  // begin, any number of appends, end; the Section goes into the index.
  Status begin_section(uint64_t alignment);
  Status append(std::span<const uint8_t> bytes);
  SectionT end_section();
  Result<SectionT> write_section(uint64_t alignment, std::span<const uint8_t> bytes);

  Status finish(const ArtifactT& index);

private:
  explicit Writer(os::OutputFile file) : file_(std::move(file)) {}
  os::OutputFile file_;
  std::unique_ptr<Hasher> hasher_;
  uint64_t section_offset_ = 0;
};

} // namespace r1::artifact
