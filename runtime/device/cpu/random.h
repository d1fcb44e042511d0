// Random weights for artifacts without any (`r1c compile --weights=none`), so that shapes of any size can be timed.
#pragma once
#include <cstdint>
#include <span>

#include "runtime/artifact/artifact_generated.h"

namespace r1::cpu {

enum class Element : uint8_t { F32, BF16, F16, F8E4M3, Other };

// How the bytes of a packed tensor are to be read: the layout's own element type where it has one ("vnni16" bf16,
// "vnni16_f8" e4m3, "scales" f32), else the tensor's type.
Element stored_element(const artifact::Tensor& tensor);

// Fills bytes [begin, end) of the tensor, both multiples of 8 or the tensor's end, as random_scale s says: uniform(-s, s);
// with the constant -s where s is negative; with ones where it is 0. A value depends on seed, tensor number and position alone.
void fill_random(const artifact::Tensor& tensor, uint64_t seed, uint64_t number, uint64_t begin, uint64_t end,
                 uint8_t* base);

} // namespace r1::cpu
