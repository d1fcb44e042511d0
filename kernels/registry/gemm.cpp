#include "kernels/registry/families.h"
#include "kernels/registry/gemm_scratch.h"
#include "kernels/registry/params.h"

#include <cstring>

namespace r1::kernels {
namespace {

template <bool f8> int64_t scratch_bytes(const int64_t* words) {
  GemmParams p;
  std::memcpy(&p, words, sizeof p);
  return gemm_scratch(p.tile_m, p.tile_n * p.accumulators, p.k, f8, p.prologue != 0).bytes;
}

} // namespace

void add_gemm(std::vector<Skeleton>& rows) {
  constexpr std::string_view kHeader = "kernels/gemm/cuda.h";
  const std::vector<ParamSpec> params = {{"n", false},
                                         {"k", false},
                                         {"batch", false},
                                         {"x_stride", false},
                                         {"x_batch_stride", false},
                                         {"accumulators", false},
                                         {"tile_m", false},
                                         {"tile_n", false},
                                         {"prologue", false},
                                         {"epsilon", true}};
  const std::vector<HoleSpec> holes = {
      {"epilogue", kLeadingAccumulators, false}, {"map", 1, true}, {"finish", 2, true}};
  rows.push_back({"gemm_bf16", "gemm", params, holes, 2, 0, scratch_bytes<false>, "GemmBf16", kHeader});
  rows.push_back({"gemm_f8", "gemm", params, holes, 3, 0, scratch_bytes<true>, "GemmF8", kHeader});
  // The same for many rows on sm_90a; there is no CPU form.
  rows.push_back({"gemm_hopper_bf16", "gemm", params, holes, 2, 0, nullptr, "GemmHopperBf16",
                  "kernels/gemm/cuda_hopper.h", true});
  rows.push_back({"gemm_hopper_f8", "gemm", params, holes, 3, 0, nullptr, "GemmHopperF8",
                  "kernels/gemm/cuda_hopper_f8.h", true});
  // x in e4m3 with scales, which rows_quantize makes.
  rows.push_back({"gemm_quantised_f8", "gemm", params, holes, 4, 0, nullptr, "GemmQuantised",
                  "kernels/gemm/cuda_quantised.h"});
  rows.push_back({"gemm_hopper_quantised_f8", "gemm", params, holes, 4, 0, nullptr, "GemmHopperQuantised",
                  "kernels/gemm/cuda_hopper.h", true});
}

} // namespace r1::kernels
