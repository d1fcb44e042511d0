// The next token id of one row of logits: temperature, top-k, top-p, one draw (registry/params.h, SampleParams).
//   R1: 129,280 logits a row, one core. Greedy: bound by reading 517 KB, 15 us. Else a weight for every token, 20 operations on
//   doubles, vectorised: 130 us (AVX-512) or 210 us (AVX2) more. Where top-k or top-p cut, histograms by the floats' bits, 2,048 bins
//   at a time, of which the first sees every token and the others hardly any: 0.3 ms by number, 1.2 ms by weight where all tokens
//   weigh something and meet in few bins. A step of R1 takes a hundred times as long. A row is one tile, so the rows of a batch go to
//   different threads.
// Sums are of integers, so the order in which they are formed does not matter.
#include "kernels/common/skeleton.h"
#include "kernels/registry/sample_scratch.h"

namespace r1::kernels::R1_ISA {

// Unsigned integers in the order of the floats: equal floats are equal (-0 as 0), NaN is above everything.
inline constexpr uint32_t kKeyOfNan = 0xffffffff, kKeyOfInfinity = 0xff800000,
                          kKeyOfMinusInfinity = 0x007fffff;

R1_INLINE uint32_t key_of(float v) {
  const uint32_t bits = __builtin_bit_cast(uint32_t, v + 0.0f);
  const uint32_t key = bits ^ (uint32_t(int32_t(bits) >> 31) | 0x80000000);
  return v != v ? kKeyOfNan : key;
}
R1_INLINE float value_of_key(uint32_t key) {
  return __builtin_bit_cast(float, key ^ (uint32_t(int32_t(~key) >> 31) | 0x80000000));
}

// floor(exp((logit - top) * inverse_temperature) * 2^40), without a branch, so that loops of it become vectors. Every product is fused
// with its sum explicitly: the steps are those of reference.cpp.
R1_INLINE uint64_t sample_weight(float logit, float top, double inverse_temperature) {
  constexpr double kInteger = 0x1.8p52; // adding it rounds to an integer, whose low bits are the sum's
  const double exact = (double(logit) - double(top)) * inverse_temperature;
  const double x = exact > -28 ? exact : -28;
  const double shifted = __builtin_fma(x, 1.4426950408889634, kInteger), k = shifted - kInteger;
  const double r = __builtin_fma(k, -1.9082149292705877e-10, __builtin_fma(k, -0.6931471803691238, x));
  double sum = 1.0 / 39916800;
  sum = __builtin_fma(sum, r, 1.0 / 3628800);
  sum = __builtin_fma(sum, r, 1.0 / 362880);
  sum = __builtin_fma(sum, r, 1.0 / 40320);
  sum = __builtin_fma(sum, r, 1.0 / 5040);
  sum = __builtin_fma(sum, r, 1.0 / 720);
  sum = __builtin_fma(sum, r, 1.0 / 120);
  sum = __builtin_fma(sum, r, 1.0 / 24);
  sum = __builtin_fma(sum, r, 1.0 / 6);
  sum = __builtin_fma(sum, r, 1.0 / 2);
  sum = __builtin_fma(sum, r, 1.0);
  sum = __builtin_fma(sum, r, 1.0);
  const uint64_t scale = (__builtin_bit_cast(uint64_t, shifted) + (1023 + 40)) << 52;
  const double whole = __builtin_floor(sum * __builtin_bit_cast(double, scale));
  return __builtin_bit_cast(uint64_t, whole + 0x1p52) &
         ((uint64_t(1) << 52) - 1); // below 2^52 an integer is its own low bits
}

R1_INLINE uint64_t wide(const int32_t* words) {
  return uint64_t(uint32_t(words[1])) << 32 | uint32_t(words[0]);
}

// ceil(top_p * total / 2^32)
R1_INLINE uint64_t sample_share(uint64_t total, uint32_t top_p) {
  return (total >> 32) * top_p + (((total & 0xffffffff) * top_p + 0xffffffff) >> 32);
}

// Tokens above `key` stay, and the first `ties` of those at it.
struct Cut {
  uint32_t key;
  uint64_t ties;
};

struct SampleRow {
  const float* logits;
  int64_t vocab;
  uint64_t* weights; // [vocab]
  uint64_t* bins;    // [kSampleBins]
  uint32_t top;      // key of the largest

