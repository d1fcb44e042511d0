// Loads and stores of several neighbouring elements by one thread, from global or shared memory.
#pragma once
#include "kernels/primitives/cuda/convert.h"

namespace r1::cuda {

R1_DEVICE bool is_aligned(const void* p, int bytes) {
  return (reinterpret_cast<u64>(p) & u64(bytes - 1)) == 0;
}

// V elements that move as one access (two for 32 bytes); V * sizeof(T) is a power of two.
template <class T, int V> struct alignas(sizeof(T) * V < 16 ? sizeof(T) * V : 16) Pack {
  T v[V];
};

#ifdef R1_SIMT
R1_DEVICE void expect_aligned(const void* p, int bytes, simt::Place place) {
  if (!is_aligned(p, bytes))
    simt::fail(place, "misaligned access: %d bytes at %p", bytes, p);
}
#define R1_EXPECT_ALIGNED(p, bytes) expect_aligned(p, bytes, place)
#else
#define R1_EXPECT_ALIGNED(p, bytes)
#endif

template <class T> R1_DEVICE T load(const T* p) { return *p; }

template <class T, int V> R1_DEVICE Pack<T, V> load_vector(const T* p R1_AND_PLACE) {
  R1_EXPECT_ALIGNED(p, alignof(Pack<T, V>));
  return *reinterpret_cast<const Pack<T, V>*>(p);
}
template <class T, int V> R1_DEVICE void store_vector(T* p, const Pack<T, V>& value R1_AND_PLACE) {
  R1_EXPECT_ALIGNED(p, alignof(Pack<T, V>));
  *reinterpret_cast<Pack<T, V>*>(p) = value;
}

R1_DEVICE u32x4 load16(const void* p R1_AND_PLACE) {
  R1_EXPECT_ALIGNED(p, 16);
  return *static_cast<const u32x4*>(p);
}
R1_DEVICE void store16(void* p, u32x4 value R1_AND_PLACE) {
  R1_EXPECT_ALIGNED(p, 16);
  *static_cast<u32x4*>(p) = value;
}

// For weights, which a step reads once: kept out of L1 so that activations stay, and fetched into L2 in pieces
// of 256 bytes. The memory must not change during the launch.
R1_DEVICE u32x4 load_streaming16(const void* p R1_AND_PLACE) {
  R1_EXPECT_ALIGNED(p, 16);
#ifdef R1_SIMT
  return *static_cast<const u32x4*>(p);
#else
  u32x4 v;
  asm volatile("ld.global.nc.L1::no_allocate.L2::256B.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(p));
  return v;
#endif
}

#undef R1_EXPECT_ALIGNED

// What holes read and write: `count` of V neighbouring columns, T = float or bf16. One wide access where all V
// are wanted and p is aligned, else element by element; the rest of `out` is 0, the rest of memory untouched.
template <class T, int V> R1_DEVICE void load_lanes(const T* p, int count, float (&out)[V]) {
  constexpr int kWide = V * int(sizeof(T)) > 16 ? 16 / int(sizeof(T)) : V;
  if (count >= V && is_aligned(p, kWide * sizeof(T))) {
    R1_UNROLL for (int i = 0; i < V; i += kWide) {
      const Pack<T, kWide> pack = load_vector<T, kWide>(p + i);
      R1_UNROLL for (int j = 0; j < kWide; ++j) out[i + j] = to_float(pack.v[j]);
    }
  } else {
    R1_UNROLL for (int i = 0; i < V; ++i) out[i] = i < count ? to_float(p[i]) : 0.f;
  }
}

template <class T, int V> R1_DEVICE void store_lanes(T* p, int count, const float (&v)[V]) {
  constexpr int kWide = V * int(sizeof(T)) > 16 ? 16 / int(sizeof(T)) : V;
  if (count >= V && is_aligned(p, kWide * sizeof(T))) {
    R1_UNROLL for (int i = 0; i < V; i += kWide) {
      Pack<T, kWide> pack;
      R1_UNROLL for (int j = 0; j < kWide; ++j) pack.v[j] = from_float<T>(v[i + j]);
      store_vector<T, kWide>(p + i, pack);
    }
  } else {
    R1_UNROLL for (int i = 0; i < V; ++i) if (i < count) p[i] = from_float<T>(v[i]);
  }
}

} // namespace r1::cuda
