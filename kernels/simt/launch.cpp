#include "kernels/simt/launch.h"
#include "kernels/simt/block.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <numeric>
#include <thread>

#include <dlfcn.h>

namespace r1::simt {
namespace {

// Blocks that no launch uses: their stacks are expensive to make.
class Pool {
public:
  std::unique_ptr<Block> take() {
    std::lock_guard lock(mutex_);
    if (free_.empty())
      return std::make_unique<Block>();
    std::unique_ptr<Block> block = std::move(free_.back());
    free_.pop_back();
    return block;
  }
  void give(std::unique_ptr<Block> block) {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(block));
  }

private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Block>> free_;
};

Pool pool;

// The i-th block to start.
class BlockOrder {
public:
  BlockOrder(uint32_t grid, const Schedule& schedule) : grid_(grid), order_(schedule.order) {
    const uint64_t draw = (schedule.seed + 1) * 0x9e3779b97f4a7c15u;
    first_ = (draw >> 32) % grid;
    step_ = 1 + uint32_t(draw) % grid;
    while (std::gcd(step_, uint64_t(grid)) != 1)
      ++step_;
  }
  uint32_t operator()(uint64_t i) const {
    if (order_ == Order::kFifo)
      return uint32_t(i);
    if (order_ == Order::kReverse)
      return uint32_t(grid_ - 1 - i);
    return uint32_t((first_ + i * step_) % grid_);
  }

private:
  uint64_t grid_, first_, step_;
  Order order_;
};

std::string check(Shape shape) {
  if (shape.grid == 0)
    return "launch: an empty grid";
  if (shape.threads == 0 || shape.threads > kMaxThreads || shape.threads % 32)
    return "launch: blocks of " + std::to_string(shape.threads) + " threads; whole warps, at most " +
           std::to_string(kMaxThreads);
  if (shape.shared_bytes > kMaxSharedBytes)
    return "launch: " + std::to_string(shape.shared_bytes) + " bytes of shared memory, at most " +
           std::to_string(kMaxSharedBytes);
  return "";
}

std::string name_of(Entry entry) {
  Dl_info info;
  return dladdr(reinterpret_cast<void*>(entry), &info) && info.dli_sname ? info.dli_sname : "kernel";
}

} // namespace

std::string launch(Entry entry, Shape shape, void** params, const Schedule& schedule) {
  std::string error = check(shape);
  if (!error.empty())
    return name_of(entry) + ", " + error;
  const BlockOrder order(shape.grid, schedule);
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  const auto work = [&] {
    std::unique_ptr<Block> block = pool.take();
    for (uint64_t i; (i = next++) < shape.grid;) {
      std::string problem = block->run(entry, shape, params, schedule, order(i));
      if (problem.empty())
        continue;
      next = shape.grid;
      std::lock_guard lock(mutex);
      if (error.empty())
        error = std::move(problem);
    }
    block->join_threads();
    pool.give(std::move(block));
  };
  std::vector<std::thread> others;
  const int workers = int(std::min<uint64_t>(uint64_t(std::max(1, schedule.workers)), shape.grid));
  for (int i = 1; i < workers; ++i)
    others.emplace_back(work);
  work();
  for (std::thread& other : others)
    other.join();
  return error.empty() ? "" : name_of(entry) + ", " + error;
}

} // namespace r1::simt
