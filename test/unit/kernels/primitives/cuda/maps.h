// Kernels with tensor maps.
#pragma once
#include "kernels/primitives/cuda/convert.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/simt/tensor_map.h"
#include "test/unit/kernels/simt/support.h"

namespace r1::test {

// Element types as the driver numbers them.
inline constexpr uint32_t kUint8 = 0, kFloat32 = 7, kBfloat16 = 9;

struct Matrix {
  void* address;
  uint32_t type;
  std::vector<uint64_t> dims, strides; // elements, innermost first; bytes
  std::vector<uint32_t> box;
  uint32_t swizzle = 0; // 3: 128 bytes
};

inline cuda::TensorMap make_map(const Matrix& m) {
  cuda::TensorMap map;
  const std::vector<uint32_t> ones(m.dims.size(), 1);
  const simt::TensorMapFacts facts{.data_type = m.type,
                                   .rank = uint32_t(m.dims.size()),
                                   .address = m.address,
                                   .dims = m.dims.data(),
                                   .strides = m.strides.data(),
                                   .box = m.box.data(),
                                   .element_strides = ones.data(),
                                   .swizzle = m.swizzle};
  EXPECT_EQ(simt::encode_tensor_map(&map, facts), "");
  return map;
}

template <auto kTile, int kBlockThreads = 128, int kBytes = 4096> struct MapTile {
  static constexpr int kThreads = kBlockThreads, kSharedBytes = kBytes, kMinBlocks = 1;
  static void tile(const cuda::Arguments& a, const cuda::TensorMap* maps, int tile, cuda::u8* shared) {
    kTile(a, maps, tile, shared);
  }
};

template <class Skeleton> void entry_with_maps(void** params) {
  Skeleton::tile(*static_cast<const cuda::Arguments*>(params[0]),
                 static_cast<const cuda::TensorMap*>(params[1]), cuda::block_index(),
                 simt::current->block->shared);
}

template <class Skeleton>
std::string run_with_maps(std::vector<cuda::TensorMap> maps, const std::vector<void*>& buffers,
                          const simt::Schedule& schedule) {
  cuda::Arguments arguments{};
  for (size_t i = 0; i < buffers.size(); ++i)
    arguments.buffers[i] = buffers[i];
  void* params[] = {&arguments, maps.data()};
  return simt::launch(entry_with_maps<Skeleton>, {1, Skeleton::kThreads, Skeleton::kSharedBytes}, params,
                      schedule);
}

} // namespace r1::test
