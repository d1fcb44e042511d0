// Random weights have the range, the type and the mean they are asked for, and do not depend on how they were cut.
#include "runtime/device/cpu/random.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

namespace r1::cpu {
namespace {

using artifact::DataType;

struct Made {
  flatbuffers::FlatBufferBuilder builder;
  const artifact::Tensor* tensor;

  Made(DataType type, const char* layout, float scale, uint64_t bytes) {
    artifact::TensorT t;
    t.name = "t";
    t.type = type;
    t.layout = layout;
    t.random_scale = scale;
    t.bytes = bytes;
    builder.Finish(artifact::CreateTensor(builder, &t));
    tensor = flatbuffers::GetRoot<artifact::Tensor>(builder.GetBufferPointer());
  }
  std::vector<uint8_t> fill(uint64_t piece) const {
    std::vector<uint8_t> bytes(tensor->bytes());
    for (uint64_t at = 0; at < bytes.size(); at += piece)
      fill_random(*tensor, 5, 3, at, std::min<uint64_t>(bytes.size(), at + piece), bytes.data());
    return bytes;
  }
};

float value(Element e, const uint8_t* p) {
  uint32_t bits = 0;
  switch (e) {
  case Element::F32:
    memcpy(&bits, p, 4);
    break;
  case Element::BF16:
    bits = uint32_t(p[0] | p[1] << 8) << 16;
    break;
  case Element::F16: {
    _Float16 half;
    memcpy(&half, p, 2);
    return float(half);
  }
  default: {
    int exponent = *p >> 3 & 15, mantissa = *p & 7;
    float a =
        exponent ? std::ldexp(1 + float(mantissa) / 8, exponent - 7) : std::ldexp(float(mantissa) / 8, -6);
    return *p & 0x80 ? -a : a;
  }
  }
  float f;
  memcpy(&f, &bits, 4);
  return f;
}

TEST(Random, RangeAndMoments) {
  struct Case {
    DataType type;
    const char* layout;
    Element element;
    int width;
  };
  for (const Case& c : {Case{DataType::F32, "rows", Element::F32, 4},
                        {DataType::BF16, "rows", Element::BF16, 2},
                        {DataType::F16, "rows", Element::F16, 2},
                        {DataType::BF16, "vnni16", Element::BF16, 2},
                        {DataType::F8E4M3, "vnni16_f8", Element::F8E4M3, 1},
                        {DataType::F32, "scales", Element::F32, 4}}) {
    Made made(c.type, c.layout, 0.75f, 400'004 / 4 * uint64_t(c.width));
    ASSERT_EQ(stored_element(*made.tensor), c.element) << c.layout;
    auto bytes = made.fill(1 << 20);
    EXPECT_EQ(bytes, made.fill(64)) << c.layout;
    double sum = 0, squares = 0, most = 0;
    size_t count = bytes.size() / size_t(c.width);
    for (size_t i = 0; i < count; ++i) {
      double v = double(value(c.element, bytes.data() + i * size_t(c.width)));
      sum += v, squares += v * v, most = std::max(most, std::fabs(v));
    }
    EXPECT_LE(most, 0.75) << c.layout;
    EXPECT_GT(most, 0.74) << c.layout;
    EXPECT_NEAR(sum / double(count), 0, 0.01) << c.layout;
    EXPECT_NEAR(squares / double(count), 0.75 * 0.75 / 3, 0.01) << c.layout;
  }
}

TEST(Random, Constants) {
  for (DataType type : {DataType::F32, DataType::BF16, DataType::F16, DataType::F8E4M3}) {
    Made ones(type, "rows", 0, 64), quarter(type, "rows", -0.25f, 64);
    Element e = stored_element(*ones.tensor);
    EXPECT_EQ(value(e, ones.fill(64).data() + 16), 1);
    EXPECT_EQ(value(e, quarter.fill(64).data() + 16), 0.25f);
  }
}

TEST(Random, IntegersStayZero) {
  Made made(DataType::I32, "rows", 1, 64);
  EXPECT_EQ(made.fill(64), std::vector<uint8_t>(64));
}

} // namespace
} // namespace r1::cpu
