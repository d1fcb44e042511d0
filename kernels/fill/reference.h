// What a filled buffer holds: value i follows from the seed and i alone, so a tensor can be made in any order, on any number
// of processors, and one element of it without the others.
#pragma once
#include <cstdint>

namespace r1::kernels::reference {

// Element i of a buffer before it is rounded to its type. scale > 0: uniform over (-scale, scale); 0: the constant 1;
// below 0: the constant -scale.
float fill(uint64_t seed, float scale, int64_t i);

} // namespace r1::kernels::reference
