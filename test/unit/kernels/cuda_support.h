// How the conformance tests of CUDA skeletons run one on the emulator: under every kind of schedule, each tile in a block of
// its own, and many tiles in one block as a persistent kernel runs them.
#pragma once
#include "kernels/primitives/cuda/base.h"
#include "kernels/simt/launch.h"
#include "test/unit/kernels/sanitized.h"
#include "test/unit/kernels/support.h"

namespace r1::cuda {
struct TensorMap; // of tma.h, which chips before sm_90 lack
}
namespace r1::test {

struct CudaRun {
  simt::Schedule schedule;
  int blocks = 0; // 0: one for each tile
};

inline std::ostream& operator<<(std::ostream& out, const CudaRun& run) {
  return out << "order " << int(run.schedule.order) << " async " << int(run.schedule.async) << " seed "
             << run.schedule.seed << " blocks " << run.blocks;
}

// Eager in order, then what finds races: priorities with lazy and with random copies, alone and persistent.
inline std::vector<CudaRun> cuda_runs() {
  using simt::Async, simt::Order;
  if (kSanitized)
    return {{{0, Order::kFifo, Async::kEager}}, {{3, Order::kPriority, Async::kLazy}, 2}};
  std::vector<CudaRun> runs = {{{0, Order::kFifo, Async::kEager}}};
  for (uint64_t seed : {1, 2, 3})
    runs.push_back({{seed, Order::kPriority, Async::kLazy}, seed == 3 ? 2 : 0});
  for (uint64_t seed : {1, 2})
    runs.push_back({{seed, Order::kPriority, Async::kRandom}, seed == 2 ? 3 : 0});
  return runs;
}

// params: Arguments, number of tiles.
template <class Skeleton> void cuda_entry(void** params) {
  const auto& arguments = *static_cast<const cuda::Arguments*>(params[0]);
  for (int tile = cuda::block_index(); tile < *static_cast<const int*>(params[1]);
       tile += cuda::grid_size()) {
    Skeleton::tile(arguments, tile, simt::current->block->shared);
    cuda::sync_block();
  }
}

// The same of a skeleton with tensor maps. params: Arguments, number of tiles, maps.
template <class Skeleton> void cuda_entry_with_maps(void** params) {
  const auto& arguments = *static_cast<const cuda::Arguments*>(params[0]);
  for (int tile = cuda::block_index(); tile < *static_cast<const int*>(params[1]);
       tile += cuda::grid_size()) {
    Skeleton::tile(arguments, static_cast<const cuda::TensorMap*>(params[2]), tile,
                   simt::current->block->shared);
    cuda::sync_block();
  }
}

// `tiles` may exceed what `dims` (tokens, rows of logits, context) ask for, as it does in a bucket.
template <class Skeleton>
void run_cuda(const CudaRun& run, const std::vector<void*>& buffers, const std::vector<int>& dims, int tiles,
              void* maps = nullptr) {
  cuda::Arguments arguments{dims.data(), {}};
  std::copy(buffers.begin(), buffers.end(), arguments.buffers);
  void* params[] = {&arguments, &tiles, maps};
  const simt::Shape shape{uint32_t(run.blocks ? run.blocks : tiles), Skeleton::kThreads,
                          Skeleton::kSharedBytes};
  simt::Entry entry;
  if constexpr (requires { Skeleton::kMaps; })
    entry = cuda_entry_with_maps<Skeleton>;
  else
    entry = cuda_entry<Skeleton>;
  ASSERT_EQ(simt::launch(entry, shape, params, run.schedule), "") << run;
}

} // namespace r1::test
