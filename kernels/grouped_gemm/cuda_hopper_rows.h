// How rows of x that are gathered through the list of pairs come to a slot of sm_90a's ring.
//
// sm_90's copy engine cannot gather, so a warp group copies: 16 bytes a thread at a time (cp.async), each line of 128
// bytes of a row laid out with swizzle 128B as the engine would. Of 128 rows that is 8 copies a thread and line,
// beside some 1000 cycles of products. Rows that are not aligned to 16 bytes go element by element.
//
// Who fences. These copies, and plain stores, write through the generic proxy; wgmma reads through the async proxy.
// A barrier orders the two only if a proxy fence stands between them, after the writes. A copy is known to be
// complete first to the thread that issued it, once it has waited for its group: so that thread fences, and then
// arrives:  copy -> wait_group -> fence.proxy.async -> arrive (release) -> wait (acquire) -> wgmma.
// Were the barrier to track the copies itself (cp.async.mbarrier.arrive), nobody could fence between write and
// arrival: all 256 consumers would have to, each step, between their wait and their products. The price of waiting
// is small: a copier does so kAhead steps later, when its copies have long arrived, and the weights, which come from
// memory, do not wait with it.
// Back again nothing fences: consumers hand a slot back when its products are complete.
#pragma once
#include "kernels/common/cuda_hopper_ring.h"
#include "kernels/primitives/cuda/copy_async.h"

#if R1_SM >= 90

namespace r1::cuda {

inline constexpr int kCopiers = 128; // threads, the group behind the consumers
inline constexpr int kArrivals =
    1 + kCopiers / 32; // a slot: of who loads the weights, and of each copying warp

// kRows rows of x, of type T; slots begin with kHalves times 128 bytes of every row, half by half.
template <class Config, class T, int kRows, int kHalves> struct RowCopier {
  static constexpr int kK = int(Config::k);
  static constexpr int kPiece = 16 / int(sizeof(T)), kHalf = 128 / int(sizeof(T)); // elements
  static constexpr int kRound = kCopiers / 8, kTimes = kRows / kRound;             // rows at once
  const T* x;       // a thread's piece of row 0
  int from[kTimes]; // which row of x is each of its rows
  int first, rows;
  bool aligned;

  template <class Problem>
  R1_DEVICE RowCopier(const Problem& problem, const T* all)
      : x(all + thread_index() % 8 * kPiece), first(thread_index() % kCopiers / 8), rows(problem.count()),
        aligned(problem.aligned()) {
    R1_UNROLL for (int i = 0; i < kTimes; ++i) { from[i] = problem.row(first + i * kRound); }
  }

  // Past k, and in rows that there are not, comes 0.
  R1_DEVICE void copy(u8* slot, int step) const {
    const int piece = thread_index() % 8;
    u8* to = slot + first * 128 + (piece ^ first % 8) * 16; // rows 16 further down are turned alike
    R1_UNROLL for (int half = 0; half < kHalves; ++half) {
      const int at = (step * kHalves + half) * kHalf, count = elements_of<kK, kPiece>(at + piece * kPiece);
      u8* line = to + half * kRows * 128;
      if (sizeof(T) == 1 || aligned)
        R1_UNROLL for (int i = 0; i < kTimes; ++i) {
          copy_async16(line + i * kRound * 128, source(i, at), there(i) ? count * int(sizeof(T)) : 0);
        }
      else if constexpr (sizeof(T) == 2)
        R1_UNROLL for (int i = 0; i < kTimes; ++i) {
          store16(line + i * kRound * 128, load_some(source(i, at), there(i) ? count : 0));
        }
    }
  }

private:
  R1_DEVICE const T* source(int i, int at) const { return x + at + from[i] * (long long)Config::x_stride; }
  R1_DEVICE bool there(int i) const { return first + i * kRound < rows; }
};

// All copiers, for every step: the slot once it is empty, its weights by `load_weights(step)`, which one thread
// calls, and its rows.
template <int kSteps, int kAhead, class Ring, class Copier, class Weights>
R1_DEVICE void feed_rows(const Ring& ring, const Copier& copier, const Weights& load_weights) {
  R1_ROLLED for (int step = 0; step < kSteps + kAhead; ++step) {
    if (step < kSteps) {
      ring.wait_empty(step);
      if (thread_index() == kConsumers)
        load_weights(step);
      copier.copy(ring.slot(step), step);
    }
    copy_async_commit(); // an empty group past the end, so that waiting counts steps
    if (step >= kAhead) {
      copy_async_wait<kAhead>();
      fence_async_proxy();
      sync_warp();
      if (lane_index() == 0)
        barrier_arrive(ring.full_of(step - kAhead));
    }
  }
}

} // namespace r1::cuda

#endif
