// What went wrong, in one line.
#include "kernels/simt/block.h"

#include <cstdio>
#include <cstring>
#include <map>
#include <utility>

namespace r1::simt {
namespace {

constexpr int kGroupsShown = 6;

// 0-31, 64, 96-127
std::string ranges(const std::vector<int>& threads) {
  std::string text;
  for (size_t i = 0; i < threads.size();) {
    size_t end = i + 1;
    while (end < threads.size() && threads[end] == threads[end - 1] + 1)
      ++end;
    if (text.size() > 60)
      return text + ", ...";
    text += (i ? ", " : "") + std::to_string(threads[i]);
    if (end > i + 1)
      text += "-" + std::to_string(threads[end - 1]);
    i = end;
  }
  return text;
}

} // namespace

const char* name_of(Operation operation) {
  switch (operation) {
  case Operation::kSync:
    return "a warp barrier";
  case Operation::kShuffle:
    return "a shuffle";
  case Operation::kBallot:
    return "a ballot";
  case Operation::kReduce:
    return "a warp reduction";
  case Operation::kLoadMatrix:
    return "a matrix load";
  case Operation::kMma:
    return "a matrix product";
  case Operation::kGroupFence:
    return "wgmma_fence";
  case Operation::kGroupProduct:
    return "wgmma";
  case Operation::kGroupCommit:
    return "wgmma_commit";
  case Operation::kGroupWait:
    return "wgmma_wait";
  }
  return "?";
}

std::string text_of(Place place) {
  return place.file ? std::string(" at ") + place.file + ":" + std::to_string(place.line) : std::string();
}

std::string Block::who(const Thread& thread) const {
  return "block " + std::to_string(index) + ", thread " + std::to_string(thread.thread);
}

// On the kernel thread: only what needs no memory of its own.
void Block::stop(Place place, const char* format, va_list arguments) {
  sanitizer::switch_to(running_->context.race_fiber); // from asynchronous work that it carried out
  {
    sanitizer::Ignore ours;
    std::vsnprintf(failure_, sizeof failure_, format, arguments);
  }
  failed_ = running_;
  running_->place = place;
  sanitizer::Ignore::end_all();
  switch_context(running_->context, host_, true);
  __builtin_unreachable();
}

std::string Block::outcome() {
  if (failed_)
    return who(*failed_) + text_of(failed_->place) + ": " + failure_;
  if (live_ > 0)
    return deadlock();
  if (!loads.empty())
    return "block " + std::to_string(index) +
           ": ended while the copy engine still writes to shared memory, for a load" +
           text_of(loads[0].place);
  return stray_writes();
}

void fail(Place place, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  block().stop(place, format, arguments);
}

std::string Block::stray_writes() {
  sanitizer::Ignore ours;
  const size_t end = (shared_bytes + 7) / 8 * 8;
  const u8 *before = shared - kGuardBytes, *after = shared + end;
  sanitizer::unpoison(before, end + 2 * kGuardBytes);
  const auto intact = [](const u8* guard) { // each byte equals the next
    return guard[0] == kPoison && std::memcmp(guard, guard + 1, kGuardBytes - 1) == 0;
  };
  if (intact(before) && intact(after))
    return "";
  size_t i = 0;
  while (before[kGuardBytes - 1 - i] == kPoison && after[i] == kPoison)
    ++i;
  const std::string text = "block " + std::to_string(index) + ": a thread wrote ";
  if (after[i] != kPoison)
    return text + "byte " + std::to_string(end + i) + " of shared memory, which has " +
           std::to_string(shared_bytes);
  return text + std::to_string(i + 1) + " bytes before shared memory";
}

// What a thread waits for.
std::string Block::what(const Thread& thread) const {
  switch (thread.state) {
  case State::kBarrier: {
    const auto* barrier = static_cast<const Barrier*>(thread.waits_on);
    return "wait at barrier " + std::to_string(barrier - barriers) + " with " +
           std::to_string(barrier->arrived) + " of " +
           std::to_string(barrier->count ? barrier->count : live_) + " there";
  }
  case State::kGroup:
    return std::string("wait for the warp group in ") +
           name_of(static_cast<const WarpGroup*>(thread.waits_on)->operation);
  case State::kPhase:
    for (const PhaseBarrier& barrier : phases)
      if (barrier.word == thread.waits_on)
        return "wait for parity " + std::to_string(thread.parity) + " of the barrier at byte " +
               std::to_string(barrier.word - shared) + ", which lacks " + std::to_string(barrier.pending) +
               " of " + std::to_string(barrier.expected) + " arrivals and " + std::to_string(barrier.bytes) +
               " bytes";
    return "wait for a barrier that is no longer valid";
  default:
    return std::string("wait for other lanes in ") + name_of(meetings_[thread.warp].operation);
  }
}

std::string Block::deadlock() const {
  std::map<std::pair<int, std::string>, std::vector<int>> groups; // threads by line and what they wait for
  for (int i = 0; i < threads; ++i)
    if (threads_[i].state != State::kDone)
      groups[{threads_[i].place.line, what(threads_[i]) + text_of(threads_[i].place)}].push_back(i);
  std::string text = "block " + std::to_string(index) + ": deadlock";
  int shown = 0;
  for (const auto& [key, threads] : groups) {
    if (shown++ == kGroupsShown)
      return text + "; ...";
    text += (shown == 1 ? ": " : "; ") + std::string(threads.size() == 1 ? "thread " : "threads ") +
            ranges(threads) + " " + key.second;
  }
  return text;
}

} // namespace r1::simt
