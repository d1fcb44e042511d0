// Joins the splits of mla_decode: out = sum_s e^(m_s - m) o_s / sum_s e^(m_s - m) l_s.
//   bytes per token and head: splits * (kv_lora + 2) * 4 read, kv_lora * 2 written; 2 operations an element.
//   Bound by bandwidth: 0.13 MB for 64 splits of R1's 512, where what hurts is a row of loads that wait for each other.
// So a split's weight is computed once, by one thread, and eight splits are loaded before the first is used.
// Splits past the token's position are not read at all, so their outputs may hold anything. A thread takes two
// neighbouring columns.
//
// Grid: Tokens x heads.
#pragma once
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/memory.h"
#include "kernels/primitives/cuda/warp.h"
#include "kernels/registry/cuda_mla.h"

namespace r1::cuda {

template <class Config, class Holes> struct MlaCombine {
  static constexpr int kThreads = 128, kMinBlocks = 1;
  static constexpr int kHeads = int(Config::heads), kLatent = int(Config::kv_lora), kWidth = kLatent + 2;
  static constexpr int kSplits = int(Config::max_splits), kAtOnce = 8;
  static constexpr long long kSplitStride = (long long)kHeads * kWidth;
  // Weights of splits, then one float a warp for block_max and block_sum.
  static constexpr int kSharedBytes = (kSplits + kThreads / kWarpSize) * 4;

  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int token = tile / kHeads, head = tile % kHeads;
    if (token >= a.dims[0])
      return;
    const int seen = a.in<int>(1)[token] + 1;
    const int length = kernels::cuda_mla_split(seen, int(Config::split_tokens), kSplits);
    const int splits = (seen + length - 1) / length;
    const float* partial = a.in<float>(0) + token * Config::max_splits * kSplitStride + head * kWidth;
    bf16* out = a.out<bf16>(2) + token * Config::out_stride + (long long)head * kLatent;

    float* weights = reinterpret_cast<float*>(shared);
    float maximum = -math::infinity(), sum = 0;
    for (int s = thread_index(); s < splits; s += kThreads)
      maximum = math::max(maximum, partial[s * kSplitStride + kLatent]);
    maximum = block_max(maximum, weights + kSplits);
    for (int s = thread_index(); s < splits; s += kThreads) {
      const float* ends = partial + s * kSplitStride + kLatent;
      weights[s] = math::exp(ends[0] - maximum);
      sum += weights[s] * ends[1];
    }
    sum = block_sum(sum, weights + kSplits); // its barriers publish the weights, too
    for (int c = thread_index() * 2; c < kLatent; c += kThreads * 2) {
      float total[2] = {};
      R1_ROLLED for (int first = 0; first < splits; first += kAtOnce) {
        float value[kAtOnce][2];
        R1_UNROLL for (int i = 0; i < kAtOnce; ++i) if (first + i < splits)
            load_pair(partial + (first + i) * kSplitStride, c, value[i]);
        R1_UNROLL for (int i = 0; i < kAtOnce; ++i) if (first + i < splits) {
          total[0] += weights[first + i] * value[i][0];
          total[1] += weights[first + i] * value[i][1];
        }
      }
      const float result[2] = {total[0] / sum, total[1] / sum};
      store_lanes<bf16, 2>(out + c, kLatent - c, result);
    }
  }

private:
  R1_DEVICE static void load_pair(const float* part, int c, float (&value)[2]) {
    if constexpr (kLatent % 2 == 0) { // then every part begins at a multiple of 8 bytes
      const Pack<float, 2> pair = load_vector<float, 2>(part + c);
      value[0] = pair.v[0], value[1] = pair.v[1];
    } else {
      value[0] = part[c], value[1] = c + 1 < kLatent ? part[c + 1] : 0.f;
    }
  }
};

} // namespace r1::cuda
