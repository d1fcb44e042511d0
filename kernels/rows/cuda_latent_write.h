// Appends a token's latent and rotary key to the paged cache: norm, rotation, rounding to bf16 and the scatter in one pass.
//   bytes per token: (kv_lora + rope) * (x element + 2); about 5 operations an element. Bound by latency: R1's latent is one
//   vector of 4 a thread.
#pragma once
#include "kernels/primitives/cuda/math.h"
#include "kernels/primitives/cuda/warp.h"
#include "kernels/rows/cuda_rotate.h"

namespace r1::cuda {

template <class Config, class Holes> struct LatentWrite {
  using X = Element<Config::x_type>;
  static constexpr int V = 4;
  static constexpr int kLatent = int(Config::kv_lora), kRope = int(Config::rope);
  static constexpr int kThreads = 128;
  static constexpr int kSharedBytes = Config::norm ? 32 * sizeof(float) : 0;
  static constexpr int kMinBlocks = 1;
  static constexpr int kPageTokens = 64; // registry/cpu_abi.h
  static_assert(kLatent <= 8192 && kRope % 2 == 0);

  R1_DEVICE static void tile(const Arguments& a, int token, u8* shared) {
    if (token >= a.dims[0])
      return;
    const X* latent = a.in<X>(0) + static_cast<long long>(token) * Config::latent_stride;
    const X* key = a.in<X>(1) + static_cast<long long>(token) * Config::key_stride;
    const float* table = a.in<float>(3) + static_cast<long long>(token) * row_stride(kRope);
    const int position = a.in<int>(4)[token];
    const long long slot = a.in<int>(5)[token];
    const long long page = a.in<int>(6)[slot * Config::pages_per_sequence + position / kPageTokens];
    bf16* out = a.out<bf16>(7) + (page * kPageTokens + position % kPageTokens) * Config::token_stride;

    const bool whole = kLatent % V == 0 && kRope % (2 * V) == 0 && is_aligned(latent, V * sizeof(X)) &&
                       is_aligned(key, V * sizeof(X)) && is_aligned(table, 16) &&
                       is_aligned(a.in<float>(2), 16) && is_aligned(out, V * sizeof(bf16));
    if (whole)
      write<true>(latent, a.in<float>(2), key, table, out, reinterpret_cast<float*>(shared));
    else
      write<false>(latent, a.in<float>(2), key, table, out, reinterpret_cast<float*>(shared));
  }

private:
  using Latent = Columns<kLatent, V, kThreads>;
  using Key = Columns<kRope, V, kThreads>;

  template <bool kAligned>
  R1_DEVICE static void write(const X* latent, const float* weight, const X* key, const float* table,
                              bf16* out, float* shared) {
    float v[Latent::kPerThread][V], gain[Latent::kPerThread][V];
    Latent::each([&](int i, int col, int count) {
      load_columns<kAligned>(latent + col, count, v[i]);
      if (Config::norm)
        load_columns<kAligned>(weight + col, count, gain[i]);
    });
    write_key<kAligned>(key, table, out + kLatent);
    if constexpr (Config::norm) {
      float squares = 0;
      Latent::each([&](int i, int, int) {
        R1_UNROLL for (int c = 0; c < V; ++c) squares += v[i][c] * v[i][c]; // 0 behind count
      });
      const float mean = block_sum(squares, shared) / float(kLatent);
      const float rstd = 1.0f / math::sqrt(mean + float(Config::epsilon));
      Latent::each([&](int i, int, int) {
        R1_UNROLL for (int c = 0; c < V; ++c) v[i][c] = v[i][c] * rstd * gain[i][c];
      });
    }
    Latent::each([&](int i, int col, int count) { store_columns<kAligned>(out + col, count, v[i]); });
  }

  template <bool kAligned> R1_DEVICE static void write_key(const X* key, const float* table, bf16* out) {
    if constexpr (Config::rotate) {
      using Unit = RotaryUnit<kRope, Config::interleaved != 0, kAligned, V>;
      R1_ROLLED for (int i = thread_index(); i < Unit::kUnits; i += kThreads) {
        Unit unit;
        unit.load(key, table, i);
        unit.store(out, i);
      }
    } else
      Key::each([&](int, int col, int count) {
        float v[V];
        load_columns<kAligned>(key + col, count, v);
        store_columns<kAligned>(out + col, count, v);
      });
  }
};

} // namespace r1::cuda
