// What CUDA skeletons share: element types by their number, and a row in vectors of neighbouring columns.
//
// A vector of V columns is loaded at once only where its address is a multiple of its size. That is one fact for a whole
// tile (base and stride decide it), so a skeleton asks once and branches once: a question per load would stand between the
// loads of a thread and have them wait for one another.
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

  // body(i, col, count) for the thread's i-th vector, of count <= V columns.
  template <class Body> R1_DEVICE static void one(int i, const Body& body) {
    const int vector = i * kThreads + thread_index();
    if (vector < kVectors)
      body(i, vector * V, kWhole || vector + 1 < kVectors ? V : kCols - (kVectors - 1) * V);
  }
  // All of them; unrolled, so that arrays indexed by i are registers and the loads of all vectors are under way at once.
  template <class Body> R1_DEVICE static void each(const Body& body) {
    R1_UNROLL for (int i = 0; i < kPerThread; ++i) one(i, body);
  }
  // The same for rows of any length, a few vectors at once.
  template <class Body> R1_DEVICE static void stream(const Body& body) {
    constexpr int kTogether = 4;
    if constexpr (kPerThread <= 2 * kTogether)
      each(body);
    else
      for (int first = 0; first < kPerThread; first += kTogether)
        R1_UNROLL for (int i = 0; i < kTogether; ++i) one(first + i, body);
  }
};

// Hands a stored row to the hole `finish`, as embed and gather do.
template <int kCols, int kThreads, class Holes, class T> struct StoredRow {
  static constexpr int V = 16 / sizeof(T);
  using Row = Columns<kCols, V, kThreads>;

  R1_DEVICE static void finish(const Arguments& a, int row, const T* from) {
    if (Row::kWhole && is_aligned(from, 16))
      finish_as<true>(a, row, from);
    else
      finish_as<false>(a, row, from);
  }

private:
  template <bool kAligned> R1_DEVICE static void finish_as(const Arguments& a, int row, const T* from) {
    Row::stream([&](int, int col, int count) {
      float values[1][V];
      load_columns<kAligned>(from + col, count, values[0]);
      Holes::finish(a, row, col, count, values);
    });
  }
};

} // namespace r1::cuda
