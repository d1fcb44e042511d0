// Shared memory: its bounds, and copies into it beside the threads.
#include "kernels/simt/block.h"

namespace r1::simt {

u8* Block::shared_range(const void* p, size_t bytes, Place place, const char* what) {
  const long offset = static_cast<const u8*>(p) - shared;
  if (offset < 0 || offset + long(bytes) > long(shared_bytes))
    fail(place, "%s: bytes %ld to %ld of shared memory, which has %u", what, offset, offset + long(bytes),
         shared_bytes);
  return shared + offset;
}

namespace {

// memcpy and memset would be seen by a race detector.
void carry_out(const AsyncCopy& copy) {
  for (int i = 0; i < copy.size; ++i)
    copy.to[i] = i < copy.bytes ? copy.from[i] : 0;
}

} // namespace

void copy_async(void* shared, const void* global, int bytes, int size, Place place) {
  Block& b = block();
  u8* to = b.shared_range(shared, size, place, "asynchronous copy");
  if (reinterpret_cast<u64>(to) % size || (bytes > 0 && reinterpret_cast<u64>(global) % size))
    fail(place, "misaligned asynchronous copy: from %p to byte %ld of shared memory", global,
         long(to - b.shared));
  if (bytes < 0 || bytes > size)
    fail(place, "asynchronous copy of %d bytes, at most %d", bytes, size);
  sanitizer::read_range(global, bytes);
  sanitizer::write_range(to, size);
  const AsyncCopy copy{to, static_cast<const u8*>(global), bytes, size, b.at_once()};
  if (copy.done)
    carry_out(copy);
  else
    for (int i = 0; i < size; ++i)
      to[i] = kPoison;
  sanitizer::Ignore ours;
  b.copies[b.self().thread].items.push_back(copy);
}

void copy_async_commit() {
  sanitizer::Ignore ours;
  block().copies[block().self().thread].commit();
}

void copy_async_wait(int groups) { block().copies[block().self().thread].wait(groups, carry_out); }

u32 shared_address(const void* p, Place place) {
  return kSharedBase + u32(block().shared_range(p, 0, place, "address") - block().shared);
}

} // namespace r1::simt
