// Who runs next, and how threads meet. All that every switch needs is in this file, to be inlined.
#include "kernels/simt/block.h"

#include <utility>

namespace r1::simt {
namespace {

// The index of a set bit, any of them.
int any_bit(u32 bits, u64 random) {
  const int turn = int(random & 31);
  const u32 turned = turn ? bits >> turn | bits << (32 - turn) : bits;
  return (__builtin_ctz(turned) + turn) & 31;
}

int highest_bit(u32 bits) { return 31 - __builtin_clz(bits); }

} // namespace

u64 Block::random() { // xorshift64*
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  return random_ * 0x2545f4914f6cdd1du >> 8;
}

bool Block::at_once() {
  return schedule.async == Async::kEager || (schedule.async == Async::kRandom && random() % 2 == 0);
}

void Block::draw_priorities() {
  for (int w = 0; w <= warps_; ++w)
    priorities_[w] = w;
  for (int w = warps_; w > 0; --w)
    std::swap(priorities_[w], priorities_[random() % (w + 1)]);
}

// Whether the copy engine, which has something to do, goes before every thread. Where it has no priority, it is
// late: when nothing else can run, or now and then with Async::kRandom.
bool Block::engine_first() {
  if (!ready_warps_)
    return live_ > 0;
  if (schedule.order == Order::kPriority) {
    const int* next = priorities_;
    while (*next != warps_ && !ready_[*next])
      ++next;
    return *next == warps_;
  }
  return schedule.async == Async::kRandom && random() % 64 == 0;
}

Thread* Block::take(int warp, int lane) {
  ready_[warp] &= ~(1u << lane);
  if (!ready_[warp])
    ready_warps_ &= ~(1u << warp);
  return &threads_[warp * 32 + lane];
}

Thread* Block::choose() {
  while (!loads.empty() && engine_first())
    run_engine();
  if (!ready_warps_)
    return nullptr;
  switch (schedule.order) {
  case Order::kFifo: {
    int warp = running_ ? running_->warp : 0;
    if (!ready_[warp]) {
      const u32 later = ready_warps_ & ~((2u << warp) - 1);
      warp = __builtin_ctz(later ? later : ready_warps_);
    }
    return take(warp, __builtin_ctz(ready_[warp]));
  }
  case Order::kReverse: {
    const int warp = highest_bit(ready_warps_);
    return take(warp, highest_bit(ready_[warp]));
  }
  case Order::kShuffle: {
    const int warp = any_bit(ready_warps_, random());
    return take(warp, any_bit(ready_[warp], random()));
  }
  case Order::kPriority: {
    const u64 draw = random();
    if ((draw >> 5) % 512 == 0)
      draw_priorities();
    const int* warp = priorities_;
    while (*warp == warps_ || !ready_[*warp])
      ++warp;
    return take(*warp, any_bit(ready_[*warp], draw));
  }
  }
  return nullptr;
}

void Block::wait(State state, Place place, const void* object) {
  Thread& me = self();
  me.state = state;
  me.place = place;
  me.waits_on = object;
  leave(false);
  me.state = State::kReady;
}

void Block::wake(int warp, u32 lanes) {
  if (!lanes)
    return;
  ready_[warp] |= lanes;
  ready_warps_ |= 1u << warp;
}

void Block::pass() {
  if (schedule.order == Order::kFifo || schedule.order == Order::kReverse)
    return;
  wake(self().warp, 1u << self().lane);
  leave(false);
}

void Block::leave(bool last) {
  Thread* from = running_;
  Thread* to = choose();
  if (to == from)
    return;
  if (to == nullptr)
    switch_context(from->context, host_, true); // all have ended, or none can go on
  running_ = to;
  current = to;
  switch_context(from->context, to->context, last);
}

void Block::release(Barrier& barrier) {
  for (int w = 0; w < warps_; ++w) {
    wake(w, barrier.waiting[w]);
    barrier.waiting[w] = 0;
  }
  barrier.arrived = 0;
}

void Block::arrive(Barrier& barrier, int count, Place place) {
  Thread& me = self();
  if (barrier.arrived == 0) {
    barrier.count = count;
    barrier.place = place;
  } else if (barrier.count != count) {
    fail(place, "barrier of %d threads, but others are at the same barrier with %d at %s:%d", count,
         barrier.count, barrier.place.file, barrier.place.line);
  } else if (count == 0 && (barrier.place.line != place.line || barrier.place.file != place.file)) {
    fail(place, "divergent block barrier: others wait at %s:%d", barrier.place.file, barrier.place.line);
  }
  sanitizer::release(&barrier);
  if (++barrier.arrived == (count ? count : live_)) {
    release(barrier);
    pass();
  } else {
    barrier.waiting[me.warp] |= 1u << me.lane;
    wait(State::kBarrier, place, &barrier);
  }
  sanitizer::acquire(&barrier);
}

void Block::meet(Operation operation, void* argument, void (*complete)(void**), Place place) {
  Thread& me = self();
  Meeting& meeting = meetings_[me.warp];
  if (exited_[me.warp])
    fail(place, "%s needs all lanes of the warp, but lane %d has exited", name_of(operation),
         __builtin_ctz(exited_[me.warp]));
  if (!meeting.arrived) {
    meeting.operation = operation;
    meeting.place = place;
  } else if (meeting.operation != operation || meeting.place.line != place.line) {
    fail(place, "divergent warp: %s here, but lane %d is in %s at %s:%d", name_of(operation),
         __builtin_ctz(meeting.arrived), name_of(meeting.operation), meeting.place.file, meeting.place.line);
  }
  meeting.arguments[me.lane] = argument;
  meeting.arrived |= 1u << me.lane;
  if (meeting.arrived != ~0u) {
    wait(State::kWarp, place, nullptr);
    return;
  }
  meeting.arrived = 0;
  if (complete) {
    sanitizer::Ignore ours;
    complete(meeting.arguments);
  }
  wake(me.warp, ~(1u << me.lane));
}

} // namespace r1::simt
