#include "runtime/device/cpu/weights.h"

#include <algorithm>
#include <mutex>

#include "runtime/base/hash.h"
#include "runtime/device/cpu/random.h"
#include "runtime/device/plan.h"

namespace r1::cpu {
namespace {

constexpr uint64_t kPiece = uint64_t(8)
                            << 20; // what one thread reads or fills at a time; a multiple of 2 MiB

// Runs body(begin, end) over [0, bytes) in pieces, on all threads; returns the first failure.
template <class Body> Status in_pieces(Pool& pool, uint64_t bytes, const Body& body) {
  struct Context {
    const Body& body;
    uint64_t bytes;
    std::mutex mutex;
    Status first;
  } context{body, bytes, {}, {}};
  uint32_t pieces = uint32_t((bytes + kPiece - 1) / kPiece);
  pool.run(
      {&pieces, 1},
      [](void* p, size_t, int64_t begin, int64_t end, int) {
        Context& c = *static_cast<Context*>(p);
        for (int64_t i = begin; i < end; ++i) {
          Status s = c.body(uint64_t(i) * kPiece, std::min(c.bytes, uint64_t(i + 1) * kPiece));
          if (s.ok())
            continue;
          std::lock_guard lock(c.mutex);
          if (c.first.ok())
            c.first = std::move(s);
          return;
        }
      },
      &context);
  return context.first;
}

Status fill(const artifact::Segment& segment, uint32_t number, uint64_t seed, Pool& pool, uint8_t* base) {
  uint32_t index = 0;
  for (const artifact::Tensor* t : *segment.tensors()) {
    uint64_t stream = uint64_t(number) << 32 | index++;
    R1_RETURN_IF_ERROR(in_pieces(pool, t->bytes(), [&](uint64_t begin, uint64_t end) {
      fill_random(*t, seed, stream, begin, end, base + t->offset());
      return Status();
    }));
  }
  return Status();
}

} // namespace

Result<std::vector<os::Memory>> load_weights(const artifact::Reader& reader, const artifact::Target& target,
                                             const DeviceOptions& options, Pool& pool) {
  const auto& segments = *reader.index().segments();
  std::vector<os::Memory> loaded;
  bool verify = hashes_weights(reader.index(), target, options);
  for (uint32_t number : *target.segments()) {
    const artifact::Segment& s = *segments.Get(number);
    if (!s.section() && options.random_weights) {
      R1_ASSIGN_OR_RETURN(os::Memory memory, os::Memory::allocate(s.bytes()));
      R1_RETURN_IF_ERROR(fill(s, number, options.random_seed, pool, memory.data()));
      loaded.push_back(std::move(memory));
      continue;
    }
    if (!s.section())
      return no_weights(reader);
    R1_ASSIGN_OR_RETURN(artifact::SegmentBytes bytes, reader.open_segment(s));
    os::Memory memory;
    if (options.map_weights && bytes.extents().size() == 1) { // what lies in several places is put together
      R1_ASSIGN_OR_RETURN(memory, os::Memory::map(bytes.files()[0], bytes.extents()[0].at, s.bytes()));
    } else {
      R1_ASSIGN_OR_RETURN(memory, os::Memory::allocate(s.bytes()));
      R1_RETURN_IF_ERROR(in_pieces(pool, s.bytes(), [&](uint64_t begin, uint64_t end) {
        return bytes.read(begin, {memory.data() + begin, end - begin});
      }));
    }
    if (verify) {
      HashBytes found = hash({memory.data(), s.bytes()});
      if (!std::equal(found.begin(), found.end(), bytes.hash().bytes()->begin()))
        return segment_mismatch(bytes.files()[0], number);
    }
    loaded.push_back(std::move(memory));
  }
  return loaded;
}

} // namespace r1::cpu
