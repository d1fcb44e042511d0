#include "kernels/registry/families.h"
#include "kernels/registry/gemm_scratch.h"
#include "kernels/registry/params.h"

#include <cstring>

namespace r1::kernels {
namespace {

template <bool f8> int64_t scratch_bytes(const int64_t* words) {
  GroupedGemmParams p;
  std::memcpy(static_cast<void*>(&p), words, sizeof p);
  return gemm_scratch(kGroupedRowBlock, p.tile_n * p.accumulators, p.k, f8, false).bytes;
}

} // namespace

void add_grouped_gemm(std::vector<Skeleton>& rows) {
  const std::vector<ParamSpec> params = {
      {"n", false},        {"k", false},      {"experts", false},      {"top_k", false},
      {"x_stride", false}, {"gather", false}, {"accumulators", false}, {"max_active", false},
      {"tile_n", false},   {"tile_m", false}};
  constexpr std::string_view kHeader = "kernels/grouped_gemm/cuda.h";
  const std::vector<HoleSpec> holes = {{"epilogue", kLeadingAccumulators, false}};
  rows.push_back({"grouped_gemm_bf16", "grouped_gemm", params, holes, 3, 0, scratch_bytes<false>,
                  "GroupedGemmBf16", kHeader});
  rows.push_back({"grouped_gemm_f8", "grouped_gemm", params, holes, 4, 0, scratch_bytes<true>,
                  "GroupedGemmF8", kHeader});
  // The same for many rows an expert on sm_90a; there is no CPU form.
  rows.push_back({"grouped_gemm_hopper_bf16", "grouped_gemm", params, holes, 3, 0, nullptr,
                  "GroupedGemmHopperBf16", "kernels/grouped_gemm/cuda_hopper.h", true});
  rows.push_back({"grouped_gemm_hopper_f8", "grouped_gemm", params, holes, 4, 0, nullptr,
                  "GroupedGemmHopperF8", "kernels/grouped_gemm/cuda_hopper_f8.h", true});
  // x in e4m3 with scales, which rows_quantize makes.
  rows.push_back({"grouped_gemm_quantised_f8", "grouped_gemm", params, holes, 5, 0, nullptr,
                  "GroupedGemmQuantised", "kernels/grouped_gemm/cuda_quantised.h"});
  rows.push_back({"grouped_gemm_hopper_quantised_f8", "grouped_gemm", params, holes, 5, 0, nullptr,
                  "GroupedGemmHopperQuantised", "kernels/grouped_gemm/cuda_hopper.h", true});
}

} // namespace r1::kernels
