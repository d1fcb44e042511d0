// Up to 16 neighbouring elements of a matrix whose type is a parameter (ElementType): widened to float on
// loading, rounded to nearest even on storing. Elements outside `count` are not touched and load as zero.
#pragma once
#include "kernels/primitives/lanes.h"
#include "kernels/registry/params.h"

#include <cstdint>

namespace r1::kernels::R1_ISA {

R1_INLINE f32x16 load_elements(const void* base, int64_t index, int64_t type, int64_t count) {
  if (type == kBF16) {
    const uint16_t* from = static_cast<const uint16_t*>(base) + index;
    return count >= 16 ? get_bf16(from) : get_bf16(from, count);
  }
  const float* from = static_cast<const float*>(base) + index;
  return count >= 16 ? get(from) : get(from, count);
}

R1_INLINE void store_elements(void* base, int64_t index, int64_t type, int64_t count, f32x16 values) {
  if (type == kBF16) {
    uint16_t* to = static_cast<uint16_t*>(base) + index;
    count >= 16 ? put_bf16(to, values) : put_bf16(to, values, count);
    return;
  }
  float* to = static_cast<float*>(base) + index;
  count >= 16 ? put(to, values) : put(to, values, count);
}

} // namespace r1::kernels::R1_ISA
