#include "runtime/artifact/segment.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>

#include "runtime/base/hash.h"

namespace r1::artifact {

std::string beside(const std::string& path, const std::string& name) {
  size_t slash = path.rfind('/');
  return slash == std::string::npos || name.starts_with('/') ? name : path.substr(0, slash + 1) + name;
}

static Status too_short(const os::File& file, uint64_t begin, uint64_t end) {
  return fail(Code::kCorrupt,
              "%s: has %llu bytes, weights are expected at %llu to %llu; it is truncated, copy it again",
              file.path().c_str(), (unsigned long long)file.bytes(), (unsigned long long)begin,
              (unsigned long long)end);
}

// A shard of the checkpoint that was compiled has its header and its length.
static Result<os::File> open_shard(const std::string& path, const InputFile& input) {
  Result<os::File> file = os::File::open(path);
  if (!file.ok())
    return fail(file.status().code(),
                "%s; the model was compiled with --weights=in-place: put the checkpoint back to where it "
                "was, or compile it "
                "with --weights=pack",
                file.status().message().c_str());
  constexpr uint64_t kLargestHeader = 100'000'000; // of the format
  uint64_t length = 0;
  bool same = file->bytes() >= sizeof length;
  if (same)
    R1_RETURN_IF_ERROR(file->read(0, {reinterpret_cast<uint8_t*>(&length), sizeof length}));
  same = same && length <= kLargestHeader && file->bytes() - sizeof length >= length &&
         file->bytes() - sizeof length - length == input.bytes();
  if (same) {
    std::vector<uint8_t> header(sizeof length + length);
    R1_RETURN_IF_ERROR(file->read(0, header));
    HashBytes found = r1::hash(header);
    same = std::equal(found.begin(), found.end(), input.hash()->bytes()->begin());
  }
  if (!same)
    return fail(Code::kCorrupt,
                "%s: is not the file that was compiled with --weights=in-place; put that one back, or "
                "compile the model again",
                path.c_str());
  return file;
}

Result<SegmentBytes> SegmentBytes::open(const Artifact& index, const Segment& segment, os::File file) {
  static_assert(std::endian::native == std::endian::little);
  const Section& section = *segment.section();
  if (section.offset() > file.bytes() || section.bytes() > file.bytes() - section.offset())
    return too_short(file, section.offset(), section.offset() + section.bytes());
  SegmentBytes bytes;
  bytes.files_.push_back(std::move(file));
  bytes.hash_ = section.hash();
  if (segment.ranges() && segment.ranges()->size() > 0) {
    bytes.hash_ = segment.hash();
    R1_RETURN_IF_ERROR(bytes.add_ranges(index, segment));
  } else if (segment.bytes() > 0) {
    bytes.extents_.push_back({0, segment.bytes(), 0, section.offset()});
  }
  return bytes;
}

Status SegmentBytes::add_ranges(const Artifact& index, const Segment& segment) {
  std::map<uint32_t, size_t> opened; // number among the inputs -> among files_
  uint64_t end = 0, stored = segment.section()->offset();
  auto add_stored = [&](uint64_t until) {
    if (until > end)
      extents_.push_back({end, until - end, 0, stored});
    stored += until - end;
    end = until;
  };
  for (const Range* r : *segment.ranges()) {
    auto [place, fresh] = opened.try_emplace(r->file(), files_.size());
    if (fresh) {
      const InputFile& input = *index.provenance()->inputs()->Get(r->file());
      std::string path = beside(files_[0].path(), index.checkpoint()->str() + "/" + input.name()->str());
      R1_ASSIGN_OR_RETURN(os::File shard, open_shard(path, input));
      files_.push_back(std::move(shard));
    }
    const os::File& file = files_[place->second];
    if (r->file_offset() > file.bytes() || r->bytes() > file.bytes() - r->file_offset())
      return too_short(file, r->file_offset(), r->file_offset() + r->bytes());
    add_stored(r->offset());
    extents_.push_back({r->offset(), r->bytes(), place->second, r->file_offset()});
    end = r->offset() + r->bytes();
  }
  add_stored(segment.bytes());
  return Status();
}

Status SegmentBytes::read(uint64_t offset, std::span<uint8_t> out) const {
  auto extent = std::upper_bound(extents_.begin(), extents_.end(), offset,
                                 [](uint64_t at, const Extent& e) { return at < e.offset + e.bytes; });
  for (; !out.empty(); ++extent) {
    uint64_t skip = offset - extent->offset, count = std::min<uint64_t>(extent->bytes - skip, out.size());
    R1_RETURN_IF_ERROR(files_[extent->file].read(extent->at + skip, out.first(count)));
    out = out.subspan(count);
    offset += count;
  }
  return Status();
}

} // namespace r1::artifact
