// Rows of the embedding table by token id.
//   bytes per token: cols * (table element + what the hole stores); no arithmetic. Bound by the latency of one row: a block
//   takes one token and has all of its row under way at once.
#pragma once
#include "kernels/common/cuda_elements.h"

namespace r1::cuda {

template <class Config, class Holes> struct Embed {
  using Table = Element<Config::table_type>;
  static constexpr int kThreads = 256;
  static constexpr int kSharedBytes = 0;
  static constexpr int kMinBlocks = 1;

  R1_DEVICE static void tile(const Arguments& a, int token, u8*) {
    if (token >= a.dims[0])
      return;
    const long long id = a.in<int>(0)[token];
    StoredRow<int(Config::cols), kThreads, Holes, Table>::finish(a, token,
                                                                 a.in<Table>(1) + id * Config::cols);
  }
};

} // namespace r1::cuda
