// ldmatrix and mma against indices and sums in double; which lane holds what is written out here once more.
#include "kernels/primitives/cuda/convert.h"
#include "kernels/primitives/cuda/matrix.h"
#include "test/unit/kernels/simt/support.h"

#include <cmath>
#include <random>

namespace r1::test {
namespace {

using namespace cuda;

// Shared memory: 4 matrices of 8 x 8, element = matrix * 64 + row * 8 + column, rows in reverse order.
void load_tile(const Arguments& a, int, u8* shared) {
  const int lane = lane_index();
  u16* elements = reinterpret_cast<u16*>(shared);
  for (int i = lane; i < 256; i += 32)
    elements[i] = u16(i / 64 * 64 + (7 - i / 8 % 8) * 8 + i % 8);
  sync_warp();
  const u8* row = shared + lane / 8 * 128 + (7 - lane % 8) * 16;
  u32 x4[4], x2[2];
  u32* out = a.out<u32>(0) + lane * 12;
  load_matrix_x4(x4, row);
  for (int j = 0; j < 4; ++j)
    out[j] = x4[j];
  load_matrix_x4_transposed(x4, row);
  for (int j = 0; j < 4; ++j)
    out[4 + j] = x4[j];
  load_matrix_x2(x2, lane < 16 ? row : nullptr);
  out[8] = x2[0];
  out[9] = x2[1];
  load_matrix_x2_transposed(x2, lane < 16 ? row : nullptr);
  out[10] = x2[0];
  out[11] = x2[1];
}

TEST(Matrix, Load) {
  for (const simt::Schedule& schedule : schedules()) {
    u32 out[32][12];
    ASSERT_EQ((run<Tile<load_tile, 32, 512>>({out}, 1, schedule)), "");
    for (int lane = 0; lane < 32; ++lane) {
      const u32 g = lane / 4, t = lane % 4;
      for (u32 j = 0; j < 4; ++j) {
        const u32 plain = (j * 64 + g * 8 + 2 * t) | (j * 64 + g * 8 + 2 * t + 1) << 16;
        const u32 transposed = (j * 64 + 2 * t * 8 + g) | (j * 64 + (2 * t + 1) * 8 + g) << 16;
        EXPECT_EQ(out[lane][j], plain);
        EXPECT_EQ(out[lane][4 + j], transposed);
        if (j < 2) {
          EXPECT_EQ(out[lane][8 + j], plain);
          EXPECT_EQ(out[lane][10 + j], transposed);
        }
      }
    }
  }
}

// A [16][K], B [8][K], C [16][8] floats in global memory; kBytes an element.
template <int kBytes> void product_tile(const Arguments& a, int, u8*) {
  constexpr int kK = 32 / kBytes, kPer = 4 / kBytes; // elements a register
  const int g = lane_index() / 4, t = lane_index() % 4;
  const auto word = [&](int buffer, int row, int k) {
    return *reinterpret_cast<const u32*>(a.in<u8>(buffer) + (row * kK + k) * kBytes);
  };
  const u32 x[4] = {word(0, g, t * kPer), word(0, g + 8, t * kPer), word(0, g, t * kPer + kK / 2),
                    word(0, g + 8, t * kPer + kK / 2)};
  float* c = a.out<float>(2);
  float d[4] = {c[g * 8 + 2 * t], c[g * 8 + 2 * t + 1], c[(g + 8) * 8 + 2 * t], c[(g + 8) * 8 + 2 * t + 1]};
  if constexpr (kBytes == 2)
    mma_m16n8k16(d, x, word(1, g, t * kPer), word(1, g, t * kPer + kK / 2));
  else
    mma_m16n8k32_e4m3(d, x, word(1, g, t * kPer), word(1, g, t * kPer + kK / 2));
  for (int i = 0; i < 4; ++i)
    c[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

template <class T> void check_product(bool hopper_sums, double tolerance) {
  constexpr int kK = 32 / sizeof(T);
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (simt::Schedule schedule : schedules()) {
    schedule.hopper_sums = hopper_sums;
    alignas(4) T a[16 * kK], b[8 * kK];
    float c[16 * 8], before[16 * 8];
    for (T& x : a)
      x = from_float<T>(normal(random));
    for (T& x : b)
      x = from_float<T>(normal(random));
    for (int i = 0; i < 128; ++i)
      before[i] = c[i] = normal(random);
    ASSERT_EQ((run<Tile<product_tile<sizeof(T)>, 32, 0>>({a, b, c}, 1, schedule)), "");
    for (int m = 0; m < 16; ++m)
      for (int n = 0; n < 8; ++n) {
        double want = before[m * 8 + n], size = std::fabs(want);
        for (int k = 0; k < kK; ++k) {
          const double term = double(to_float(a[m * kK + k])) * to_float(b[n * kK + k]);
          want += term;
          size += std::fabs(term);
        }
        EXPECT_NEAR(c[m * 8 + n], want, tolerance * size) << m << " " << n;
      }
  }
}

TEST(Matrix, Bf16Product) { check_product<bf16>(false, 1e-6); }
TEST(Matrix, E4m3Product) { check_product<e4m3>(false, 1e-6); }
TEST(Matrix, HopperSums) {
  check_product<bf16>(true, 1e-6);
  check_product<e4m3>(true, 3e-3); // 13 bits below the largest of 33 terms
}

// Not every code passes through tests of random numbers.
void nan_tile(const Arguments& a, int, u8*) {
  float d[4] = {};
  const u32 x[4] = {0x38383838, 0, 0, 0};
  mma_m16n8k32_e4m3(d, x, lane_index() == 0 ? 0x0000007f : 0, 0);
  for (int i = 0; i < 4; ++i)
    a.out<float>(0)[lane_index() * 4 + i] = d[i];
}

TEST(Matrix, NanOfE4m3) {
  float out[32][4];
  ASSERT_EQ((run<Tile<nan_tile, 32, 0>>({out})), "");
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < 4; ++i) // column 0 of every row meets the NaN
      EXPECT_EQ(std::isnan(out[lane][i]), lane % 4 == 0 && i % 2 == 0) << lane << " " << i;
}

} // namespace
} // namespace r1::test
