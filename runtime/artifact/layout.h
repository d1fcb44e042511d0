// How the parts of an artifact file lie: the header and the alignments. Everything else is in artifact.fbs.
//
//   header (64 bytes) | sections, each at a multiple of its kind's alignment, zeros between | index
#pragma once
#include <cstdint>
#include <cstring>

namespace r1::artifact {

inline constexpr char kMagic[8] = {'R', '1', 'A', 'R', 'T', 'I', 'F', 'C'};
// What this source tree writes, and the newest it can read. README.md says when each grows.
inline constexpr uint32_t kSchemaVersion = 4;
inline constexpr uint32_t kMinReaderVersion = 4;

inline constexpr uint64_t kIndexAlignment = 64;
inline constexpr uint64_t kImageAlignment = 4096;
inline constexpr uint64_t kSegmentAlignment = uint64_t(2) << 20;
inline constexpr uint64_t kMaxIndexBytes = uint64_t(1) << 30;

// Little-endian, as every machine that an image exists for.
struct Header {
  char magic[8];
  uint32_t schema_version;
  uint32_t min_reader_version; // a reader whose kSchemaVersion is smaller must refuse
  uint64_t index_offset;
  uint64_t index_bytes;
  uint8_t index_hash[32]; // BLAKE2b-256
};
static_assert(sizeof(Header) == 64);

inline uint64_t align_up(uint64_t offset, uint64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

} // namespace r1::artifact
