// The artifact reader on hostile bytes: whatever the file says, opening it ends in a value or a Status. The index is given a
// right hash, so that what lies behind the hash is reached: the FlatBuffers verifier and every semantic check.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "runtime/artifact/reader.h"
#include "runtime/base/hash.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace r1::artifact;
  // Input: 8 bytes for the file's size, then the header (its hash is mended), then the index.
  uint64_t file_bytes;
  Header header;
  if (size < sizeof file_bytes + sizeof header)
    return 0;
  memcpy(&file_bytes, data, sizeof file_bytes);
  memcpy(&header, data + sizeof file_bytes, sizeof header);
  size_t index_bytes = size - sizeof file_bytes - sizeof header;
  std::vector<uint64_t> aligned((index_bytes + 7) / 8 + 1);
  std::span<uint8_t> index(reinterpret_cast<uint8_t*>(aligned.data()), index_bytes);
  if (index_bytes)
    memcpy(index.data(), data + size - index_bytes, index_bytes);
  r1::HashBytes digest = r1::hash(index);
  memcpy(header.index_hash, digest.data(), digest.size());
  if (!check_header(header, file_bytes).ok()) {
    // Mutating the header at random seldom passes; the index is what there is most to find in.
    memcpy(header.magic, kMagic, sizeof kMagic);
    header.index_offset = sizeof header;
    header.index_bytes = index_bytes;
    file_bytes = sizeof header + index_bytes + (file_bytes & 0xffffff);
  }
  auto checked = check_index(header, file_bytes, index);
  if (!checked.ok())
    return 0;
  // What passed may be walked without care: that is the promise.
  uint64_t sum = 0;
  for (const Target* t : *(*checked)->targets())
    for (const Entry* e : *t->entries())
      for (const Launch* l : *e->launches())
        sum += t->kernels()->Get(l->kernel())->scratch_bytes() + l->location()->size();
  for (const Segment* s : *(*checked)->segments()) {
    for (const Tensor* tensor : *s->tensors())
      sum += tensor->name()->size() + tensor->shape()->size();
    for (uint32_t i = 0; s->ranges() && i < s->ranges()->size(); ++i) {
      const Range& r = *s->ranges()->Get(i);
      if (r.offset() + r.bytes() > s->bytes() || r.offset() + r.bytes() < r.offset())
        abort();
      sum += (*checked)->provenance()->inputs()->Get(r.file())->name()->size() +
             (*checked)->checkpoint()->size();
    }
  }
  volatile uint64_t keep = sum;
  (void)keep;
  return 0;
}
