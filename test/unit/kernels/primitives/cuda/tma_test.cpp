// TMA: boxes that lie inside, across and outside the tensor, in two and three dimensions, swizzled or not, and
// the way back.
#include "test/unit/kernels/primitives/cuda/maps.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace r1::test {
namespace {

using namespace cuda;

// Loads one box at (dims[0], dims[1], dims[2]) and copies what shared memory holds to buffer 0.
template <int kBytes, int kRank> void load_tile(const Arguments& a, const TensorMap* maps, int, u8* shared) {
  Barrier* b = reinterpret_cast<Barrier*>(shared + kBytes);
  const int* at = a.in<int>(1);
  if (thread_index() == 0) {
    tma_prefetch(maps);
    barrier_init(b, 1);
    barrier_fence_init();
  }
  sync_block();
  if (thread_index() == 0) {
    barrier_expect(b, kBytes);
    if constexpr (kRank == 2)
      tma_load_2d(shared, maps, b, at[0], at[1]);
    else
      tma_load_3d(shared, maps, b, at[0], at[1], at[2]);
  }
  barrier_wait(b, 0);
  for (int i = thread_index(); i < kBytes; i += thread_count())
    a.out<u8>(0)[i] = shared[i];
}
template <int kBytes, int kRank> using Load = MapTile<load_tile<kBytes, kRank>, 64, kBytes + 16>;

TEST(Tma, EdgesAndSwizzle) {
  constexpr int kCols = 100, kRows = 7, kStride = 104, kBoxRows = 12;
  alignas(16) static u16 tensor[kRows * kStride];
  for (int i = 0; i < kRows * kStride; ++i)
    tensor[i] = u16(i + 1);
  constexpr std::array<int, 3> kPlaces[] = {{0, 0}, {64, 3}, {-5, -2}, {90, 6}, {200, 0}};
  for (uint32_t swizzle : {0, 1, 2, 3}) {
    const int box_cols = swizzle ? 8 << swizzle : 64, bytes_a_row = box_cols * 2;
    const TensorMap map =
        make_map({tensor, kBfloat16, {kCols, kRows}, {kStride * 2}, {uint32_t(box_cols), kBoxRows}, swizzle});
    for (std::array<int, 3> at : kPlaces)
      for (const simt::Schedule& schedule : schedules()) {
        u8 out[kBoxRows * 128];
        const std::vector<void*> buffers = {out, at.data()};
        const std::string error =
            box_cols == 64   ? run_with_maps<Load<kBoxRows * 128, 2>>({map}, buffers, schedule)
            : box_cols == 32 ? run_with_maps<Load<kBoxRows * 64, 2>>({map}, buffers, schedule)
                             : run_with_maps<Load<kBoxRows * 32, 2>>({map}, buffers, schedule);
        ASSERT_EQ(error, "");
        for (int r = 0; r < kBoxRows; ++r)
          for (int c = 0; c < box_cols; ++c) {
            const int row = at[1] + r, column = at[0] + c, plain = r * bytes_a_row + c * 2;
            const bool inside = row >= 0 && row < kRows && column >= 0 && column < kCols;
            // 128 bytes: pieces of 16 bytes exchanged by row mod 8; 64: by pair of rows mod 4; 32: by fours mod 2.
            const int turn = swizzle == 3 ? r % 8 : swizzle == 2 ? r / 2 % 4 : swizzle == 1 ? r / 4 % 2 : 0;
            const int byte = r * bytes_a_row + (((plain % bytes_a_row / 16) ^ turn) * 16) + plain % 16;
            u16 got;
            std::memcpy(&got, out + byte, 2);
            ASSERT_EQ(got, inside ? tensor[row * kStride + column] : 0)
                << "swizzle " << swizzle << " at " << at[0] << "," << at[1] << " row " << r << " column "
                << c;
          }
      }
  }
}

TEST(Tma, ThreeDimensions) {
  constexpr int kCols = 20, kRows = 5, kPlanes = 3, kStride = 20, kPlane = kStride * 6;
  alignas(16) static float tensor[kPlanes * kPlane];
  for (int i = 0; i < kPlanes * kPlane; ++i)
    tensor[i] = float(i + 1);
  const TensorMap map =
      make_map({tensor, kFloat32, {kCols, kRows, kPlanes}, {kStride * 4, kPlane * 4}, {8, 2, 2}});
  int at[3] = {16, 4, 1};
  float out[2][2][8];
  for (const simt::Schedule& schedule : schedules()) {
    ASSERT_EQ((run_with_maps<Load<sizeof out, 3>>({map}, {out, at}, schedule)), "");
    for (int p = 0; p < 2; ++p)
      for (int r = 0; r < 2; ++r)
        for (int c = 0; c < 8; ++c) {
          const bool inside = at[0] + c < kCols && at[1] + r < kRows && at[2] + p < kPlanes;
          EXPECT_EQ(out[p][r][c], inside ? tensor[(1 + p) * kPlane + (4 + r) * kStride + 16 + c] : 0);
        }
  }
}

// Two stores through one buffer; kWait: whether the first has read it before it is written again.
template <bool kWait> void store_tile(const Arguments&, const TensorMap* maps, int, u8* shared) {
  float* box = reinterpret_cast<float*>(shared);
  for (int round = 0; round < 2; ++round) {
    box[thread_index()] = float(round * 1000 + thread_index());
    fence_async_proxy();
    sync_block();
    if (thread_index() == 0) {
      tma_store_2d(maps, shared, round * 8, 1);
      tma_store_commit();
      if (kWait || round == 1)
        tma_store_wait<0>();
    }
    sync_block();
  }
}

TEST(Tma, Store) {
  constexpr int kCols = 13, kRows = 6, kStride = 16;
  int caught = 0;
  for (const simt::Schedule& schedule : schedules()) {
    alignas(16) float tensor[kRows * kStride];
    const TensorMap map = make_map({tensor, kFloat32, {kCols, kRows}, {kStride * 4}, {8, 8}});
    const auto wrong = [&] {
      int wrong = 0;
      for (int r = 0; r < kRows; ++r)
        for (int c = 0; c < kStride; ++c)
          wrong += tensor[r * kStride + c] !=
                   (r < 1 || c >= kCols ? -1 : float(c / 8 * 1000 + (r - 1) * 8 + c % 8));
      return wrong;
    };
    std::fill_n(tensor, kRows * kStride, -1.f);
    ASSERT_EQ((run_with_maps<MapTile<store_tile<true>, 64, 256>>({map}, {}, schedule)), "");
    EXPECT_EQ(wrong(), 0) << name_of(schedule);
    if (kRaceDetector)
      continue;
    ASSERT_EQ((run_with_maps<MapTile<store_tile<false>, 64, 256>>({map}, {}, schedule)), "");
    caught += wrong() > 0;
  }
  EXPECT_GE(caught, kRaceDetector ? 0 : 4);
}

} // namespace
} // namespace r1::test
