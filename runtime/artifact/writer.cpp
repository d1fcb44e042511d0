#include "runtime/artifact/writer.h"

#include <algorithm>
#include <vector>

namespace r1::artifact {

Result<Writer> Writer::create(const std::string& path) {
  R1_ASSIGN_OR_RETURN(os::OutputFile file, os::OutputFile::create(path));
  Header empty = {};
  R1_RETURN_IF_ERROR(file.write({reinterpret_cast<const uint8_t*>(&empty), sizeof empty}));
  return Writer(std::move(file));
}

Status Writer::begin_section(uint64_t alignment) {
  std::vector<uint8_t> zeros(align_up(file_.bytes(), alignment) - file_.bytes());
  R1_RETURN_IF_ERROR(file_.write(zeros));
  section_offset_ = file_.bytes();
  hasher_ = std::make_unique<Hasher>();
  return Status();
}

Status Writer::append(std::span<const uint8_t> bytes) {
  hasher_->add(bytes);
  return file_.write(bytes);
}

SectionT Writer::end_section() {
  SectionT section;
  section.offset = section_offset_;
  section.bytes = file_.bytes() - section_offset_;
  HashBytes digest = hasher_->finish();
  section.hash = std::make_unique<Hash>(flatbuffers::span<const uint8_t, 32>(digest.data(), digest.size()));
  hasher_.reset();
  return section;
}

Result<SectionT> Writer::write_section(uint64_t alignment, std::span<const uint8_t> bytes) {
  R1_RETURN_IF_ERROR(begin_section(alignment));
  R1_RETURN_IF_ERROR(append(bytes));
  return end_section();
}

Status Writer::finish(const ArtifactT& index) {
  flatbuffers::FlatBufferBuilder builder(1 << 20);
  FinishArtifactBuffer(builder, CreateArtifact(builder, &index));
  std::span<const uint8_t> bytes(builder.GetBufferPointer(), builder.GetSize());
  R1_RETURN_IF_ERROR(begin_section(kIndexAlignment));
  R1_RETURN_IF_ERROR(append(bytes));
  Header header = {};
  std::copy(std::begin(kMagic), std::end(kMagic), header.magic);
  header.schema_version = kSchemaVersion;
  header.min_reader_version = kMinReaderVersion;
  header.index_offset = section_offset_;
  header.index_bytes = bytes.size();
  HashBytes digest = hasher_->finish();
  std::copy(digest.begin(), digest.end(), header.index_hash);
  R1_RETURN_IF_ERROR(file_.write_at(0, {reinterpret_cast<const uint8_t*>(&header), sizeof header}));
  return file_.commit();
}

} // namespace r1::artifact
