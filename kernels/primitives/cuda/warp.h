// Values exchanged between the threads of a warp or block. Every function is called by all threads of the
// warp (block for block_*), and gives every one of them the result.
#pragma once
#include "kernels/primitives/cuda/base.h"

namespace r1::cuda {

#ifdef R1_SIMT

R1_DEVICE int count_bits(u32 v) { return __builtin_popcount(v); }

template <class T> R1_DEVICE T shuffle(T v, int lane R1_AND_PLACE) {
  static_assert(sizeof(T) == 4);
  return __builtin_bit_cast(T, simt::shuffle(__builtin_bit_cast(u32, v), lane & 31, place));
}
template <class T> R1_DEVICE T shuffle_xor(T v, int mask R1_AND_PLACE) {
  return cuda::shuffle(v, lane_index() ^ mask, place);
}
// From the lane `delta` above; the last `delta` lanes keep their own.
template <class T> R1_DEVICE T shuffle_down(T v, int delta R1_AND_PLACE) {
  const int from = lane_index() + delta;
  return cuda::shuffle(v, from < kWarpSize ? from : lane_index(), place);
}
template <class T> R1_DEVICE T shuffle_up(T v, int delta R1_AND_PLACE) {
  const int from = lane_index() - delta;
  return cuda::shuffle(v, from >= 0 ? from : lane_index(), place);
}
// Bit i: lane i's predicate.
R1_DEVICE u32 ballot(bool predicate R1_AND_PLACE) { return simt::ballot(predicate, place); }
R1_DEVICE float warp_sum(float v R1_AND_PLACE) { return simt::warp_sum(v, place); }
R1_DEVICE int warp_sum(int v R1_AND_PLACE) { return int(simt::warp_sum(u32(v), place)); }
R1_DEVICE u32 warp_sum(u32 v R1_AND_PLACE) { return simt::warp_sum(v, place); }
R1_DEVICE float warp_max(float v R1_AND_PLACE) { return simt::warp_max(v, place); }
R1_DEVICE int warp_max(int v R1_AND_PLACE) {
  return int(simt::warp_max(u32(v) ^ 0x80000000u, place) ^ 0x80000000u);
}
R1_DEVICE u32 warp_max(u32 v R1_AND_PLACE) { return simt::warp_max(v, place); }

#else

inline constexpr u32 kAllLanes = 0xffffffffu;

// Of a ballot, say.
R1_DEVICE int count_bits(u32 v) { return __popc(v); }

template <class T> R1_DEVICE T shuffle(T v, int lane) { return __shfl_sync(kAllLanes, v, lane); }
template <class T> R1_DEVICE T shuffle_xor(T v, int mask) { return __shfl_xor_sync(kAllLanes, v, mask); }
template <class T> R1_DEVICE T shuffle_down(T v, int delta) { return __shfl_down_sync(kAllLanes, v, delta); }
template <class T> R1_DEVICE T shuffle_up(T v, int delta) { return __shfl_up_sync(kAllLanes, v, delta); }
R1_DEVICE u32 ballot(bool predicate) { return __ballot_sync(kAllLanes, predicate); }

// A butterfly: the tree is the same for every lane, so all get the same bits.
R1_DEVICE float warp_sum(float v) {
  R1_UNROLL for (int mask = 16; mask > 0; mask /= 2) v += shuffle_xor(v, mask);
  return v;
}
R1_DEVICE float warp_max(float v) { // of numbers: NaN loses, as with fmaxf
  R1_UNROLL for (int mask = 16; mask > 0; mask /= 2) v = fmaxf(v, shuffle_xor(v, mask));
  return v;
}
R1_DEVICE int warp_sum(int v) { return __reduce_add_sync(kAllLanes, v); }
R1_DEVICE u32 warp_sum(u32 v) { return __reduce_add_sync(kAllLanes, v); }
R1_DEVICE int warp_max(int v) { return __reduce_max_sync(kAllLanes, v); }
R1_DEVICE u32 warp_max(u32 v) { return __reduce_max_sync(kAllLanes, v); }

#endif

// Exact for sums below 2^64: pieces of 27 bits add up in 32.
R1_DEVICE u64 warp_sum(u64 v R1_AND_PLACE) {
  constexpr u32 kPiece = (1u << 27) - 1;
  u64 sum = 0;
  R1_UNROLL for (int bit = 0; bit < 64; bit += 27) sum +=
      u64(cuda::warp_sum(u32(v >> bit) & kPiece R1_PASS_PLACE)) << bit;
  return sum;
}

// `shared` holds one T a warp. Warps are added in their order by every thread, which costs one barrier less
// than a second tree; the last barrier lets the caller use `shared` again at once.
template <class T> R1_DEVICE T block_sum(T v, T* shared R1_AND_PLACE) {
  v = cuda::warp_sum(v R1_PASS_PLACE);
  if (lane_index() == 0)
    shared[warp_index()] = v;
  sync_block();
  T sum = shared[0];
  for (int i = 1; i < thread_count() / kWarpSize; ++i)
    sum += shared[i];
  sync_block();
  return sum;
}

template <class T> R1_DEVICE T block_max(T v, T* shared R1_AND_PLACE) {
  v = cuda::warp_max(v R1_PASS_PLACE);
  if (lane_index() == 0)
    shared[warp_index()] = v;
  sync_block();
  T most = shared[0];
  for (int i = 1; i < thread_count() / kWarpSize; ++i)
    most = shared[i] > most ? shared[i] : most;
  sync_block();
  return most;
}

} // namespace r1::cuda
