// Tensor maps: what the driver refuses is refused, with the number that is wrong.
#include "kernels/simt/tensor_map.h"

#include <gtest/gtest.h>

#include <cstring>

namespace r1::simt {
namespace {

struct Example {
  alignas(64) unsigned char map[kTensorMapBytes];
  alignas(16) unsigned char memory[16];
  uint64_t dims[2] = {100, 7}, strides[1] = {208};
  uint32_t box[2] = {64, 128}, element_strides[2] = {1, 1};
  TensorMapFacts facts{9, 2, memory, dims, strides, box, element_strides, 0, 3, 2, 0};

  std::string encode() { return encode_tensor_map(map, facts); }
};

void expect_refusal(Example& example, const std::string& part) {
  const std::string why = example.encode();
  EXPECT_NE(why.find(part), std::string::npos) << "'" << why << "' lacks '" << part << "'";
}

TEST(TensorMap, HoldsTheFacts) {
  Example example;
  ASSERT_EQ(example.encode(), "");
  TensorMapView view;
  std::memcpy(&view, example.map, sizeof view);
  EXPECT_EQ(view.address, example.memory);
  EXPECT_EQ(view.dims[0], 100u);
  EXPECT_EQ(view.strides[0], 2u);
  EXPECT_EQ(view.strides[1], 208u);
  EXPECT_EQ(view.box[1], 128);
  EXPECT_EQ(view.swizzle, 128);
}

TEST(TensorMap, Refusals) {
  const auto refuse = [](auto change, const char* part) {
    Example example;
    change(example);
    expect_refusal(example, part);
  };
  refuse([](Example& e) { e.facts.address = e.memory + 8; }, "address");
  refuse([](Example& e) { e.facts.rank = 6; }, "rank 6");
  refuse([](Example& e) { e.facts.data_type = 77; }, "data type 77");
  refuse([](Example& e) { e.dims[1] = 0; }, "dims[1] is 0");
  refuse([](Example& e) { e.strides[0] = 200; }, "strides[0] is 200");
  refuse([](Example& e) { e.box[1] = 257; }, "box[1] is 257");
  refuse([](Example& e) { e.box[0] = 65; }, "130 bytes, expected a multiple of 16");
  refuse([](Example& e) { e.box[0] = 72; }, "144 bytes, more than the swizzle's 128");
  refuse([](Example& e) { e.element_strides[0] = 2; }, "element_strides[0] is 2");
  refuse([](Example& e) { e.facts.interleave = 1; }, "interleave");
}

} // namespace
} // namespace r1::simt
