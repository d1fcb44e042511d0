// The skeletons as LLVM bitcode, one module per ISA level of kernels/registry/registry.h. Unoptimised, and
// each function marked with its level's features; symbols r1_<skeleton>, memset, memcpy, memmove.
#pragma once
#include <string_view>

namespace r1::kernels {

// Empty if there is no such level. The bytes live as long as the program.
std::string_view bitcode(std::string_view isa_level);

} // namespace r1::kernels
