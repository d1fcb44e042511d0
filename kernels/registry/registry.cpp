#include "kernels/registry/registry.h"
#include "kernels/registry/families.h"

namespace r1::kernels {

const std::vector<Skeleton>& skeletons() {
  static const std::vector<Skeleton> all = [] {
    std::vector<Skeleton> rows;
    add_gemm(rows);
    add_grouped_gemm(rows);
    add_embed(rows);
    add_rows(rows);
    add_router(rows);
    add_mla(rows);
    add_sample(rows);
    return rows;
  }();
  return all;
}

const Skeleton* find_skeleton(std::string_view name) {
  for (const Skeleton& s : skeletons())
    if (s.name == name)
      return &s;
  return nullptr;
}

const std::vector<IsaLevel>& isa_levels() {
  static const std::vector<IsaLevel> levels = [] {
    std::vector<std::string_view> v3 = {"avx",  "avx2",  "fma",   "f16c",  "bmi",
                                        "bmi2", "lzcnt", "movbe", "popcnt"};
    std::vector<std::string_view> v4 = v3, bf16, amx;
    v4.insert(v4.end(), {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"});
    bf16 = v4;
    bf16.insert(bf16.end(), {"avx512bf16", "avx512vbmi"});
    amx = bf16;
    amx.insert(amx.end(), {"amx-tile", "amx-bf16"});
    return std::vector<IsaLevel>{
        {"x86-64-v3", v3}, {"x86-64-v4", v4}, {"avx512_bf16", bf16}, {"amx_bf16", amx}};
  }();
  return levels;
}

} // namespace r1::kernels
