// Fills a buffer on the device with values that any part of the program can name: for measurements of a model whose weights
// nobody wants to make, store and copy first.
//   bytes per element: what is stored; about 15 operations. Bound by bandwidth for floats, by integer operations for e4m3.
// Buffers: destination, job i64[4]: elements, type (DataType of the artifact: F32 0, BF16 1, F8E4M3 3; nothing is written for
// another), seed, and the bits of the float `scale`. kernels/fill/reference.h says what element i becomes. Any number of tiles:
// they share the work.
#pragma once
#include "kernels/common/cuda_elements.h"

namespace r1::cuda {

// Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators": the finaliser of SplitMix64.
R1_DEVICE u64 mix(u64 z) {
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ z >> 27) * 0x94d049bb133111ebull;
  return z ^ z >> 31;
}

// Config and Holes are those of every skeleton; neither is used.
template <class Config, class Holes> struct Fill {
  static constexpr int kThreads = 256;
  static constexpr int kSharedBytes = 0;
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    const long long* job = a.in<long long>(1);
    const long long type = job[1];
    const Values values{job[0], u64(job[2]), float_from_bits(u32(job[3]))};
    if (type == 0)
      write<float>(a, tile, values);
    else if (type == 1)
      write<bf16>(a, tile, values);
    else if (type == 3)
      write<e4m3>(a, tile, values);
  }

private:
  struct Values {
    long long count;
    u64 seed;
    float scale;

    R1_DEVICE float random(long long i) const {
      const u64 hash = mix(seed + (u64(i) + 1) * 0x9e3779b97f4a7c15ull);
      const int centred = 2 * int(hash >> 41) - 0x7fffff; // odd, 23 bits and a sign: exact as a float
      return float(centred) * 0x1p-23f * scale;
    }
    R1_DEVICE float constant() const { return scale == 0 ? 1.0f : -scale; }
  };

  template <class T> R1_DEVICE static void write(const Arguments& a, int tile, const Values& values) {
    if (values.scale > 0)
      spread<T>(a, tile, values.count, [&](long long i) { return from_float<T>(values.random(i)); });
    else {
      const T constant = from_float<T>(values.constant());
      spread<T>(a, tile, values.count, [&](long long) { return constant; });
    }
  }

  // 16 bytes at a time; the last ones, or all if the destination is not aligned, one by one.
  template <class T, class Value>
  R1_DEVICE static void spread(const Arguments& a, int tile, long long count, const Value& value) {
    constexpr int V = 16 / sizeof(T);
    T* to = a.out<T>(0);
    const long long first = static_cast<long long>(tile) * kThreads + thread_index();
    const long long stride = static_cast<long long>(grid_size()) * kThreads;
    const long long vectors = is_aligned(to, 16) ? count / V : 0;
    R1_ROLLED for (long long vector = first; vector < vectors; vector += stride) {
      Pack<T, V> pack;
      R1_UNROLL for (int i = 0; i < V; ++i) pack.v[i] = value(vector * V + i);
      store_vector<T, V>(to + vector * V, pack);
    }
    R1_ROLLED for (long long i = vectors * V + first; i < count; i += stride) to[i] = value(i);
  }
};

} // namespace r1::cuda
