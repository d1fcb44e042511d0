// Rotary embedding of the query heads.
//   bytes per token: heads * head_dim * (x element + y element); 3 operations per rotated element. Bound by bandwidth, at one
//   token by latency: a thread has four units of work under way at once.
#pragma once
#include "kernels/rows/cuda_rotate.h"

namespace r1::cuda {

template <class Config, class Holes> struct Rope {
  using X = Element<Config::x_type>;
  using Y = Element<Config::y_type>;
  static constexpr int V = sizeof(X) == 2 && sizeof(Y) == 2 ? 8 : 4;
  static constexpr int kHeads = int(Config::heads), kHeadDim = int(Config::head_dim);
  static constexpr int kOffset = int(Config::offset), kRope = int(Config::rope);
  static constexpr int kThreads = kHeads * kHeadDim <= 128 * V ? 128 : 256;
  static constexpr int kSharedBytes = 0;
  static constexpr int kMinBlocks = 1;
  static_assert(kRope % 2 == 0 && kOffset + kRope <= kHeadDim);

  R1_DEVICE static void tile(const Arguments& a, int token, u8*) {
    if (token >= a.dims[0])
      return;
    const X* x = a.in<X>(0) + static_cast<long long>(token) * Config::x_stride;
    const float* table = a.in<float>(1) + static_cast<long long>(token) * row_stride(kRope);
    Y* y = a.out<Y>(2) + static_cast<long long>(token) * Config::y_stride;
    constexpr bool kWhole = kOffset % V == 0 && kRope % (2 * V) == 0 && kHeadDim % V == 0;
    if (kWhole && is_aligned(x, V * sizeof(X)) && is_aligned(y, V * sizeof(Y)) && is_aligned(table, 16))
      heads<true>(x, table, y);
    else
      heads<false>(x, table, y);
  }

private:
  template <bool kAligned> R1_DEVICE static void heads(const X* x, const float* table, Y* y) {
    using Unit = RotaryUnit<kRope, Config::interleaved != 0, kAligned, V>;
    each_unit<Unit, Unit::kUnits, kAligned ? 4 : 1>(
        [&](Unit& unit, int head, int i) { unit.load(x + head * kHeadDim + kOffset, table, i); },
        [&](const Unit& unit, int head, int i) { unit.store(y + head * kHeadDim + kOffset, i); });
    constexpr int kAfter = kOffset + kRope;
    if constexpr (kOffset > 0)
      copy<kAligned, kOffset>(x, y);
    if constexpr (kAfter < kHeadDim)
      copy<kAligned, kHeadDim - kAfter>(x + kAfter, y + kAfter);
  }

  // `columns` of each head.
  template <bool kAligned, int kColumns> R1_DEVICE static void copy(const X* x, Y* y) {
    struct Piece {
      float v[V];
    };
    each_unit<Piece, blocks_of(kColumns, V), kAligned ? 4 : 1>(
        [&](Piece& piece, int head, int i) {
          load_columns<kAligned>(x + head * kHeadDim + i * V, kColumns - i * V, piece.v);
        },
        [&](const Piece& piece, int head, int i) {
          store_columns<kAligned>(y + head * kHeadDim + i * V, kColumns - i * V, piece.v);
        });
  }

  // Deals kPerHead units of every head to the threads; kTogether loads come before the first store.
  template <class Unit, int kPerHead, int kTogether, class Load, class Store>
  R1_DEVICE static void each_unit(const Load& load, const Store& store) {
    constexpr int kUnits = kHeads * kPerHead;
    R1_ROLLED for (int first = thread_index(); first < kUnits; first += kTogether * kThreads) {
      Unit units[kTogether];
      R1_UNROLL for (int i = 0; i < kTogether; ++i) { // past the end: the last unit, for nothing
        const int own = first + i * kThreads, unit = own < kUnits ? own : kUnits - 1;
        load(units[i], unit / kPerHead, unit % kPerHead);
      }
      R1_UNROLL for (int i = 0; i < kTogether; ++i) {
        const int unit = first + i * kThreads;
        if (unit < kUnits)
          store(units[i], unit / kPerHead, unit % kPerHead);
      }
    }
  }
};

} // namespace r1::cuda
