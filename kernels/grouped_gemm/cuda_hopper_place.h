// Which tile of which expert a block of grouped_gemm computes on sm_90a.
//
// All experts' row blocks stand one after another, an expert's tiles together: neighbours by number share an
// expert's rows of W, which then come from memory once and from L2 for the rest, however many row blocks there are
// (up to kRowGroup of them; cuda_linear_schedule.h). No table tells where an expert's tiles begin; a warp adds up
// the 256 counts in half a microsecond, beside some 20 to 70 that a tile takes.
//
// Grid: const row blocks x const column blocks, of which the first is what the largest step may need: experts that
// each have a pair waste at most tile_m - 1 rows, (pairs + experts * (tile_m - 1)) / tile_m in all.
#pragma once
#include "kernels/grouped_gemm/cuda_problem.h"
#include "kernels/primitives/cuda/warp.h"

namespace r1::cuda {

// Rows [first, first + rows) of all pairs in their order, which are of `expert`. rows = 0: there is nothing to do.
struct ExpertPlace {
  int expert, first, rows, column;
};

// Called by whole warps; all get the same.
template <class Shape, int kRowGroup, class Groups>
R1_DEVICE ExpertPlace expert_place(const Groups& groups, int tile) {
  const int* offsets = groups.offsets();
  const int active = groups.active(), lane = lane_index(), each = divide_up(active, kWarpSize);
  const auto tiles = [&](int i) {
    return i < active ? divide_up(offsets[i + 1] - offsets[i], Shape::kTileM) * Shape::kColumnBlocks : 0;
  };
  // Lanes have `each` experts one after another, whose tiles are [begin, end).
  int own = 0;
  for (int i = 0; i < each; ++i)
    own += tiles(lane * each + i);
  int end = own;
  R1_UNROLL for (int lanes = 1; lanes < kWarpSize; lanes *= 2) {
    const int before = shuffle_up(end, lanes);
    end += lane >= lanes ? before : 0;
  }
  const u32 later = ballot(tile < end);
  if (!later)
    return {0, 0, 0, 0};
  const int owner = kWarpSize - count_bits(later); // the first whose end is behind the tile
  int i = owner * each;
  tile -= shuffle(end - own, owner);
  for (; tile >= tiles(i); ++i)
    tile -= tiles(i);
  const TilePlace place = place_tile<kRowGroup>(tile, tiles(i) / Shape::kColumnBlocks, Shape::kColumnBlocks);
  const int first = offsets[i] + place.row * Shape::kTileM;
  return {groups.expert(i), first, smaller(offsets[i + 1] - first, Shape::kTileM),
          place.column * Shape::kTileN};
}

} // namespace r1::cuda
