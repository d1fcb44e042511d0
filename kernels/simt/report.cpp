// What went wrong, in one line.
#include "kernels/simt/block.h"

#include <cstdarg>
#include <cstdio>
#include <map>
#include <tuple>

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
  }
  return "?";
}

std::string text_of(Place place) {
  return place.file ? std::string(" at ") + place.file + ":" + std::to_string(place.line) : std::string();
}

std::string Block::who(const Thread& thread) const {
  return "block " + std::to_string(view.index) + ", thread " + std::to_string(thread.thread);
}

void Block::stop(Place place, std::string message) {
  error_ = who(self()) + ": " + std::move(message) + text_of(place);
  switch_context(running_->context, host_, true);
  __builtin_unreachable();
}

void fail(Place place, const char* format, ...) {
  char text[400];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  block().stop(place, text);
}

std::string Block::stray_writes() {
  const size_t end = (shared_bytes + 7) / 8 * 8;
  sanitizer::unpoison(view.shared - kGuardBytes, end + 2 * kGuardBytes);
  for (size_t i = 0; i < kGuardBytes; ++i) {
    if (view.shared[-1 - long(i)] != kPoison)
      return "block " + std::to_string(view.index) + ": a thread wrote " + std::to_string(i + 1) +
             " bytes before shared memory";
    if (view.shared[end + i] != kPoison)
      return "block " + std::to_string(view.index) + ": a thread wrote byte " + std::to_string(end + i) +
             " of shared memory, which has " + std::to_string(shared_bytes);
  }
  return "";
}

std::string Block::deadlock() const {
  std::map<std::tuple<const void*, int, std::string>, std::vector<int>> groups;
  for (int i = 0; i < view.threads; ++i) {
    const Thread& thread = threads_[i];
    if (thread.state == State::kDone)
      continue;
    std::string what;
    if (thread.state == State::kBarrier) {
      const auto* barrier = static_cast<const Barrier*>(thread.waits_on);
      what = "wait at barrier " + std::to_string(barrier - barriers) + " with " +
             std::to_string(barrier->arrived) + " of " +
             std::to_string(barrier->count ? barrier->count : live_) + " there";
    } else {
      what = std::string("wait for other lanes in ") + name_of(meetings_[thread.warp].operation);
    }
    groups[{thread.waits_on, thread.place.line, what + text_of(thread.place)}].push_back(i);
  }
  std::string text = "block " + std::to_string(view.index) + ": deadlock";
  int shown = 0;
  for (const auto& [key, threads] : groups) {
    if (shown++ == kGroupsShown)
      return text + "; ...";
    text += (shown == 1 ? ": " : "; ") + std::string(threads.size() == 1 ? "thread " : "threads ") +
            ranges(threads) + " " + std::get<2>(key);
  }
  return text;
}

} // namespace r1::simt
