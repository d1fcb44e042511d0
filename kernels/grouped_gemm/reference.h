// The expert linear layer, written to be read: sums in double, one rounding to float at the end.
#pragma once
#include <cstdint>

namespace r1::kernels::reference {

// For each pair p (pair p = t * top_k + j is token t's j-th expert): y[p] = W[expert_of_pair[p]] * x row,
// where the row is that of the token (gather: p / top_k) or of the pair (p). w is [experts][n][k]. Strides in
// elements.
void expert_linear(const float* x, int64_t x_stride, bool gather, const int32_t* expert_of_pair,
                   int64_t pairs, int64_t top_k, const float* w, int64_t n, int64_t k, float* y,
                   int64_t y_stride);

} // namespace r1::kernels::reference
