// Linear layers whose x is e4m3 beside weights of e4m3, from sm_89 on: gemm_quantised_f8.
//
// Arithmetic: 2 * rows * n * k operations at twice the rate of bf16; a tile of 128 x 128 reads (128 + 128) * k bytes,
// half of what bf16 reads, so some hundred rows are bound by tensor cores here too. Of 128 k, 64 multiplications of a
// warp meet 64 sums to be scaled in float, one multiply-add each beside 4096 of the tensor core: no bound.
// Schedule: kernels/common/cuda_tiles.h, a step being the 128 k that share a scale. Tensor cores keep some 14 bits of a
// sum, so sums of a step are scaled by both scales and added up in float beside them (DeepSeek-V3, arXiv 2412.19437, 3.3.2).
//
// tile_m is 64 or 128, batch 1. Buffers: x e4m3 and its scales as rows_quantize writes them (registry/params.h).
#pragma once
#include "kernels/gemm/cuda.h"

namespace r1::cuda {

template <class Config, class Holes> struct GemmQuantised : Gemm<Config, Holes, e4m3, e4m3> {};

} // namespace r1::cuda
