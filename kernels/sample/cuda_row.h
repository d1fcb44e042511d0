// One row of logits in the hands of a block: the passes of `sample` (cuda.h).
#pragma once
#include "kernels/primitives/cuda/atomic.h"
#include "kernels/primitives/cuda/memory.h"
#include "kernels/primitives/cuda/warp.h"
#include "kernels/sample/cuda_weight.h"

namespace r1::cuda {

template <int kVocab, int kThreads> struct SampleRow {
  static constexpr int kWarps = kThreads / kWarpSize;
  static constexpr int kBins = 2 * kThreads;
  static constexpr int V = 4; // neighbouring logits of a load

  struct Shared {
    u64 bins[kBins];
    u64 sums[kWarps]; // of each warp's part
    u32 ties[kWarps];
    u32 scratch[kWarps];
  };

  const float* logits;
  Shared& s;

  // Tokens above `key` stay, and the first `ties` of those at it.
  struct Cut {
    u32 key;
    u64 ties;
  };

  struct Scale {
    float top;
    double inverse_temperature;
    R1_DEVICE u64 weight(float v) const { return sample_weight(v, top, inverse_temperature); }
  };

  R1_DEVICE int choose(double inverse_temperature, int top_k, u32 top_p, u64 draw) const {
    u32 best = 0;
    int where = 0;
    each(warp_index() * kPart, kPart, [&](float v, int id) {
      const u32 key = key_of(v);
      where = key > best ? id : where;
      best = key > best ? key : best;
    });
    const u32 top_key = block_max(best, s.scratch);
    if (top_key >= kKeyOfInfinity || top_key <= kKeyOfMinusInfinity)
      return -1;
    if (inverse_temperature == 0) // the lowest id of the largest
      return int(~block_max(best == top_key ? ~u32(where) : 0u, s.scratch));

    const Scale scale{value_of_key(top_key), inverse_temperature};
    Cut cut{kKeyOfMinusInfinity, 0};
    const bool some = top_k > 0 && top_k < kVocab;
    if (some)
      cut = search<false>(scale, u64(top_k), 0);
    if (top_p)
      cut = search<true>(scale, some ? sample_share(sum(scale, cut, 0, kVocab), top_p) : 0, top_p);
    return pick(scale, cut, draw);
  }

  // ---- Passes. A warp takes neighbouring ids, so that sums by warp are sums by range.

  R1_DEVICE static constexpr int part_of(int count) {
    return ((count + kWarps - 1) / kWarps + V - 1) / V * V;
  }
  static constexpr int kPart = part_of(kVocab);

  // body(logit, id) for the ids [first, first + count) below kVocab, first a multiple of V, dealt to the lanes of the warp.
  template <class Body> R1_DEVICE void each(int first, int count, const Body& body) const {
    const int end = first + count < kVocab ? first + count : kVocab;
    constexpr int kTogether = 2,
                  kStep = kWarpSize * V; // so many loads of a thread are under way before the first is used
    R1_ROLLED for (int at = first + lane_index() * V; at < end; at += kTogether * kStep) {
      float v[kTogether][V];
      R1_UNROLL for (int j = 0; j < kTogether; ++j)
          load_lanes(logits + at + j * kStep, end - at - j * kStep, v[j]);
      R1_UNROLL for (int j = 0; j < kTogether; ++j)
          R1_UNROLL for (int i = 0; i < V; ++i) if (const int id = at + j * kStep + i; id < end)
              body(v[j][i], id);
    }
  }

  // ---- The logit at which to cut.

  // Adds up a thread's neighbours in one bin, which are many where all logits are alike, before they meet other threads'.
  struct Pending {
    u64* bins;
    int bin = 0;
    u64 amount = 0;
    R1_DEVICE void add(int to, u64 more) {
      if (to != bin)
        flush();
      bin = to;
      amount += more;
    }
    R1_DEVICE void flush() {
      if (amount)
        atomic_add_shared(bins + bin, amount);
      amount = 0;
    }
  };

  template <class Add> R1_DEVICE void histogram(const Add& add) const {
    for (int i = thread_index(); i < kBins; i += kThreads)
      s.bins[i] = 0;
    sync_block();
    Pending pending{s.bins};
    each(warp_index() * kPart, kPart, [&](float v, int) { add(v, pending); });
    pending.flush();
    sync_block();
    // Each warp's share of the bins.
    constexpr int kOwn = kBins / kWarps;
    u64 own = 0;
    R1_UNROLL for (int i = 0; i < kOwn; i += kWarpSize) own += s.bins[warp_index() * kOwn + i + lane_index()];
    own = warp_sum(own);
    if (lane_index() == 0)
      s.sums[warp_index()] = own;
    sync_block();
  }
  R1_DEVICE u64 total() const {
    u64 sum = 0;
    R1_ROLLED for (int w = 0; w < kWarps; ++w) sum += s.sums[w];
    return sum;
  }
  // The first bin with which `target` is reached; what is before it is taken off the target.
  R1_DEVICE int reach(u64& target) const {
    constexpr int kOwn = kBins / kWarps;
    int warp = 0, bin = 0;
    R1_ROLLED for (; warp + 1 < kWarps && s.sums[warp] < target; ++warp) target -= s.sums[warp];
    R1_ROLLED for (bin = warp * kOwn; bin + 1 < (warp + 1) * kOwn && s.bins[bin] < target; ++bin) target -=
        s.bins[bin];
    sync_block(); // the bins are used again
    return bin;
  }

  // The largest logits, ties to the lower id, whose weights (kMass) or numbers reach the target; target 0: that share of all.
  template <bool kMass> R1_DEVICE Cut search(const Scale& scale, u64 target, u32 top_p) const {
    auto amount = [&](float v) { return kMass ? scale.weight(v) : u64(1); };
    // Falls as the logit grows, each operation of it does; the last bin takes all that weighs nothing.
    const float steps = float(scale.inverse_temperature * ((kBins - 1) / 28.0));
    auto linear = [&](float v) { return int(math::min((scale.top - v) * steps, float(kBins - 1))); };
    histogram([&](float v, Pending& pending) { pending.add(linear(v), amount(v)); });
    if (kMass && target == 0)
      target = sample_share(total(), top_p);
    int bin = reach(target);

    u32 high = 0, low = 0; // of the keys in that bin; low inverted
    each(warp_index() * kPart, kPart, [&](float v, int) {
      const u32 key = key_of(v);
      if (linear(v) == bin) {
        high = key > high ? key : high;
        low = ~key > low ? ~key : low;
      }
    });
    high = block_max(high, s.scratch);
    low = ~block_max(low, s.scratch);
    while (low != high) {
      int shift = 0;
      while ((high - low) >> shift >= u32(kBins))
        ++shift;
      histogram([&](float v, Pending& pending) {
        const u32 key = key_of(v);
        if (key >= low && key <= high)
          pending.add(int((high - key) >> shift), amount(v));
      });
      high -= u32(reach(target)) << shift;
      const u32 width = (1u << shift) - 1;
      low = high - low > width ? high - width : low;
    }
    const u64 each_weighs = amount(value_of_key(high));
    return {high, (target + each_weighs - 1) / each_weighs};
  }

  // ---- The draw.

  // What stays of the ids [first, first + count), to every thread; s.sums and s.ties hold it by warp, of part_of(count) ids each.
  R1_DEVICE u64 sum(const Scale& scale, Cut cut, int first, int count) const {
    const int part = part_of(count), begin = warp_index() * part;
    u64 above = 0;
    u32 ties = 0;
    each(first + begin, count - begin < part ? count - begin : part, [&](float v, int) {
      const u32 key = key_of(v);
      if (key > cut.key)
        above += scale.weight(v);
      ties += key == cut.key;
    });
    above = warp_sum(above);
    ties = warp_sum(ties);
    if (lane_index() == 0) {
      s.sums[warp_index()] = above;
      s.ties[warp_index()] = ties;
    }
    sync_block();
    u64 sum = 0, seen = 0;
    R1_ROLLED for (int w = 0; w < kWarps; ++w) {
      sum += s.sums[w];
      seen += s.ties[w];
    }
    return sum + (seen < cut.ties ? seen : cut.ties) * scale.weight(value_of_key(cut.key));
  }

  R1_DEVICE int pick(const Scale& scale, Cut cut, u64 draw) const {
    const u64 tie = scale.weight(value_of_key(cut.key));
    u64 point = sample_point(draw, sum(scale, cut, 0, kVocab));
    int first = 0, count = kVocab;
    while (true) { // the part of one warp into which the point falls
      const int part = part_of(count);
      int w = 0;
      R1_ROLLED for (; w + 1 < kWarps; ++w) {
        const u64 ties = s.ties[w] < cut.ties ? s.ties[w] : cut.ties, before = s.sums[w] + ties * tie;
        if (point < before)
          break;
        point -= before;
        cut.ties -= ties;
      }
      first += w * part;
      count = part;
      if (count <= V)
        break;
      sync_block(); // the sums are used again
      sum(scale, cut, first, count);
    }
    R1_ROLLED for (int id = first; id < kVocab; ++id) {
      const u32 key = key_of(logits[id]);
      const bool stays = key > cut.key || (key == cut.key && cut.ties > 0);
      cut.ties -= key == cut.key && stays;
      const u64 weight = stays ? scale.weight(logits[id]) : 0;
      if (point < weight)
        return id;
      point -= weight;
    }
    return -1; // not reached: the point lies below the sum
  }
};

} // namespace r1::cuda
