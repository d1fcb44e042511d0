// The one generator of random numbers: counter-based, so a value depends on (seed, stream, position) alone and is the
// same on every machine and for every number of threads.
//
// It is SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014) used as a hash: draw n
// of a stream is mix(stream + (n + 1) * golden gamma), and a stream is itself a draw, of the seed.
#pragma once
#include <cstdint>

namespace r1 {

inline uint64_t random_mix(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

inline uint64_t random_bits(uint64_t stream, uint64_t position) {
  return random_mix(stream + (position + 1) * 0x9e3779b97f4a7c15u);
}

inline uint64_t random_stream(uint64_t seed, uint64_t number) {
  return random_bits(random_mix(seed), number);
}

// Uniform in [0, 1), 53 bits.
inline double random_unit(uint64_t stream, uint64_t position) {
  return double(random_bits(stream, position) >> 11) * 0x1p-53;
}

} // namespace r1
