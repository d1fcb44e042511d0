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

static Status mismatch(const std::string& what) {
  return fail(Code::kCorrupt, "%s does not match its hash; the file is damaged, copy or compile it again",
              what.c_str());
}

static bool same(const HashBytes& found, const Hash& expected) {
  return std::equal(found.begin(), found.end(), expected.bytes()->begin());
}

Result<std::vector<uint8_t>> Reader::read_section(const Section& section, const char* what) const {
  std::vector<uint8_t> bytes(section.bytes());
  R1_RETURN_IF_ERROR(file_.read(section.offset(), bytes));
  if (!same(hash(bytes), *section.hash()))
    return mismatch(file_.path() + ": " + what);
  return bytes;
}

Result<SegmentBytes> Reader::open_segment(const Segment& segment) const {
  std::string path = file_.path();
  R1_ASSIGN_OR_RETURN(os::File file,
                      os::File::open(segment.side_file() ? beside(path, segment.side_file()->str()) : path));
  return SegmentBytes::open(*index_, segment, std::move(file));
}

Status Reader::check_bytes(const Read& read, uint64_t bytes, const Hash& expected, const std::string& what,
                           const std::function<bool(uint64_t)>& advance) const {
  Hasher hasher;
  std::vector<uint8_t> piece;
  for (uint64_t at = 0; at < bytes; at += piece.size()) {
    piece.resize(std::min(kPiece, bytes - at));
    R1_RETURN_IF_ERROR(read(at, piece));
    hasher.add(piece);
    if (!advance(piece.size()))
      return fail(Code::kCancelled, "stopped before every hash was checked");
  }
  if (!same(hasher.finish(), expected))
    return mismatch(what);
  return Status();
}

Status Reader::check_segment(size_t number, const std::function<bool(uint64_t)>& advance) const {
  const Segment& s = *index_->segments()->Get(flatbuffers::uoffset_t(number));
  if (!s.section())
    return Status();
  R1_ASSIGN_OR_RETURN(SegmentBytes bytes, open_segment(s));
  std::string what = bytes.files()[0].path() + ": weight segment " + std::to_string(number);
  if (bytes.files().size() > 1)
    what += " (of it a part lies in " + index_->checkpoint()->str() + ")";
  return check_bytes([&](uint64_t at, std::span<uint8_t> out) { return bytes.read(at, out); }, s.bytes(),
                     bytes.hash(), what, advance);
}

Status Reader::check_segment(size_t number) const {
  return check_segment(number, [](uint64_t) { return true; });
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
      total += s->bytes();
  auto advance = [&](uint64_t bytes) { return done += bytes, !progress || progress(done, total); };
  for (const Target* t : *index_->targets()) {
    const Section& image = *t->image();
    R1_RETURN_IF_ERROR(check_bytes(
        [&](uint64_t at, std::span<uint8_t> out) { return file_.read(image.offset() + at, out); },
        image.bytes(), *image.hash(), file_.path() + ": the image of " + t->name()->str(), advance));
  }
  for (uint32_t i = 0; i < index_->segments()->size(); ++i)
    R1_RETURN_IF_ERROR(check_segment(i, advance));
  return check_gaps();
}

} // namespace r1::artifact
