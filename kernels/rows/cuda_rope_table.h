// Cosines and sines of a step's positions, shared by every layer.
//   bytes per token: rope * 4 written; about 40 operations in double per pair. Once a step, so it never matters: not even on
//   chips with a 64th of the units for double.
// In double because a position of 160,000 needs its angle modulo pi/2 to 1e-8, and two steps of a fused multiply-add give
// that for every 32-bit position, without the table in memory that reductions of large floats need.
#pragma once
#include "kernels/common/cuda_elements.h"
#include "kernels/primitives/cuda/base.h"
#include "kernels/primitives/cuda/math.h"

namespace r1::cuda {

// angle = k pi/2 + r with |r| <= pi/4, Taylor series of r to the 12th and 13th power (error below 1e-11), then the quadrant
// k mod 4. |angle| < 2^31; NaN and infinity give NaN.
R1_DEVICE void cos_sin(double angle, double& cos, double& sin) {
  constexpr double kMagic =
      6755399441055744.0; // 1.5 * 2^52: adding it rounds to an integer, left in the low bits
  const double shifted = math::fma(angle, 0.63661977236758134308, kMagic);
  const double k = shifted - kMagic;
  double r = math::fma(k, -1.57079632679489655800e+00, angle); // pi/2 to 53 bits, and the next 53
  r = math::fma(k, -6.12323399573676603587e-17, r);
  const double s = r * r;
  double odd = math::fma(s, 1.0 / 6227020800, -1.0 / 39916800);
  odd = math::fma(odd, s, 1.0 / 362880);
  odd = math::fma(odd, s, -1.0 / 5040);
  odd = math::fma(odd, s, 1.0 / 120);
  odd = math::fma(odd, s, -1.0 / 6);
  odd = math::fma(odd * s, r, r);
  double even = math::fma(s, 1.0 / 479001600, -1.0 / 3628800);
  even = math::fma(even, s, 1.0 / 40320);
  even = math::fma(even, s, -1.0 / 720);
  even = math::fma(even, s, 1.0 / 24);
  even = math::fma(even, s, -0.5);
  even = math::fma(even, s, 1.0);
  const int quadrant = static_cast<int>(__builtin_bit_cast(long long, shifted) & 3);
  const double c = quadrant & 1 ? odd : even, d = quadrant & 1 ? even : odd;
  cos = quadrant == 1 || quadrant == 2 ? -c : c;
  sin = quadrant >= 2 ? -d : d;
}

template <class Config, class Holes> struct RopeTable {
  static constexpr int kThreads = 32; // R1 has 32 pairs
  static constexpr int kSharedBytes = 0;
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int token, u8*) {
    if (token >= a.dims[0])
      return;
    constexpr int kHalf = int(Config::rope / 2);
    const float position = static_cast<float>(a.in<int>(0)[token]);
    float* table = a.out<float>(2) + static_cast<long long>(token) * row_stride(int(Config::rope));
    for (int i = thread_index(); i < kHalf; i += kThreads) {
      const float angle = position * a.in<float>(1)[i]; // rounded to float, as the model's own code does
      double cos, sin;
      cos_sin(angle, cos, sin);
      table[i] = static_cast<float>(cos * Config::scale);
      table[kHalf + i] = static_cast<float>(sin * Config::scale);
    }
  }
};

} // namespace r1::cuda
