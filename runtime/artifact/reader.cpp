#include "runtime/artifact/reader.h"

#include <algorithm>

#include "runtime/base/hash.h"

namespace r1::artifact {

static constexpr uint64_t kPiece = uint64_t(4) << 20;

Result<std::unique_ptr<Reader>> Reader::open(const std::string& path) {
  R1_ASSIGN_OR_RETURN(os::File file, os::File::open(path));
  Header header;
  if (file.bytes() < sizeof header)
    return fail(Code::kCorrupt, "%s: not an r1c artifact, it has only %llu bytes", path.c_str(),
                (unsigned long long)file.bytes());
  R1_RETURN_IF_ERROR(file.read(0, {reinterpret_cast<uint8_t*>(&header), sizeof header}));
  if (Status s = check_header(header, file.bytes()); !s.ok())
    return s.at(path);
  uint64_t bytes = file.bytes();
  std::unique_ptr<Reader> reader(new Reader(std::move(file), header));
  reader->storage_.resize((header.index_bytes + 7) / 8);
  std::span<uint8_t> index(reinterpret_cast<uint8_t*>(reader->storage_.data()), header.index_bytes);
  R1_RETURN_IF_ERROR(reader->file_.read(header.index_offset, index));
  Result<const Artifact*> checked = check_index(header, bytes, index);
  if (!checked.ok())
    return checked.status().at(path);
  reader->index_ = *checked;
  return reader;
}

static Status mismatch(const os::File& file, const std::string& what) {
  return fail(Code::kCorrupt, "%s: %s does not match its hash; the file is damaged, copy or compile it again",
              file.path().c_str(), what.c_str());
}

static bool same(const HashBytes& found, const Hash& expected) {
  return std::equal(found.begin(), found.end(), expected.bytes()->begin());
}

Result<std::vector<uint8_t>> Reader::read_section(const Section& section, const char* what) const {
  std::vector<uint8_t> bytes(section.bytes());
  R1_RETURN_IF_ERROR(file_.read(section.offset(), bytes));
  if (!same(hash(bytes), *section.hash()))
    return mismatch(file_, what);
  return bytes;
}

Result<os::File> Reader::open_segment(const Segment& segment) const {
  std::string path = file_.path();
  if (segment.side_file()) {
    size_t slash = path.rfind('/');
    path = (slash == std::string::npos ? "" : path.substr(0, slash + 1)) + segment.side_file()->str();
  }
  R1_ASSIGN_OR_RETURN(os::File file, os::File::open(path));
  const Section& s = *segment.section();
  if (s.offset() > file.bytes() || s.bytes() > file.bytes() - s.offset())
    return fail(Code::kCorrupt,
                "%s: has %llu bytes, weights are expected at %llu to %llu; it is truncated, copy it again",
                path.c_str(), (unsigned long long)file.bytes(), (unsigned long long)s.offset(),
                (unsigned long long)(s.offset() + s.bytes()));
  return file;
}

Status Reader::check_range(const os::File& file, const Section& section, const std::string& what,
                           const std::function<bool(uint64_t)>& advance) const {
  Hasher hasher;
  std::vector<uint8_t> piece;
  for (uint64_t at = 0; at < section.bytes();) {
    piece.resize(std::min(kPiece, section.bytes() - at));
    R1_RETURN_IF_ERROR(file.read(section.offset() + at, piece));
    hasher.add(piece);
    at += piece.size();
    if (!advance(piece.size()))
      return fail(Code::kCancelled, "stopped before every hash was checked");
  }
  if (!same(hasher.finish(), *section.hash()))
    return mismatch(file, what);
  return Status();
}

Status Reader::check_segment(size_t number) const {
  const Segment& s = *index_->segments()->Get(flatbuffers::uoffset_t(number));
  if (!s.section())
    return Status();
  R1_ASSIGN_OR_RETURN(os::File file, open_segment(s));
  return check_range(file, *s.section(), format("weight segment %zu", number), [](uint64_t) { return true; });
}

// Bytes that no hash covers must be the zeros that the writer put there.
Status Reader::check_gaps() const {
  std::vector<std::pair<uint64_t, uint64_t>> taken = {
      {0, sizeof(Header)}, {header_.index_offset, header_.index_offset + header_.index_bytes}};
  for (const Target* t : *index_->targets())
    taken.push_back({t->image()->offset(), t->image()->offset() + t->image()->bytes()});
  for (const Segment* s : *index_->segments())
    if (s->section() && !s->side_file())
      taken.push_back({s->section()->offset(), s->section()->offset() + s->section()->bytes()});
  std::sort(taken.begin(), taken.end());
  std::vector<uint8_t> gap;
  for (size_t i = 1; i < taken.size(); ++i) {
    for (uint64_t at = taken[i - 1].second; at < taken[i].first; at += gap.size()) {
      gap.resize(std::min(kPiece, taken[i].first - at));
      R1_RETURN_IF_ERROR(file_.read(at, gap));
      if (std::any_of(gap.begin(), gap.end(), [](uint8_t b) { return b != 0; }))
        return fail(
            Code::kCorrupt,
            "%s: the padding after byte %llu is not zero; the file is damaged, copy or compile it again",
            file_.path().c_str(), (unsigned long long)at);
    }
  }
  return Status();
}

Status Reader::check(const Progress& progress) const {
  uint64_t total = 0, done = 0;
  for (const Target* t : *index_->targets())
    total += t->image()->bytes();
  for (const Segment* s : *index_->segments())
    if (s->section())
      total += s->section()->bytes();
  auto advance = [&](uint64_t bytes) { return done += bytes, !progress || progress(done, total); };
  for (const Target* t : *index_->targets())
    R1_RETURN_IF_ERROR(check_range(file_, *t->image(), "the image of " + t->name()->str(), advance));
  for (uint32_t i = 0; i < index_->segments()->size(); ++i) {
    const Segment& s = *index_->segments()->Get(i);
    if (!s.section())
      continue;
    R1_ASSIGN_OR_RETURN(os::File file, open_segment(s));
    R1_RETURN_IF_ERROR(check_range(file, *s.section(), format("weight segment %u", i), advance));
  }
  return check_gaps();
}

} // namespace r1::artifact
