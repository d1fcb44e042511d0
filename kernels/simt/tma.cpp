// The copy engine: one queue a block of loads (each counted at a barrier), one a thread of stores.
#include "kernels/simt/block.h"
#include "kernels/simt/tensor_map.h"

#include <cstring>

namespace r1::simt {
namespace {

u32 swizzled(u32 address, u32 bytes) {
  const u32 mask = bytes == 128 ? 7 : bytes == 64 ? 3 : bytes == 32 ? 1 : 0;
  return address ^ (address >> 7 & mask) << 4;
}

TensorMapView view_of(const void* map, int rank, Place place) {
  TensorMapView view;
  std::memcpy(&view, map, sizeof view);
  if (view.magic != kTensorMapMagic)
    fail(place, "not a tensor map: %p", map);
  if (view.rank != rank)
    fail(place, "tensor map of rank %d used for a copy of rank %d", view.rank, rank);
  return view;
}

u32 box_bytes(const TensorMapView& view) {
  u32 bytes = u32(view.strides[0]);
  for (int i = 0; i < view.rank; ++i)
    bytes *= view.box[i];
  return bytes;
}

BoxCopy prepare(const void* shared, const void* map, const int* at, int rank, Place place) {
  Block& b = block();
  BoxCopy copy{};
  copy.map = view_of(map, rank, place);
  copy.bytes = box_bytes(copy.map);
  copy.place = place;
  copy.shared = b.shared_range(shared, copy.bytes, place, "box");
  if (reinterpret_cast<u64>(copy.shared) % 128)
    fail(place, "box at byte %ld of shared memory, not a multiple of 128", long(copy.shared - b.shared));
  for (int i = 0; i < rank; ++i)
    copy.at[i] = at[i];
  return copy;
}

// Calls piece(shared, global or nullptr outside, bytes) for every 16 bytes of shared memory, or for every
// element of those that the tensor's edge cuts.
template <class Piece> void walk(Block& b, const BoxCopy& copy, Piece piece) {
  const TensorMapView& map = copy.map;
  const u32 element = u32(map.strides[0]), row_bytes = map.box[0] * element;
  const u32 base = u32(copy.shared - b.shared); // shared memory is aligned beyond any swizzle
  for (u32 row = 0; row * row_bytes < copy.bytes; ++row) {
    const u8* global = map.address;
    bool inside = true;
    for (u32 i = 1, rest = row; i < map.rank; ++i) {
      const long at = long(copy.at[i]) + rest % map.box[i];
      rest /= map.box[i];
      inside &= at >= 0 && u64(at) < map.dims[i];
      global += at * long(map.strides[i]);
    }
    for (u32 x = 0; x < row_bytes; x += 16) {
      u8* to = b.shared + swizzled(base + row * row_bytes + x, map.swizzle);
      const long first = copy.at[0] + long(x / element), last = first + 16 / long(element);
      if (inside && first >= 0 && u64(last) <= map.dims[0]) {
        piece(to, global + first * element, 16u);
        continue;
      }
      for (u32 e = 0; e < 16; e += element) {
        const long at = first + e / element;
        const bool there = inside && at >= 0 && u64(at) < map.dims[0];
        piece(to + e, there ? global + at * element : nullptr, element);
      }
    }
  }
}

void move(u8* to, const u8* from, u32 bytes) { // memcpy would be seen by a race detector
  for (u32 i = 0; i < bytes; ++i)
    to[i] = from ? from[i] : 0;
}

void carry_out_load(Block& b, const BoxCopy& copy) {
  // To a race detector the engine is a thread of its own that starts after the issue and ends at the barrier.
  void* const thread = sanitizer::current_fiber();
  sanitizer::switch_to(b.engine_fiber);
  sanitizer::acquire(copy.barrier);
  walk(b, copy, [](u8* shared, const u8* global, u32 bytes) {
    if (global)
      sanitizer::read_range(global, bytes);
    sanitizer::write_range(shared, bytes);
    move(shared, global, bytes);
  });
  sanitizer::release(copy.barrier);
  sanitizer::switch_to(thread);
  phase_complete(b, copy.barrier, int(copy.bytes));
}

void carry_out_store(Block& b, const BoxCopy& copy) {
  walk(b, copy, [](u8* shared, const u8* global, u32 bytes) {
    sanitizer::read_range(shared, bytes);
    if (!global)
      return;
    sanitizer::write_range(const_cast<u8*>(global), bytes);
    move(const_cast<u8*>(global), shared, bytes);
  });
}

} // namespace

void Block::run_engine() {
  const size_t i = schedule.order == Order::kFifo ? 0 : random() % loads.size();
  const BoxCopy copy = loads[i];
  {
    sanitizer::Ignore ours;
    loads.erase(loads.begin() + long(i));
  }
  carry_out_load(*this, copy);
}

void tma_load(void* shared, const void* map, void* barrier, const int* at, int rank, Place place) {
  Block& b = block();
  sanitizer::Ignore ours;
  BoxCopy copy = prepare(shared, map, at, rank, place);
  copy.barrier = b.shared_range(barrier, 8, place, "barrier");
  sanitizer::release(copy.barrier);
  if (b.schedule.async == Async::kEager) {
    carry_out_load(b, copy);
    return;
  }
  for (u32 i = 0; i < copy.bytes; ++i)
    copy.shared[i] = kPoison;
  b.loads.push_back(copy);
}

void tma_store(const void* map, const void* shared, const int* at, int rank, Place place) {
  Block& b = block();
  BoxCopy copy = prepare(shared, map, at, rank, place);
  copy.done = b.at_once();
  if (copy.done)
    carry_out_store(b, copy);
  sanitizer::Ignore ours;
  b.stores[b.self().thread].items.push_back(copy);
}

void tma_store_commit() {
  sanitizer::Ignore ours;
  block().stores[block().self().thread].commit();
}

void tma_store_wait(int groups) {
  Block& b = block();
  b.stores[b.self().thread].wait(groups, [&](const BoxCopy& copy) { carry_out_store(b, copy); });
}

} // namespace r1::simt
