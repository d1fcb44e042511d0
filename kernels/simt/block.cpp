// A block's life: memory, threads, barriers and meetings. schedule.cpp chooses who runs, report.cpp says what
// went wrong.
#include "kernels/simt/block.h"

#include <cstring>

#include <sys/mman.h>

namespace r1::simt {

__thread const ThreadView* current __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

__thread Block* active __attribute__((tls_model("initial-exec"))) = nullptr;
constexpr size_t kArenaBytes = kMaxSharedBytes + 2 * kGuardBytes;

} // namespace

Block& block() { return *active; }

Block::~Block() {
  for (u8* stack : stacks_)
    free_stack(stack);
  if (arena_)
    munmap(arena_, kArenaBytes);
}

bool Block::prepare_memory() {
  if (!arena_) {
    void* memory = mmap(nullptr, kArenaBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
      return false;
    arena_ = static_cast<u8*>(memory);
  }
  while (stacks_.size() < size_t(view.threads)) {
    u8* stack = make_stack();
    if (!stack)
      return false;
    stacks_.push_back(stack);
  }
  view.shared = arena_ + kGuardBytes;
  const size_t rounded = (shared_bytes + 7) / 8 * 8; // AddressSanitizer's unit
  std::memset(arena_, kPoison, kGuardBytes + rounded + kGuardBytes);
  sanitizer::poison(arena_, kGuardBytes);
  sanitizer::poison(view.shared + rounded, kGuardBytes);
  return true;
}

// For the race detector memory that two blocks used one after the other would be memory they share.
void Block::release_memory() {
  sanitizer::unpoison(arena_, kArenaBytes);
  if (!sanitizer::kRaces)
    return;
  for (u8* stack : stacks_)
    free_stack(stack);
  stacks_.clear();
  munmap(arena_, kArenaBytes);
  arena_ = nullptr;
}

void Block::prepare_threads() {
  warps_ = view.threads / 32;
  live_ = view.threads;
  for (Barrier& barrier : barriers)
    barrier = Barrier();
  for (int w = 0; w < warps_; ++w) {
    meetings_[w].arrived = 0;
    exited_[w] = 0;
    ready_[w] = ~0u;
  }
  ready_warps_ = warps_ == kMaxWarps ? ~0u : (1u << warps_) - 1;
  host_.race_fiber = sanitizer::current_fiber();
  for (int i = 0; i < view.threads; ++i) {
    Thread& thread = threads_[i];
    thread.thread = i;
    thread.block = &view;
    thread.warp = i / 32;
    thread.lane = i % 32;
    thread.state = State::kReady;
    copies[i].copies.clear();
    copies[i].ends.clear();
    prepare(thread.context, stacks_[i], i, enter);
    if (sanitizer::kRaces) {
      const std::string name = who(thread);
      thread.context.race_fiber = sanitizer::create_fiber(name.c_str());
    }
  }
}

std::string Block::run(Entry entry, Shape shape, void** params, const Schedule& how, u32 index) {
  entry_ = entry;
  params_ = params;
  schedule = how;
  shared_bytes = shape.shared_bytes;
  view = {nullptr, int(index), int(shape.threads), int(shape.grid)};
  random_ = (how.seed + 1) * 0x9e3779b97f4a7c15u ^ (index + 1) * 0xd1342543de82ef95u;
  error_.clear();
  if (!prepare_memory())
    return "no memory for the stacks of " + std::to_string(shape.threads) + " kernel threads";
  prepare_threads();
  draw_priorities();
  active = this;
  running_ = choose();
  current = running_;
  switch_context(host_, running_->context, false);
  running_ = nullptr;
  current = nullptr;
  active = nullptr;
  sanitizer::acquire(&live_);
  if (sanitizer::kRaces)
    for (int i = 0; i < view.threads; ++i)
      sanitizer::destroy_fiber(threads_[i].context.race_fiber);
  if (error_.empty())
    error_ = stray_writes();
  release_memory();
  return error_;
}

void Block::enter() {
  entered_fiber();
  block().entry_(block().params_);
  block().exit();
}

void Block::exit() {
  Thread& me = self();
  if (!copies[me.thread].copies.empty())
    stop({}, "ended while its copies are under way: wait for them (copy_async_wait)");
  const Meeting& meeting = meetings_[me.warp];
  if (meeting.arrived)
    stop(meeting.place,
         std::string("exited while lanes of its warp wait for it in ") + name_of(meeting.operation));
  sanitizer::release(&live_);
  me.state = State::kDone;
  exited_[me.warp] |= 1u << me.lane;
  --live_;
  Barrier& all = barriers[0];
  if (all.arrived > 0 && all.arrived == live_)
    release(all);
  leave(true);
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
  if (to == nullptr) {
    if (live_ > 0)
      error_ = deadlock();
    switch_context(from->context, host_, true);
  }
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
    stop(place, "barrier of " + std::to_string(count) + " threads, but others are at the same barrier with " +
                    std::to_string(barrier.count) + text_of(barrier.place));
  } else if (count == 0 && (barrier.place.line != place.line || barrier.place.file != place.file)) {
    stop(place, "divergent block barrier: others wait" + text_of(barrier.place));
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
    stop(place, std::string(name_of(operation)) + " needs all lanes of the warp, but lane " +
                    std::to_string(__builtin_ctz(exited_[me.warp])) + " has exited");
  if (!meeting.arrived) {
    meeting.operation = operation;
    meeting.place = place;
  } else if (meeting.operation != operation || meeting.place.line != place.line) {
    stop(place, std::string("divergent warp: ") + name_of(operation) + " here, but lane " +
                    std::to_string(__builtin_ctz(meeting.arrived)) + " is in " + name_of(meeting.operation) +
                    text_of(meeting.place));
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
