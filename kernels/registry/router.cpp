#include "kernels/registry/families.h"
#include "kernels/registry/params.h"
#include "kernels/registry/router_scratch.h"

#include <cstring>

namespace r1::kernels {
namespace {

template <int64_t (*bytes)(const RouterParams&)> int64_t scratch_bytes(const int64_t* words) {
  RouterParams p;
  std::memcpy(static_cast<void*>(&p), words, sizeof p);
  return bytes(p);
}

int64_t no_bytes(const RouterParams&) { return 0; }

} // namespace

void add_router(std::vector<Skeleton>& rows) {
  const std::vector<ParamSpec> params = {{"hidden", false},      {"experts", false},    {"top_k", false},
                                         {"groups", false},      {"topk_group", false}, {"sigmoid", false},
                                         {"group_score", false}, {"has_bias", false},   {"normalize", false},
                                         {"scale", true},        {"x_stride", false},   {"w_type", false},
                                         {"tile_tokens", false}};
  rows.push_back({"router_logits",
                  "router",
                  params,
                  {},
                  2,
                  1,
                  scratch_bytes<no_bytes>,
                  "RouterLogits",
                  "kernels/router/cuda_logits.h"});
  rows.push_back({"router_topk",
                  "router",
                  params,
                  {},
                  2,
                  2,
                  scratch_bytes<router_choice_bytes>,
                  "RouterTopk",
                  "kernels/router/cuda_topk.h"});
  rows.push_back({"router_fused",
                  "router",
                  params,
                  {},
                  3,
                  2,
                  scratch_bytes<router_choice_bytes>,
                  "RouterFused",
                  "kernels/router/cuda_fused.h"});
  rows.push_back({"router_group",
                  "router",
                  params,
                  {},
                  1,
                  1,
                  scratch_bytes<router_group_bytes>,
                  "RouterGroup",
                  "kernels/router/cuda_group.h"});
}

} // namespace r1::kernels
