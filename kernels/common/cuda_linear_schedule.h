// Which schedule a linear layer has, by the rows of its tile, and in which order its tiles go.
#pragma once
#include "kernels/common/cuda_stream.h"
#include "kernels/common/cuda_tiles.h"

namespace r1::cuda {

template <class Shape, bool kFewRows = (Shape::kTileM <= 16)> struct LinearSchedule {
  using Type = LinearStream<Shape>;
};
template <class Shape> struct LinearSchedule<Shape, false> {
  using Type = LinearTiles<Shape>;
};

struct TilePlace {
  int row, column; // blocks
};

// Blocks that run at the same time are neighbours by number. Taken row by row, they would share a row of x and
// read all of W, and again for the next row: more than L2 holds. So kRowGroup rows of blocks go together, column
// by column. Every tile below rows * columns is met once; with kRowGroup = 1 it is row-major.
template <int kRowGroup> R1_DEVICE TilePlace place_tile(int tile, int rows, int columns) {
  const int group = tile / (kRowGroup * columns), inside = tile % (kRowGroup * columns);
  const int height = smaller(kRowGroup, rows - group * kRowGroup);
  return {group * kRowGroup + inside % height, inside / height};
}

} // namespace r1::cuda
