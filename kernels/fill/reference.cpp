#include "kernels/fill/reference.h"

namespace r1::kernels::reference {

float fill(uint64_t seed, float scale, int64_t i) {
  if (!(scale > 0)) // NaN stays NaN
    return scale == 0 ? 1 : -scale;
  // The i-th output of SplitMix64 (Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators").
  uint64_t z = seed + (uint64_t(i) + 1) * 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  z ^= z >> 31;
  // The top 23 bits as the middle of one of 2^23 equal parts of (-1, 1).
  const int64_t centred = 2 * int64_t(z >> 41) - 0x7fffff;
  return float(centred) * 0x1p-23f * scale;
}

} // namespace r1::kernels::reference
