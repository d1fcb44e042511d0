#include "runtime/device/cpu/pool.h"

#include <algorithm>

#include "runtime/base/os.h"

namespace r1::cpu {

static void pause() { __builtin_ia32_pause(); }

Pool::Pool(int threads) : threads_(std::max(1, threads)) {
  // Spinning pays only where every thread has a core of its own.
  spin_seconds_ = threads_ <= os::default_threads() ? 100e-6 : 0;
  for (int i = 1; i < threads_; ++i)
    workers_.emplace_back([this, i] { work(i); });
}

Pool::~Pool() {
  stop_.store(true);
  {
    std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
  for (std::thread& t : workers_)
    t.join();
}

void Pool::run(std::span<const uint32_t> tiles, Body body, void* context, double* ends) {
  tiles_ = tiles;
  body_ = body;
  context_ = context;
  ends_ = ends;
  ++run_;
  start_wave(0);
  while (done_.load(std::memory_order_acquire) != run_) {
    uint64_t word = word_.load(std::memory_order_acquire);
    if (!take(word, 0) && done_.load(std::memory_order_acquire) != run_)
      wait(word, true);
  }
}

void Pool::work(int thread) {
  while (!stop_.load(std::memory_order_relaxed)) {
    uint64_t word = word_.load(std::memory_order_acquire);
    if (!take(word, thread))
      wait(word, false);
  }
}

bool Pool::take(uint64_t& word, int thread) {
  uint64_t left = uint32_t(word), size;
  do {
    left = uint32_t(word);
    if (left == 0)
      return false;
    size = (left + 2 * uint64_t(threads_) - 1) / (2 * uint64_t(threads_));
    if (threads_ == 1)
      size = left;
  } while (
      !word_.compare_exchange_weak(word, word - size, std::memory_order_acq_rel, std::memory_order_acquire));
  // These tiles are ours, so the wave cannot end, and what run() wrote cannot change, before we add to finished_.
  size_t wave = wave_;
  uint32_t all = tiles_[wave];
  int64_t begin = int64_t(all - left);
  body_(context_, wave, begin, begin + int64_t(size), thread);
  if (finished_.fetch_add(uint32_t(size), std::memory_order_acq_rel) + uint32_t(size) == all) {
    if (ends_)
      ends_[wave] = os::now();
    start_wave(wave + 1);
  }
  return true;
}

// Called by the one thread that ended the wave before, or by run().
void Pool::start_wave(size_t from) {
  while (from < tiles_.size() && tiles_[from] == 0) {
    if (ends_)
      ends_[from] = os::now();
    ++from;
  }
  finished_.store(0, std::memory_order_relaxed);
  if (from == tiles_.size()) {
    done_.store(run_, std::memory_order_seq_cst);
  } else {
    wave_ = from;
    uint64_t number = (word_.load(std::memory_order_relaxed) >> 32) + 1;
    word_.store(number << 32 | tiles_[from], std::memory_order_seq_cst);
  }
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    std::lock_guard lock(mutex_);
    wake_.notify_all();
  }
}

// Until there may be tiles to take, or (for the caller of run) all are done.
void Pool::wait(uint64_t seen, bool until_done) {
  auto over = [&] {
    return word_.load(std::memory_order_seq_cst) != seen || stop_.load(std::memory_order_relaxed) ||
           (until_done && done_.load(std::memory_order_seq_cst) == run_);
  };
  if (spin_seconds_ > 0) {
    double until = os::now() + spin_seconds_;
    do {
      for (int i = 0; i < 64; ++i) {
        if (over())
          return;
        pause();
      }
    } while (os::now() < until);
  }
  std::unique_lock lock(mutex_);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  wake_.wait(lock, over);
  sleepers_.fetch_sub(1, std::memory_order_seq_cst);
}

} // namespace r1::cpu
