// Rotation of rotary pairs in vectors: what `rope` and `latent_write` share.
//
// A unit is V neighbouring elements: pairs (2i, 2i + 1), or, in halves, V pairs (i, i + rope / 2), which are two vectors.
#pragma once
#include "kernels/common/cuda_elements.h"

namespace r1::cuda {

template <int kRope, bool kInterleaved, bool kAligned, int V> struct RotaryUnit {
  static constexpr int kHalf = kRope / 2;
  static constexpr int kUnits = blocks_of(kInterleaved ? kRope : kHalf, V);
  static constexpr int kPairs = kInterleaved ? V / 2 : V;

  float re[kPairs], im[kPairs], cos[kPairs], sin[kPairs];

  // x: the head's first rotated element; table: the token's kHalf cosines, then the sines.
  template <class X> R1_DEVICE void load(const X* x, const float* table, int unit) {
    const int pair = unit * kPairs, count = kHalf - pair < kPairs ? kHalf - pair : kPairs;
    load_columns<kAligned>(table + pair, count, cos);
    load_columns<kAligned>(table + kHalf + pair, count, sin);
    if constexpr (kInterleaved) {
      float v[V];
      load_columns<kAligned>(x + 2 * pair, 2 * count, v);
      R1_UNROLL for (int i = 0; i < kPairs; ++i) {
        re[i] = v[2 * i];
        im[i] = v[2 * i + 1];
      }
    } else {
      load_columns<kAligned>(x + pair, count, re);
      load_columns<kAligned>(x + kHalf + pair, count, im);
    }
  }

  template <class Y> R1_DEVICE void store(Y* y, int unit) const {
    const int pair = unit * kPairs, count = kHalf - pair < kPairs ? kHalf - pair : kPairs;
    float a[kPairs], b[kPairs];
    R1_UNROLL for (int i = 0; i < kPairs; ++i) {
      a[i] = re[i] * cos[i] - im[i] * sin[i];
      b[i] = re[i] * sin[i] + im[i] * cos[i];
    }
    if constexpr (kInterleaved) {
      float v[V];
      R1_UNROLL for (int i = 0; i < kPairs; ++i) {
        v[2 * i] = a[i];
        v[2 * i + 1] = b[i];
      }
      store_columns<kAligned>(y + 2 * pair, 2 * count, v);
    } else {
      store_columns<kAligned>(y + pair, count, a);
      store_columns<kAligned>(y + kHalf + pair, count, b);
    }
  }
};

} // namespace r1::cuda