  // The largest logits, ties to the lower id, whose weights (kMass) or numbers reach `target`, which all of them do.
  template <bool kMass> R1_MEMBER Cut search(uint64_t target) const {
    uint32_t high = top, low = kKeyOfMinusInfinity; // the cut lies between
    uint64_t at_cut = 1;                            // what a token at the cut adds
    while (low != high) {
      int shift = 0;
      while ((high - low) >> shift >= uint32_t(kSampleBins))
        ++shift;
      for (int64_t i = 0; i < kSampleBins; ++i)
        bins[i] = 0;
      for (int64_t id = 0; id < vocab; ++id) {
        const uint32_t key = key_of(logits[id]);
        if (key >= low && key <= high)
          bins[(high - key) >> shift] += kMass ? weights[id] : 1;
      }
      int64_t bin = 0;
      while (bins[bin] < target)
        target -= bins[bin++];
      high -= uint32_t(bin) << shift;
      const uint32_t width = (uint32_t(1) << shift) - 1;
      low = high - low > width ? high - width : low;
    }
    if (kMass)
      for (int64_t id = 0; id < vocab; ++id)
        at_cut = key_of(logits[id]) == high ? weights[id] : at_cut;
    return {high, (target + at_cut - 1) / at_cut};
  }

  // What stays adds up to; with `point` below that: the id into which it falls.
  R1_MEMBER uint64_t sum(Cut cut) const {
    uint64_t sum = 0;
    for (int64_t id = 0; id < vocab; ++id)
      sum += key_of(logits[id]) > cut.key ? weights[id] : 0;
    for (int64_t id = 0; id < vocab && cut.ties > 0; ++id)
      if (key_of(logits[id]) == cut.key) {
        sum += weights[id];
        --cut.ties;
      }
    return sum;
  }
  R1_MEMBER int32_t pick(Cut cut, uint64_t point) const {
    for (int64_t id = 0; id < vocab; ++id) {
      const uint32_t key = key_of(logits[id]);
      if (key < cut.key || (key == cut.key && cut.ties == 0))
        continue;
      cut.ties -= key == cut.key;
      if (point < weights[id])
        return int32_t(id);
      point -= weights[id];
    }
    return -1; // not reached: the point lies below the sum
  }
};

R1_INLINE int32_t choose(const SampleParams& p, const float* logits, const int32_t* options,
                         const int32_t* draw, uint8_t* scratch) {
  const double inverse_temperature = __builtin_bit_cast(double, wide(options));
  const int32_t top_k = options[2];
  const uint32_t top_p = uint32_t(options[3]);
  if (top_k == kNoSample)
    return -1;
  uint32_t top = 0;
  for (int64_t id = 0; id < p.vocab; ++id)
    top = key_of(logits[id]) > top ? key_of(logits[id]) : top;
  if (top >= kKeyOfInfinity || top <= kKeyOfMinusInfinity)
    return -1;
  if (inverse_temperature == 0) {
    int64_t id = 0;
    while (key_of(logits[id]) != top)
      ++id;
    return int32_t(id);
  }
  const SampleScratch where = sample_scratch(p.vocab);
  const SampleRow row{logits, p.vocab, reinterpret_cast<uint64_t*>(scratch + where.weights),
                      reinterpret_cast<uint64_t*>(scratch + where.bins), top};
  const float largest = value_of_key(top);
  for (int64_t id = 0; id < p.vocab; ++id)
    row.weights[id] = sample_weight(logits[id], largest, inverse_temperature);
  Cut cut{kKeyOfMinusInfinity, 0}; // -infinity weighs nothing
  if (top_k > 0 && top_k < p.vocab)
    cut = row.search<false>(uint64_t(top_k));
  if (top_p)
    cut = row.search<true>(sample_share(row.sum(cut), top_p));
  return row.pick(cut, uint64_t((unsigned __int128)(wide(draw)) * row.sum(cut) >> 53));
}

R1_SKELETON(sample, SampleParams) {
  const SampleParams p = *params;
  const int32_t* options = static_cast<const int32_t*>(buffers[1]);
  const int32_t* draws = static_cast<const int32_t*>(buffers[2]);
  for (int64_t row = begin; row < end; ++row)
    static_cast<int32_t*>(buffers[3])[row] =
        choose(p, static_cast<const float*>(buffers[0]) + row * p.stride, options + row * kSampleOptionWords,
               draws + row * kSampleDrawWords, static_cast<uint8_t*>(scratch));
}

} // namespace r1::kernels::R1_ISA
