// Tensor maps for the tests of CUDA linear layers.
#pragma once
#include "kernels/primitives/cuda/tma.h"
#include "kernels/simt/tensor_map.h"

#include <gtest/gtest.h>

#include <vector>

namespace r1::test::cuda {

// Of rank 3, innermost first: elements of 1 byte or bf16, strides in bytes, swizzle 128B or none.
inline void encode_map(r1::cuda::TensorMap& map, void* address, uint64_t element,
                       const std::vector<uint64_t>& dims, const std::vector<uint64_t>& strides,
                       const std::vector<uint32_t>& box, bool swizzle) {
  const uint32_t ones[3] = {1, 1, 1};
  simt::TensorMapFacts facts;
  facts.data_type = element == 1 ? 0 : 9;
  facts.rank = 3;
  facts.address = address;
  facts.dims = dims.data();
  facts.strides = strides.data();
  facts.box = box.data();
  facts.element_strides = ones;
  facts.swizzle = swizzle ? 3 : 0;
  EXPECT_EQ(simt::encode_tensor_map(&map, facts), "");
}

} // namespace r1::test::cuda
