// Tensor maps as the emulator reads them. The driver stand-in makes them of the very facts that
// cuTensorMapEncodeTiled takes, tests make them the same way.
#pragma once
#include <cstdint>
#include <string>

namespace r1::simt {

inline constexpr int kMaxTensorRank = 5;
inline constexpr size_t kTensorMapBytes = 128;

// Enumerations have the numbers of the driver's.
struct TensorMapFacts {
  uint32_t data_type = 0; // CUtensorMapDataType: 0 uint8, 1 uint16, 2 uint32, 7 float32, 9 bfloat16, ...
  uint32_t rank = 0;
  void* address = nullptr;
  const uint64_t* dims = nullptr;            // [rank] elements, innermost first
  const uint64_t* strides = nullptr;         // [rank - 1] bytes, of all but the innermost
  const uint32_t* box = nullptr;             // [rank] elements
  const uint32_t* element_strides = nullptr; // [rank], only 1 is modelled
  uint32_t interleave = 0;                   // only 0, none, is modelled
  uint32_t swizzle = 0;                      // 0 none, 1 32 bytes, 2 64, 3 128
  uint32_t l2_promotion = 0;                 // 0 to 3, no effect
  uint32_t fill = 0;                         // only 0, zeros, is modelled
};

// Writes 128 bytes at `map`, which is 64-byte aligned. Returns "", or why the driver would refuse.
std::string encode_tensor_map(void* map, const TensorMapFacts& facts);

// What the 128 bytes hold.
struct TensorMapView {
  uint64_t magic;
  unsigned char* address;
  uint64_t dims[kMaxTensorRank];
  uint64_t strides[kMaxTensorRank]; // bytes; of the innermost, the element's size
  uint16_t box[kMaxTensorRank];
  uint8_t rank;
  uint8_t swizzle; // bytes: 0, 32, 64 or 128
};
static_assert(sizeof(TensorMapView) <= kTensorMapBytes);
inline constexpr uint64_t kTensorMapMagic = 0x70614d726f736e65u;

} // namespace r1::simt
