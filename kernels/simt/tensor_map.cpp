#include "kernels/simt/tensor_map.h"

#include <cstring>

namespace r1::simt {
namespace {

constexpr int kElementBytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4}; // by CUtensorMapDataType

std::string number(const char* what, uint64_t i, const char* of, uint64_t value) {
  return std::string(what) + "[" + std::to_string(i) + "] is " + std::to_string(value) + ", " + of;
}

} // namespace

std::string encode_tensor_map(void* map, const TensorMapFacts& facts) {
  TensorMapView view{};
  if (reinterpret_cast<uintptr_t>(map) % 64)
    return "the tensor map is not 64-byte aligned";
  if (facts.data_type >= std::size(kElementBytes))
    return "data type " + std::to_string(facts.data_type) + " is not modelled";
  if (facts.rank < 1 || facts.rank > kMaxTensorRank)
    return "rank " + std::to_string(facts.rank) + ", expected 1 to 5";
  if (!facts.address || reinterpret_cast<uintptr_t>(facts.address) % 16)
    return "the tensor's address is null or not a multiple of 16";
  if (facts.interleave || facts.fill || facts.swizzle > 3 || facts.l2_promotion > 3)
    return "interleave, NaN fill, or a swizzle or promotion beyond the driver's are not modelled";
  const uint64_t element = kElementBytes[facts.data_type];
  view.magic = kTensorMapMagic;
  view.address = static_cast<unsigned char*>(facts.address);
  view.rank = uint8_t(facts.rank);
  view.swizzle = facts.swizzle ? uint8_t(16 << facts.swizzle) : 0;
  for (uint32_t i = 0; i < facts.rank; ++i) {
    if (facts.dims[i] == 0 || facts.dims[i] > uint64_t(1) << 32)
      return number("dims", i, "expected 1 to 2^32", facts.dims[i]);
    if (facts.box[i] == 0 || facts.box[i] > 256)
      return number("box", i, "expected 1 to 256", facts.box[i]);
    if (facts.element_strides[i] != 1)
      return number("element_strides", i, "only 1 is modelled", facts.element_strides[i]);
    view.dims[i] = facts.dims[i];
    view.box[i] = uint16_t(facts.box[i]);
    view.strides[i] = i == 0 ? element : facts.strides[i - 1];
    if (i > 0 && (view.strides[i] % 16 || view.strides[i] >= uint64_t(1) << 40 || view.strides[i] == 0))
      return number("strides", i - 1, "expected a multiple of 16 below 2^40", view.strides[i]);
  }
  const uint64_t row = view.box[0] * element;
  if (row % 16)
    return "the box's row is " + std::to_string(row) + " bytes, expected a multiple of 16";
  if (view.swizzle && row > view.swizzle)
    return "the box's row is " + std::to_string(row) + " bytes, more than the swizzle's " +
           std::to_string(view.swizzle);
  std::memset(map, 0, kTensorMapBytes);
  std::memcpy(map, &view, sizeof view);
  return "";
}

} // namespace r1::simt
