// ldmatrix and mma.sync. Fragment layouts: kernels/primitives/cuda/matrix.h.
#include "kernels/simt/block.h"
#include "kernels/simt/sums.h"

#include <cstring>

namespace r1::simt {
namespace {

struct LoadMatrix {
  u32 row[4]; // what this lane's address holds
  u32 out[4];
  int matrices;
  bool transposed;
};

void complete_load(void** arguments) {
  for (int lane = 0; lane < 32; ++lane) {
    auto* mine = static_cast<LoadMatrix*>(arguments[lane]);
    for (int j = 0; j < mine->matrices; ++j) {
      const auto row = [&](int r) { return static_cast<const LoadMatrix*>(arguments[j * 8 + r])->row; };
      const int g = lane / 4, t = lane % 4;
      if (mine->transposed)
        mine->out[j] = (row(2 * t)[g / 2] >> g % 2 * 16 & 0xffff) | row(2 * t + 1)[g / 2] >> g % 2 * 16 << 16;
      else
        mine->out[j] = row(g)[t];
    }
  }
}

struct Mma {
  float* d;
  const u32* a;
  u32 b0, b1;
};

using Floats = float __attribute__((vector_size(32)));
using Words = u32 __attribute__((vector_size(32)));

// Eight registers' part number `part` of `parts`, as floats.
__attribute__((always_inline)) inline void widen(const u32* registers, int part, int parts, float* out) {
  const Words x = *(const Words*)registers;
  Words bits;
  if (parts == 2) {
    bits = part ? x & 0xffff0000 : x << 16;
  } else { // see to_float in kernels/primitives/cuda/convert.h
    const Words magnitude = x >> part * 8 & 0x7f, sign = (x >> part * 8 & 0x80) << 24;
    const Words nan = (Words)(magnitude == 0x7f) & 0x7fc00000;
    bits = (Words)((Floats)(magnitude << 20) * 0x1p120f) | nan | sign;
  }
  *(Words*)out = bits;
}

// The operands with k in an order of its own, the same for both: parts of registers, then registers.
template <int kParts> struct Operands {
  static constexpr int kK = kParts * 8;
  alignas(32) float a[16][kK];
  alignas(32) float b[kK][8];

  __attribute__((always_inline)) void take(void** arguments) {
    alignas(32) u32 a_words[16][8], b_words[8][8];
    for (int lane = 0; lane < 32; ++lane) {
      const auto* mine = static_cast<const Mma*>(arguments[lane]);
      const int g = lane / 4, t = lane % 4;
      a_words[g][t] = mine->a[0];
      a_words[g + 8][t] = mine->a[1];
      a_words[g][t + 4] = mine->a[2];
      a_words[g + 8][t + 4] = mine->a[3];
      b_words[t][g] = mine->b0;
      b_words[t + 4][g] = mine->b1;
    }
    for (int part = 0; part < kParts; ++part) {
      for (int m = 0; m < 16; ++m)
        widen(a_words[m], part, kParts, &a[m][part * 8]);
      for (int k = 0; k < 8; ++k)
        widen(b_words[k], part, kParts, b[part * 8 + k]);
    }
  }
};

float& element(void** arguments, int m, int n) {
  return static_cast<Mma*>(arguments[m % 8 * 4 + n / 2])->d[m / 8 * 2 + n % 2];
}

template <int kParts> __attribute__((always_inline)) inline void multiply(void** arguments) {
  Operands<kParts> x;
  x.take(arguments);
  for (int m = 0; m < 16; ++m) {
    Floats sum = {};
    for (int k = 0; k < x.kK; ++k)
      sum += x.a[m][k] * *(const Floats*)x.b[k];
    for (int n = 0; n < 8; ++n)
      element(arguments, m, n) += sum[n];
  }
}

// The same function twice: the results are the same bits, the second is four times as fast.
template <int kParts> void multiply_plain(void** arguments) { multiply<kParts>(arguments); }
template <int kParts> __attribute__((target("avx2"))) void multiply_avx2(void** arguments) {
  multiply<kParts>(arguments);
}

template <int kParts> void complete_mma(void** arguments) {
  if (block().schedule.hopper_sums) {
    Operands<kParts> x;
    x.take(arguments);
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 8; ++n) {
        float column[x.kK];
        for (int k = 0; k < x.kK; ++k)
          column[k] = x.b[k][n];
        float& d = element(arguments, m, n);
        d = hopper_sum(d, x.a[m], column, x.kK, kParts == 2 ? kHopperBf16 : kHopperE4m3);
      }
    return;
  }
  static const bool avx2 = __builtin_cpu_supports("avx2");
  avx2 ? multiply_avx2<kParts>(arguments) : multiply_plain<kParts>(arguments);
}

} // namespace

void load_matrix(u32* out, int matrices, bool transposed, const void* row, Place place) {
  Block& b = block();
  LoadMatrix argument{};
  argument.matrices = matrices;
  argument.transposed = transposed;
  if (b.self().lane < matrices * 8) {
    const u8* from = b.shared_range(row, 16, place, "matrix load");
    if (reinterpret_cast<u64>(from) % 16)
      fail(place, "matrix load: row at byte %ld of shared memory, not a multiple of 16",
           long(from - b.shared));
    sanitizer::read_range(from, 16);
    std::memcpy(argument.row, from, 16);
  }
  b.meet(Operation::kLoadMatrix, &argument, complete_load, place);
  for (int j = 0; j < matrices; ++j)
    out[j] = argument.out[j];
}

void mma_bf16(float* d, const u32* a, u32 b0, u32 b1, Place place) {
  Mma argument{d, a, b0, b1};
  block().meet(Operation::kMma, &argument, complete_mma<2>, place);
}

void mma_e4m3(float* d, const u32* a, u32 b0, u32 b1, Place place) {
  Mma argument{d, a, b0, b1};
  block().meet(Operation::kMma, &argument, complete_mma<4>, place);
}

} // namespace r1::simt
