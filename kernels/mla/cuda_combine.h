// Joins the splits of mla_decode: out = sum_s e^(m_s - m) o_s / sum_s e^(m_s - m) l_s.
//   bytes per token and head: splits * (kv_lora + 2) * 4 read, kv_lora * 2 written; 2 operations an element.
//   Bound by bandwidth.
// Splits past the token's position are not read at all, so their outputs may hold anything. A thread takes two
// neighbouring columns; all threads read every split's maximum and sum, which the first of them brings to L1.
//
// Grid: Tokens x heads.
#pragma once
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/memory.h"

namespace r1::cuda {

template <class Config, class Holes> struct MlaCombine {
  static constexpr int kThreads = 128, kSharedBytes = 0, kMinBlocks = 1;
  static constexpr int kHeads = int(Config::heads), kLatent = int(Config::kv_lora), kWidth = kLatent + 2;
  static constexpr long long kSplitStride = (long long)kHeads * kWidth;

  R1_DEVICE static void tile(const Arguments& a, int tile, u8*) {
    const int token = tile / kHeads, head = tile % kHeads;
    if (token >= a.dims[0])
      return;
    const int splits = a.in<int>(1)[token] / int(Config::split_tokens) + 1;
    const float* partial = a.in<float>(0) + token * Config::max_splits * kSplitStride + head * kWidth;
    bf16* out = a.out<bf16>(2) + token * Config::out_stride + (long long)head * kLatent;

    float maximum = -math::infinity(), sum = 0;
    for (int s = 0; s < splits; ++s)
      maximum = math::max(maximum, partial[s * kSplitStride + kLatent]);
    for (int s = 0; s < splits; ++s) {
      const float* part = partial + s * kSplitStride + kLatent;
      sum += math::exp(part[0] - maximum) * part[1];
    }
    for (int c = thread_index() * 2; c < kLatent; c += kThreads * 2) {
      float total[2] = {};
      for (int s = 0; s < splits; ++s) {
        const float* part = partial + s * kSplitStride;
        const float weight = math::exp(part[kLatent] - maximum);
        float value[2];
        load_lanes<float, 2>(part + c, kLatent - c, value);
        total[0] += weight * value[0];
        total[1] += weight * value[1];
      }
      const float result[2] = {total[0] / sum, total[1] / sum};
      store_lanes<bf16, 2>(out + c, kLatent - c, result);
    }
  }
};

} // namespace r1::cuda
