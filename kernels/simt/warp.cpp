// Barriers and exchanges of values.
#include "kernels/simt/block.h"

namespace r1::simt {

void sync_block(Place place) { block().arrive(block().barriers[0], 0, place); }

void sync_threads(int id, int count, Place place) {
  Block& b = block();
  if (id < 1 || id >= kBarriers)
    fail(place, "barrier %d: there are 1 to %d", id, kBarriers - 1);
  if (count <= 0 || count % 32 || count > b.threads)
    fail(place, "barrier of %d threads: whole warps of the block's %d", count, b.threads);
  b.arrive(b.barriers[id], count, place);
}

// The only exchange that also orders memory.
void sync_warp(Place place) {
  const void* object = block().meeting();
  sanitizer::release(object);
  block().meet(Operation::kSync, nullptr, nullptr, place);
  sanitizer::acquire(object);
}

namespace {

struct Shuffle {
  u32 value;
  int lane;
  u32 result;
};

void complete_shuffle(void** arguments) {
  for (int i = 0; i < 32; ++i) {
    auto* mine = static_cast<Shuffle*>(arguments[i]);
    mine->result = static_cast<Shuffle*>(arguments[mine->lane])->value;
  }
}

struct Ballot {
  bool predicate;
  u32 result;
};

void complete_ballot(void** arguments) {
  u32 bits = 0;
  for (int i = 0; i < 32; ++i)
    bits |= u32(static_cast<Ballot*>(arguments[i])->predicate) << i;
  for (int i = 0; i < 32; ++i)
    static_cast<Ballot*>(arguments[i])->result = bits;
}

// One butterfly for all lanes: the same tree of additions as on the device, at the price of one meeting.
template <class T, T (*kCombine)(T, T)> void complete_reduction(void** arguments) {
  T v[32];
  for (int i = 0; i < 32; ++i)
    v[i] = *static_cast<T*>(arguments[i]);
  for (int half = 16; half > 0; half /= 2)
    for (int i = 0; i < half; ++i)
      v[i] = kCombine(v[i], v[i + half]);
  for (int i = 0; i < 32; ++i)
    *static_cast<T*>(arguments[i]) = v[0];
}

template <class T> T add(T a, T b) { return a + b; }
template <class T> T larger(T a, T b) { return a < b ? b : a; }
float larger_number(float a, float b) { return __builtin_fmaxf(a, b); }

template <class T, T (*kCombine)(T, T)> T reduce(T value, Place place) {
  block().meet(Operation::kReduce, &value, complete_reduction<T, kCombine>, place);
  return value;
}

} // namespace

u32 shuffle(u32 value, int lane, Place place) {
  Shuffle argument{value, lane, 0};
  block().meet(Operation::kShuffle, &argument, complete_shuffle, place);
  return argument.result;
}

u32 ballot(bool predicate, Place place) {
  Ballot argument{predicate, 0};
  block().meet(Operation::kBallot, &argument, complete_ballot, place);
  return argument.result;
}

float warp_sum(float value, Place place) { return reduce<float, add<float>>(value, place); }
float warp_max(float value, Place place) { return reduce<float, larger_number>(value, place); }
u32 warp_sum(u32 value, Place place) { return reduce<u32, add<u32>>(value, place); }
u32 warp_max(u32 value, Place place) { return reduce<u32, larger<u32>>(value, place); }

} // namespace r1::simt
