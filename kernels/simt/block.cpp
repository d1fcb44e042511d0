// A block's life: its memory, its threads, their ends. schedule.cpp has how they meet and who runs, report.cpp
// says what went wrong.
#include "kernels/simt/block.h"

#include <cstring>

#include <sys/mman.h>

namespace r1::simt {

__thread const ThreadView* current __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

constexpr size_t kArenaBytes = kMaxSharedBytes + 2 * kGuardBytes;

} // namespace

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
  while (stacks_.size() < size_t(threads)) {
    u8* stack = make_stack();
    if (!stack)
      return false;
    stacks_.push_back(stack);
  }
  shared = arena_ + kGuardBytes;
  const size_t rounded = (shared_bytes + 7) / 8 * 8; // AddressSanitizer's unit
  std::memset(arena_, kPoison, kGuardBytes + rounded + kGuardBytes);
  sanitizer::poison(arena_, kGuardBytes);
  sanitizer::poison(shared + rounded, kGuardBytes);
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
  warps_ = threads / 32;
  live_ = threads;
  for (Barrier& barrier : barriers)
    barrier = Barrier();
  for (int w = 0; w < warps_; ++w) {
    meetings_[w].arrived = 0;
    exited_[w] = 0;
    ready_[w] = ~0u;
  }
  ready_warps_ = warps_ == kMaxWarps ? ~0u : (1u << warps_) - 1;
  phases.clear();
  phase_waiters_.clear();
  loads.clear();
  host_.race_fiber = sanitizer::current_fiber();
  engine_fiber = sanitizer::create_fiber("copy engine");
  for (int g = 0; g < (warps_ + 3) / 4; ++g) {
    warp_groups[g].arrived = 0;
    warp_groups[g].fenced = false;
    warp_groups[g].products.clear();
    warp_groups[g].fiber = sanitizer::create_fiber("wgmma");
  }
  for (int i = 0; i < threads; ++i) {
    Thread& thread = threads_[i];
    thread.thread = i;
    thread.block = this;
    thread.warp = i / 32;
    thread.lane = i % 32;
    thread.state = State::kReady;
    copies[i].clear();
    stores[i].clear();
    prepare(thread.context, stacks_[i], i, enter);
    if (sanitizer::kRaces) {
      const std::string name = who(thread);
      thread.context.race_fiber = sanitizer::create_fiber(name.c_str());
    }
  }
}

std::string Block::run(Entry entry, Shape shape, void** params, const Schedule& how, u32 number) {
  entry_ = entry;
  params_ = params;
  schedule = how;
  shared_bytes = shape.shared_bytes;
  static_cast<BlockView&>(*this) = {nullptr, int(number), int(shape.threads), int(shape.grid)};
  random_ = (how.seed + 1) * 0x9e3779b97f4a7c15u ^ (number + 1) * 0xd1342543de82ef95u;
  failed_ = nullptr;
  if (!prepare_memory())
    return "no memory for the stacks of " + std::to_string(shape.threads) + " kernel threads";
  prepare_threads();
  draw_priorities();
  running_ = choose();
  current = running_;
  switch_context(host_, running_->context, false);
  running_ = nullptr;
  current = nullptr;
  if (sanitizer::kRaces && live_ > 0) { // all that was abandoned has happened, too
    for (int i = 0; i < threads; ++i) {
      if (threads_[i].state == State::kDone)
        continue;
      sanitizer::switch_to(threads_[i].context.race_fiber);
      sanitizer::release(&live_);
    }
    sanitizer::switch_to(host_.race_fiber);
  }
  sanitizer::destroy_fiber(engine_fiber);
  for (int g = 0; g < (warps_ + 3) / 4; ++g)
    sanitizer::destroy_fiber(warp_groups[g].fiber);
  if (sanitizer::kRaces)
    for (int i = 0; i < threads; ++i)
      sanitizer::destroy_fiber(threads_[i].context.race_fiber);
  std::string error = outcome();
  release_memory();
  return error;
}

void Block::join_threads() { sanitizer::acquire(&live_); }

void Block::enter() {
  entered_context(nullptr);
  block().entry_(block().params_);
  block().exit();
}

// A tile leaves nothing behind that still touches memory.
void Block::check_finished(const Thread& thread) {
  if (!copies[thread.thread].items.empty())
    fail({}, "ended while its copies are under way: copy_async_wait is missing");
  if (!stores[thread.thread].items.empty())
    fail({}, "ended while its stores are under way: tma_store_wait is missing");
  if (!warp_groups[thread.warp / 4].products.items.empty())
    fail({}, "ended while products of its warp group are under way: wgmma_wait is missing");
  const Meeting& meeting = meetings_[thread.warp];
  if (meeting.arrived)
    fail(meeting.place, "exited while lanes of its warp wait for it in %s", name_of(meeting.operation));
}

void Block::exit() {
  Thread& me = self();
  check_finished(me);
  sanitizer::release(&live_);
  me.state = State::kDone;
  exited_[me.warp] |= 1u << me.lane;
  --live_;
  Barrier& all = barriers[0];
  if (all.arrived > 0 && all.arrived == live_)
    release(all);
  leave(true);
}

void Block::wait_phase(u8* word, int parity, Place place) {
  self().parity = parity;
  {
    sanitizer::Ignore ours;
    phase_waiters_.push_back(&self());
  }
  wait(State::kPhase, place, word);
}

void Block::wake_phase(const u8* word, int phase) {
  sanitizer::Ignore ours;
  std::erase_if(phase_waiters_, [&](const Thread* thread) {
    if (thread->waits_on != word || thread->parity == phase)
      return false;
    wake(thread->warp, 1u << thread->lane);
    return true;
  });
}

} // namespace r1::simt
