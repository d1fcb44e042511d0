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

// kWidth elements a register; k is kWidth * 8.
template <int kWidth> struct Operands {
  static constexpr int kK = kWidth * 8;
  float a[16][kK];
  float b[kK][8];

  void take(void** arguments) {
    for (int lane = 0; lane < 32; ++lane) {
      const auto* mine = static_cast<const Mma*>(arguments[lane]);
      const int g = lane / 4, t = lane % 4;
      for (int i = 0; i < kWidth; ++i) {
        const int k = t * kWidth + i, shift = i * (32 / kWidth);
        a[g][k] = widen(mine->a[0] >> shift);
        a[g + 8][k] = widen(mine->a[1] >> shift);
        a[g][k + kK / 2] = widen(mine->a[2] >> shift);
        a[g + 8][k + kK / 2] = widen(mine->a[3] >> shift);
        b[k][g] = widen(mine->b0 >> shift);
        b[k + kK / 2][g] = widen(mine->b1 >> shift);
      }
    }
  }
  static float widen(u32 bits) {
    if constexpr (kWidth == 2)
      return widen_bf16(bits);
    else
      return widen_e4m3(u8(bits));
  }
};

using Row = float __attribute__((vector_size(32)));

template <int kWidth> void complete_mma(void** arguments) {
  Operands<kWidth> x;
  x.take(arguments);
  const bool hopper = block().schedule.hopper_sums;
  for (int m = 0; m < 16; ++m) {
    alignas(32) float sums[8] = {};
    if (!hopper) {
      Row sum = {};
      for (int k = 0; k < x.kK; ++k) {
        Row b;
        std::memcpy(&b, x.b[k], sizeof b);
        sum += x.a[m][k] * b;
      }
      std::memcpy(sums, &sum, sizeof sum);
    }
    for (int n = 0; n < 8; ++n) {
      float& d = static_cast<Mma*>(arguments[m % 8 * 4 + n / 2])->d[m / 8 * 2 + n % 2];
      if (hopper) {
        float column[x.kK];
        for (int k = 0; k < x.kK; ++k)
          column[k] = x.b[k][n];
        d = hopper_sum(d, x.a[m], column, x.kK, kWidth == 2 ? kHopperBf16 : kHopperE4m3);
      } else {
        d += sums[n];
      }
    }
  }
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
           long(from - b.view.shared));
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
