// Sorts the step's (token, expert) pairs by expert: a counting sort in one block, in an order that no race can change.
//   bytes: pairs * 12 + experts * 20; about 30 operations a pair, twice. At decode some microseconds of latency, at 4096 tokens
//   of 8 experts about ten.
//
// Each warp takes a run of pairs. It counts them by expert in a row of its own in shared memory, 32 pairs at a time: the lanes
// with the same expert find one another by votes, and the last of them adds them all at once. The sum over warps gives each
// expert its place, the sums before a warp give that warp's share of it, and a second pass over the same pairs in the same
// order writes them there.
#pragma once
#include "kernels/common/cuda_elements.h"
#include "kernels/primitives/cuda/warp.h"

namespace r1::cuda {

template <class Config, class Holes, int kBlockThreads = 1024> struct RouterGroup {
  static constexpr int kThreads = kBlockThreads, kWarps = kThreads / 32;
  static constexpr int kExperts = int(Config::experts), kPerThread = blocks_of(kExperts, kThreads);
  static_assert(kWarps % 4 == 0);
  struct Shared {
    // First how many pairs of the warp an expert has, then where the next of them goes.
    int next[kWarps][kExperts];
    int pairs[kWarps], active[kWarps];
  };
  static constexpr int kSharedBytes = sizeof(Shared);
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    if (tile > 0)
      return;
    Shared& s = *reinterpret_cast<Shared*>(shared);
    const int* ids = a.in<int>(0);
    int* groups = a.out<int>(1);
    int* sorted = groups + 2 + 2 * kExperts;
    const int pairs = a.dims[0] * int(Config::top_k);
    const int run = blocks_of(blocks_of(pairs, kWarps), 32) * 32; // of a warp
    const int begin = run * warp_index(), end = begin + run < pairs ? begin + run : pairs;
    int* next = s.next[warp_index()];

    for (int e = lane_index(); e < kExperts; e += 32)
      next[e] = 0;
    sync_warp();
    each_pair(ids, begin, end, next, [](int, int) {});
    sync_block();
    place(groups, s);
    sync_block();
    each_pair(ids, begin, end, next, [&](int pair, int at) { sorted[at] = pair; });
  }

private:
  static constexpr int kTogether = 4; // loads under way

  // body(pair, next[its expert]++) for the warp's pairs, as if one after another.
  template <class Body>
  R1_DEVICE static void each_pair(const int* ids, int begin, int end, int* next, const Body& body) {
    R1_ROLLED for (int first = begin; first < end; first += 32 * kTogether) {
      int id[kTogether];
      R1_UNROLL for (int i = 0; i < kTogether; ++i) {
        const int pair = first + 32 * i + lane_index();
        id[i] = pair < end ? ids[pair] : kExperts;
      }
      const int last = end - first < 32 * kTogether ? end : first + 32 * kTogether;
      R1_ROLLED for (int step = first; step < last; step += 32) {
        count(step + lane_index(), id[0], next, body);
        // The ids move up, so that one copy of the body does for all while the loads stay ahead.
        R1_UNROLL for (int i = 1; i < kTogether; ++i) id[i - 1] = id[i];
      }
    }
  }

  // The same for 32 pairs; the warp calls together, lanes without a pair with id = kExperts.
  template <class Body> R1_DEVICE static void count(int pair, int id, int* next, const Body& body) {
    const u32 same = lanes_alike(id), below = same & ((1u << lane_index()) - 1);
    const int at = id < kExperts ? next[id] + count_bits(below) : 0;
    sync_warp();
    if (id < kExperts) {
      if ((same >> lane_index()) == 1) // the last of its kind
        next[id] = at + 1;
      body(pair, at);
    }
    sync_warp();
  }

  // The lanes that hold the same id, one vote for each of its bits.
  R1_DEVICE static u32 lanes_alike(int id) {
    u32 same = ~0u;
    R1_UNROLL for (int bit = 1; bit <= kExperts; bit *= 2) {
      const u32 set = ballot(id & bit);
      same &= id & bit ? set : ~set;
    }
    return same;
  }

  // Writes the active experts and their offsets, and turns counts into places. Experts are dealt in runs: a thread has
  // kPerThread neighbours.
  R1_DEVICE static void place(int* groups, Shared& s) {
    const int first = thread_index() * kPerThread;
    int pairs = 0, active = 0;
    R1_UNROLL for (int i = 0; i < kPerThread; ++i) {
      const int total = first + i < kExperts ? pairs_of(first + i, s) : 0;
      pairs += total;
      active += total > 0;
    }
    const int pairs_within = sum_of_lanes(pairs), active_within = sum_of_lanes(active);
    if (lane_index() == 31) {
      s.pairs[warp_index()] = pairs_within;
      s.active[warp_index()] = active_within;
    }
    sync_block();
    int pairs_before = pairs_within - pairs, active_before = active_within - active;
    R1_ROLLED for (int warp = 0; warp < warp_index(); ++warp) {
      pairs_before += s.pairs[warp];
      active_before += s.active[warp];
    }
    int* const ids = groups + 1;
    int* const offsets = ids + kExperts;
    R1_UNROLL for (int i = 0; i < kPerThread; ++i) {
      const int e = first + i;
      if (e >= kExperts)
        break;
      const int offset = pairs_before;
      R1_ROLLED for (int first_warp = 0; first_warp < kWarps; first_warp += 4)
          R1_UNROLL for (int warp = first_warp; warp < first_warp + 4; ++warp) {
        const int count = s.next[warp][e];
        s.next[warp][e] = pairs_before;
        pairs_before += count;
      }
      if (pairs_before == offset)
        continue;
      ids[active_before] = e;
      offsets[active_before++] = offset;
    }
    if (thread_index() == kThreads - 1) { // nothing comes after it
      groups[0] = active_before;
      offsets[active_before] = pairs_before;
    }
  }

  R1_DEVICE static int pairs_of(int expert, const Shared& s) {
    int total = 0;
    R1_ROLLED for (int first = 0; first < kWarps; first += 4)
        R1_UNROLL for (int warp = first; warp < first + 4; ++warp) total += s.next[warp][expert];
    return total;
  }

  // The sum over this lane and those below.
  R1_DEVICE static int sum_of_lanes(int v) {
    R1_UNROLL for (int delta = 1; delta < 32; delta *= 2) {
      const int below = shuffle_up(v, delta);
      v += lane_index() >= delta ? below : 0;
    }
    return v;
  }
};

} // namespace r1::cuda
