// Shared memory: its bounds, and copies into it beside the threads.
#include "kernels/simt/block.h"

namespace r1::simt {

u8* Block::shared_range(const void* p, size_t bytes, Place place, const char* what) {
  const long offset = static_cast<const u8*>(p) - view.shared;
  if (offset < 0 || offset + long(bytes) > long(shared_bytes))
    fail(place, "%s: bytes %ld to %ld of shared memory, which has %u", what, offset, offset + long(bytes),
         shared_bytes);
  return view.shared + offset;
}

namespace {

// memcpy and memset would be seen by a race detector.
void carry_out(const AsyncCopy& copy) {
  for (int i = 0; i < 16; ++i)
    copy.to[i] = i < copy.bytes ? copy.from[i] : 0;
}

} // namespace

void copy_async(void* shared, const void* global, int bytes, Place place) {
  Block& b = block();
  u8* to = b.shared_range(shared, 16, place, "asynchronous copy");
  if (reinterpret_cast<u64>(to) % 16 || (bytes > 0 && reinterpret_cast<u64>(global) % 16))
    fail(place, "misaligned asynchronous copy: from %p to byte %ld of shared memory", global,
         long(to - b.view.shared));
  if (bytes < 0 || bytes > 16)
    fail(place, "asynchronous copy of %d bytes, at most 16", bytes);
  sanitizer::read_range(global, bytes);
  sanitizer::write_range(to, 16);
  const AsyncCopy copy{to, static_cast<const u8*>(global), bytes};
  if (b.at_once()) {
    carry_out(copy);
    return;
  }
  for (int i = 0; i < 16; ++i)
    to[i] = 0xff;
  sanitizer::Ignore ours;
  b.copies[b.self().thread].copies.push_back(copy);
}

void copy_async_commit() {
  sanitizer::Ignore ours;
  CopyQueue& queue = block().copies[block().self().thread];
  queue.ends.push_back(queue.copies.size());
}

void copy_async_wait(int groups) {
  sanitizer::Ignore ours;
  CopyQueue& queue = block().copies[block().self().thread];
  const long done = long(queue.ends.size()) - groups;
  if (done <= 0)
    return;
  const size_t end = queue.ends[done - 1];
  for (size_t i = 0; i < end; ++i)
    carry_out(queue.copies[i]);
  queue.copies.erase(queue.copies.begin(), queue.copies.begin() + long(end));
  queue.ends.erase(queue.ends.begin(), queue.ends.begin() + done);
  for (size_t& e : queue.ends)
    e -= end;
}

} // namespace r1::simt
