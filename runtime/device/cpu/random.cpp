#include "runtime/device/cpu/random.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "runtime/base/random.h"

namespace r1::cpu {
namespace {

uint16_t to_bf16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

// OCP e4m3: bias 7, no infinity, largest 448; rounds to nearest.
uint8_t to_e4m3(float value) {
  uint8_t sign = value < 0 ? 0x80 : 0;
  float a = std::min(std::fabs(value), 448.0f);
  int exponent = a > 0 ? std::max(-6, std::ilogb(a)) : -6;
  int steps = int(std::nearbyint(std::ldexp(a, 3 - exponent))); // 8..16 for normals, 0..8 for subnormals
  if (steps == 16)
    steps = 8, ++exponent;
  return uint8_t(sign | (steps < 8 ? steps : (exponent + 7) << 3 | (steps - 8)));
}

uint16_t to_f16(float value) {
  _Float16 half = _Float16(value);
  uint16_t bits;
  memcpy(&bits, &half, 2);
  return bits;
}

template <class Word, class Make>
void fill(uint64_t stream, uint64_t begin, uint64_t end, uint8_t* base, Make make) {
  constexpr uint64_t kPerDraw = 8 / sizeof(Word);
  for (uint64_t at = begin; at < end; at += 8) {
    uint64_t bits = random_bits(stream, at / 8);
    Word words[kPerDraw];
    for (uint64_t i = 0; i < kPerDraw; ++i)
      words[i] = make(bits >> (i * 8 * sizeof(Word)));
    memcpy(base + at, words, std::min<uint64_t>(8, end - at));
  }
}

template <class Word> void repeat(Word value, uint64_t begin, uint64_t end, uint8_t* base) {
  for (uint64_t at = begin; at + sizeof(Word) <= end; at += sizeof(Word))
    memcpy(base + at, &value, sizeof(Word));
}

} // namespace

Element stored_element(const artifact::Tensor& tensor) {
  std::string_view layout = tensor.layout()->string_view();
  if (layout == "vnni16_f8")
    return Element::F8E4M3;
  if (layout == "vnni16")
    return Element::BF16;
  if (layout == "scales")
    return Element::F32;
  switch (tensor.type()) {
  case artifact::DataType::F32:
    return Element::F32;
  case artifact::DataType::BF16:
    return Element::BF16;
  case artifact::DataType::F16:
    return Element::F16;
  case artifact::DataType::F8E4M3:
    return Element::F8E4M3;
  default:
    return Element::Other;
  }
}

void fill_random(const artifact::Tensor& tensor, uint64_t seed, uint64_t number, uint64_t begin, uint64_t end,
                 uint8_t* base) {
  float scale = tensor.random_scale();
  float constant = scale < 0 ? -scale : 1;
  uint64_t stream = random_stream(seed, number);
  switch (stored_element(tensor)) {
  case Element::F32:
    if (scale <= 0)
      return repeat(constant, begin, end, base);
    return fill<uint32_t>(stream, begin, end, base, [=](uint64_t bits) {
      float value = float(int32_t(uint32_t(bits)) >> 8) * 0x1p-23f * scale;
      uint32_t out;
      memcpy(&out, &value, 4);
      return out;
    });
  case Element::BF16:
    if (scale <= 0)
      return repeat(to_bf16(constant), begin, end, base);
    return fill<uint16_t>(stream, begin, end, base, [=](uint64_t bits) {
      return to_bf16(float(int16_t(uint16_t(bits))) * 0x1p-15f * scale);
    });
  case Element::F16:
    if (scale <= 0)
      return repeat(to_f16(constant), begin, end, base);
    return fill<uint16_t>(stream, begin, end, base, [=](uint64_t bits) {
      return to_f16(float(int16_t(uint16_t(bits))) * 0x1p-15f * scale);
    });
  case Element::F8E4M3: {
    uint8_t table[256];
    for (int i = 0; i < 256; ++i)
      table[i] = to_e4m3(scale <= 0 ? constant : (float(i) - 127.5f) / 127.5f * scale);
    return fill<uint8_t>(stream, begin, end, base, [&](uint64_t bits) { return table[bits & 255]; });
  }
  case Element::Other:
    return;
  }
}

} // namespace r1::cpu
