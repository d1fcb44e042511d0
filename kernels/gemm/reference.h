// The linear layer, written to be read: sums in double, one rounding to float at the end.
#pragma once
#include <cstdint>

namespace r1::kernels::reference {

// y[r][j] = sum over i of x[r][i] * w[j][i], for rows x n results over k terms. Strides in elements; w has
// rows of k.
void linear(const float* x, int64_t x_stride, int64_t rows, const float* w, int64_t n, int64_t k, float* y,
            int64_t y_stride);

} // namespace r1::kernels::reference
