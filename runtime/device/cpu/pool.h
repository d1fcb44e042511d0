// Persistent threads that work through waves of tiles.
//
// Waves run one after another, the tiles of a wave in any order on any thread. Threads take ranges of tiles from one
// shared counter, large ones first and smaller towards the end, so a thread that the system stalls delays only the
// range it holds: the others finish the wave without it, and a wave is over when its tiles are done, not when every
// thread has come by. A thread with nothing to take spins for a moment, then sleeps.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace r1::cpu {

class Pool {
public:
  // `threads` counts the caller of run(), who works too.
  explicit Pool(int threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return threads_; }

  // body(context, wave, begin, end, thread) works off tiles [begin, end) of a wave.
  using Body = void (*)(void* context, size_t wave, int64_t begin, int64_t end, int thread);
  // `tiles[w]` tiles in wave w, each below 2^32; waves of none are passed over. Returns when all are done.
  // ends, where given: the time at which each wave was over. Not to be called by two threads at once.
  void run(std::span<const uint32_t> tiles, Body body, void* context, double* ends = nullptr);

private:
  void work(int thread);
  // Runs one range of tiles if there is one to take.
  bool take(uint64_t& word, int thread);
  void start_wave(size_t from);
  void wait(uint64_t seen, bool until_done);

  const int threads_;
  double spin_seconds_;

  // The wave that is running: its number in the upper half (it never repeats within a stall), tiles left in the lower.
  alignas(64) std::atomic<uint64_t> word_{0};
  alignas(64) std::atomic<uint32_t> finished_{0}; // tiles of the running wave that are done
  alignas(64) std::atomic<uint64_t> done_{0};     // runs that are over
  std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;
  std::condition_variable wake_;

  // What run() was asked for. Read only by a thread that holds tiles, so never while run() writes it.
  std::span<const uint32_t> tiles_;
  Body body_ = nullptr;
  void* context_ = nullptr;
  double* ends_ = nullptr;
  size_t wave_ = 0;
  uint64_t run_ = 0;

  std::vector<std::thread> workers_;
};

} // namespace r1::cpu
