// Runs a kernel built for the host: one fiber for each kernel thread, one block at a time for each OS thread.
// Nothing that a kernel does wrong ends the process short of a wild pointer; see README.md for what is found.
#pragma once
#include "kernels/simt/entry.h"

#include <cstdint>
#include <string>

namespace r1::simt {

// Which runnable kernel thread goes on when another must wait. All orders but kFifo and kReverse depend on the
// seed, and on nothing else.
enum class Order {
  kFifo,    // each warp as far as it gets, lanes ascending: the fewest switches
  kReverse, // the last warp and lane first
  kShuffle, // any warp, any lane
  kPriority // the warp (or copy engine) of highest random priority, redrawn now and then: finds most races
};

// When asynchronous copies and products happen.
enum class Async {
  kEager, // where they are issued
  kLazy,  // as late as the waits allow; the destination holds NaN until then
  kRandom // either, by seed
};

struct Schedule {
  uint64_t seed = 0;
  Order order = Order::kFifo;
  Async async = Async::kEager;
  int workers = 1;          // OS threads that take blocks
  bool hopper_sums = false; // tensor cores add as Hopper's do (sums.h) instead of in plain float
};

struct Shape {
  uint32_t grid, threads, shared_bytes;
};

// Returns "" or one line: the kernel, block and thread, what went wrong and where. Blocking; may be called
// from several OS threads at once. `params` and what they point to stay the caller's.
std::string launch(Entry entry, Shape shape, void** params, const Schedule& schedule = {});

} // namespace r1::simt
