#include "kernels/registry/families.h"
#include "kernels/registry/mla_scratch.h"
#include "kernels/registry/params.h"

#include <cstring>

namespace r1::kernels {
namespace {

MlaParams params_of(const int64_t* words) {
  MlaParams p;
  std::memcpy(&p, words, sizeof p);
  return p;
}

int64_t none(const int64_t*) { return 0; }
int64_t decode_bytes(const int64_t* words) { return mla_decode_scratch(params_of(words)).bytes; }
int64_t prefill_bytes(const int64_t* words) { return mla_prefill_scratch(params_of(words)).bytes; }

} // namespace

void add_mla(std::vector<Skeleton>& rows) {
  const std::vector<ParamSpec> params = {{"heads", false},
                                         {"kv_lora", false},
                                         {"rope", false},
                                         {"nope", false},
                                         {"v", false},
                                         {"scale", true},
                                         {"token_stride", false},
                                         {"pages_per_sequence", false},
                                         {"q_stride", false},
                                         {"q_latent_stride", false},
                                         {"q_rope_stride", false},
                                         {"q_rope_head_stride", false},
                                         {"out_stride", false},
                                         {"split_tokens", false},
                                         {"max_splits", false},
                                         {"q_block", false}};
  rows.push_back(
      {"mla_decode", "mla", params, {}, 6, 1, decode_bytes, "MlaDecode", "kernels/mla/cuda_decode.h"});
  rows.push_back({"mla_combine", "mla", params, {}, 2, 1, none, "MlaCombine", "kernels/mla/cuda_combine.h"});
  rows.push_back(
      {"mla_prefill", "mla", params, {}, 7, 1, prefill_bytes, "MlaPrefill", "kernels/mla/cuda_prefill.h"});
  // The same on sm_90a; there is no CPU form.
  constexpr std::string_view kDecode = "kernels/mla/cuda_hopper_decode.h",
                             kPrefill = "kernels/mla/cuda_hopper_prefill.h";
  rows.push_back({"mla_decode_hopper", "mla", params, {}, 6, 1, nullptr, "MlaDecodeHopper", kDecode, true});
  rows.push_back(
      {"mla_prefill_hopper", "mla", params, {}, 7, 1, nullptr, "MlaPrefillHopper", kPrefill, true});
}

} // namespace r1::kernels
