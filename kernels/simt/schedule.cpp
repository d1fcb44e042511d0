// Who runs next.
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
  for (int w = 0; w < warps_; ++w)
    priorities_[w] = w;
  for (int w = warps_; w > 1; --w)
    std::swap(priorities_[w - 1], priorities_[random() % w]);
}

Thread* Block::take(int warp, int lane) {
  ready_[warp] &= ~(1u << lane);
  if (!ready_[warp])
    ready_warps_ &= ~(1u << warp);
  return &threads_[warp * 32 + lane];
}

Thread* Block::choose() {
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
    while (!ready_[*warp])
      ++warp;
    return take(*warp, any_bit(ready_[*warp], draw));
  }
  }
  return nullptr;
}

} // namespace r1::simt
