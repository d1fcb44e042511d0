#include "kernels/simt/phase.h"
#include "kernels/simt/block.h"

#include <cstring>

namespace r1::simt {
namespace {

constexpr int kMaxArrivals = (1 << 15) - 1; // the chips allow 2^20 - 1

PhaseBarrier* find(Block& block, const u8* word) {
  for (PhaseBarrier& b : block.phases)
    if (b.word == word)
      return &b;
  return nullptr;
}

u8* checked(Block& block, const void* barrier, Place place) {
  u8* word = block.shared_range(barrier, 8, place, "barrier");
  if (reinterpret_cast<u64>(word) % 8)
    fail(place, "barrier at byte %ld of shared memory, not a multiple of 8", long(word - block.shared));
  return word;
}

PhaseBarrier& known(Block& block, const void* barrier, Place place) {
  u8* word = checked(block, barrier, place);
  PhaseBarrier* found = find(block, word);
  if (!found)
    fail(place, "barrier at byte %ld of shared memory is not initialised", long(word - block.shared));
  u64 image;
  std::memcpy(&image, word, 8);
  if (image != found->image())
    fail(place, "barrier at byte %ld of shared memory was overwritten", long(word - block.shared));
  return *found;
}

void store(const PhaseBarrier& b) {
  const u64 image = b.image();
  std::memcpy(b.word, &image, 8);
}

void settle(Block& block, PhaseBarrier& b) {
  if (b.pending == 0 && b.bytes == 0) {
    b.phase ^= 1;
    b.pending = b.expected;
    block.wake_phase(b.word, b.phase);
  }
  store(b);
}

} // namespace

void phase_init(void* barrier, int count, Place place) {
  Block& b = block();
  u8* word = checked(b, barrier, place);
  if (find(b, word))
    fail(place, "barrier initialised twice: invalidate it first");
  if (count < 1 || count > kMaxArrivals)
    fail(place, "barrier of %d arrivals", count);
  sanitizer::Ignore ours;
  b.phases.push_back({word, count, count, 0, 0});
  store(b.phases.back());
  sanitizer::release(word);
}

void phase_invalidate(void* barrier, Place place) {
  Block& b = block();
  PhaseBarrier& found = known(b, barrier, place);
  if (found.pending != found.expected || found.bytes != 0)
    fail(place, "barrier invalidated in the middle of a phase: %d of %d arrivals and %d bytes to come",
         found.pending, found.expected, found.bytes);
  found = b.phases.back();
  b.phases.pop_back();
}

void phase_arrive(void* barrier, int bytes, Place place) {
  Block& b = block();
  PhaseBarrier& found = known(b, barrier, place);
  if (found.pending == 0)
    fail(place, "more than %d arrivals at a barrier in one phase", found.expected);
  sanitizer::release(found.word);
  found.bytes += bytes;
  --found.pending;
  settle(b, found);
}

void phase_complete(Block& block, u8* word, int bytes) {
  PhaseBarrier* found = find(block, word);
  if (!found)
    fail({}, "a copy arrives at a barrier that is no longer valid");
  found->bytes -= bytes;
  settle(block, *found);
}

void phase_wait(void* barrier, int parity, Place place) {
  Block& b = block();
  const PhaseBarrier& found = known(b, barrier, place);
  u8* word = found.word;
  if (found.phase == (parity & 1))
    b.wait_phase(word, parity & 1, place);
  sanitizer::acquire(word);
}

} // namespace r1::simt
