// Each family appends its rows to the registry; its file here mirrors its folder under kernels/.
#pragma once
#include "kernels/registry/registry.h"

namespace r1::kernels {

void add_gemm(std::vector<Skeleton>&);
void add_grouped_gemm(std::vector<Skeleton>&);
void add_embed(std::vector<Skeleton>&);
void add_rows(std::vector<Skeleton>&);
void add_router(std::vector<Skeleton>&);
void add_mla(std::vector<Skeleton>&);
void add_sample(std::vector<Skeleton>&);

} // namespace r1::kernels
