// Experts' linear layers whose x is e4m3 beside weights of e4m3, from sm_89 on: grouped_gemm_quantised_f8.
//
// Arithmetic and schedule as in kernels/gemm/cuda_quantised.h; tile_m is 64 or 128. Rows of x and their scales are
// gathered as rows_quantize writes them (registry/params.h).
#pragma once
#include "kernels/grouped_gemm/cuda.h"

namespace r1::cuda {

template <class Config, class Holes> struct GroupedGemmQuantised : GroupedGemm<Config, Holes, e4m3, e4m3> {};

} // namespace r1::cuda
