// What CUDA skeletons share: element types by their number, and a row in vectors of neighbouring columns.
//
// A thread's loads run at the same time only if nothing stands between them: no branch, behind which the first value is used,
// and no store, which the compiler must take for one to the same place. Hence: whether vectors are aligned is asked once for a
// tile (base and stride decide it), threads without work load something all the same, and loads come before stores.
#pragma once
#include "kernels/primitives/cuda/base.h"
#include "kernels/primitives/cuda/convert.h"
#include "kernels/primitives/cuda/memory.h"

namespace r1::cuda {

// ElementType of registry/params.h.
template <long long kType> struct ElementOf;
template <> struct ElementOf<0> {
  using type = float;
};
template <> struct ElementOf<1> {
  using type = bf16;
};
template <long long kType> using Element = typename ElementOf<kType>::type;

// How many blocks of `size` cover n.
R1_DEVICE constexpr int blocks_of(int n, int size) { return (n + size - 1) / size; }
// From row to row of float or bf16 activations, in elements: row_stride of kernels/registry/layout.h.
R1_DEVICE constexpr int row_stride(int cols) { return blocks_of(cols, 16) * 16; }

// count <= V neighbours as floats; the lanes behind them are 0. kAligned promises count == V and an address that is a
// multiple of the vector's size, or of 16 bytes if that is less.
template <bool kAligned, int V, class T> R1_DEVICE void load_columns(const T* p, int count, float (&out)[V]) {
  if constexpr (kAligned) {
    constexpr int kPiece = V * sizeof(T) <= 16 ? V : 16 / sizeof(T);
    R1_UNROLL for (int first = 0; first < V; first += kPiece) {
      const Pack<T, kPiece> piece = load_vector<T, kPiece>(p + first);
      R1_UNROLL for (int i = 0; i < kPiece; ++i) out[first + i] = to_float(piece.v[i]);
    }
  } else {
    R1_UNROLL for (int i = 0; i < V; ++i) out[i] = i < count ? to_float(p[i]) : 0.0f;
  }
}

template <bool kAligned, int V, class T> R1_DEVICE void store_columns(T* p, int count, const float (&v)[V]) {
  if constexpr (kAligned) {
    constexpr int kPiece = V * sizeof(T) <= 16 ? V : 16 / sizeof(T);
    R1_UNROLL for (int first = 0; first < V; first += kPiece) {
      Pack<T, kPiece> piece;
      R1_UNROLL for (int i = 0; i < kPiece; ++i) piece.v[i] = from_float<T>(v[first + i]);
      store_vector<T, kPiece>(p + first, piece);
    }
  } else {
    R1_UNROLL for (int i = 0; i < V; ++i) if (i < count) p[i] = from_float<T>(v[i]);
  }
}

// A row of kCols columns in vectors of V, dealt to kThreads threads in turn: neighbouring threads hold neighbouring vectors.
template <int kCols, int V, int kThreads> struct Columns {
  static constexpr int kVectors = blocks_of(kCols, V);
  static constexpr int kPerThread = blocks_of(kVectors, kThreads);
  static constexpr bool kWhole = kCols % V == 0;

  R1_DEVICE static int vector(int i) { return i * kThreads + thread_index(); }
  R1_DEVICE static int count(int vector) {
    return kWhole || vector + 1 < kVectors ? V : kCols - (kVectors - 1) * V;
  }

  // body(i, col, count) for the thread's i-th vector, of count <= V columns. Where every thread has one nothing is asked, for
  // the reason above.
  template <class Body> R1_DEVICE static void one(int i, const Body& body) {
    if ((i + 1) * kThreads <= kVectors || vector(i) < kVectors)
      body(i, vector(i) * V, count(vector(i)));
  }
  // All of them; unrolled, so that arrays indexed by i are registers.
  template <class Body> R1_DEVICE static void each(const Body& body) {
    R1_UNROLL for (int i = 0; i < kPerThread; ++i) one(i, body);
  }
};

// Hands a stored row to the hole `finish`, as embed and gather do. The compiler may not move a load over what a hole stores,
// so a few vectors are loaded before the first hole.
template <int kCols, int kThreads, class Holes, class T> struct StoredRow {
  static constexpr int V = 16 / sizeof(T), kTogether = 4;
  using Row = Columns<kCols, V, kThreads>;

  R1_DEVICE static void finish(const Arguments& a, int row, const T* from) {
    if (Row::kWhole && is_aligned(from, 16))
      finish_as<true>(a, row, from);
    else
      finish_as<false>(a, row, from);
  }

private:
  template <bool kAligned> R1_DEVICE static void finish_as(const Arguments& a, int row, const T* from) {
    R1_ROLLED for (int first = 0; first < Row::kPerThread; first += kTogether) {
      float values[kTogether][1][V];
      R1_UNROLL for (int i = 0; i < kTogether; ++i) { // threads without a vector load the last one
        const int own = Row::vector(first + i), vector = own < Row::kVectors ? own : Row::kVectors - 1;
        load_columns<kAligned>(from + vector * V, Row::count(vector), values[i][0]);
      }
      R1_UNROLL for (int i = 0; i < kTogether; ++i)
          Row::one(first + i, [&](int, int col, int count) { Holes::finish(a, row, col, count, values[i]); });
    }
  }
};

} // namespace r1::cuda
