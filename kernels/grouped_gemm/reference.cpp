#include "kernels/grouped_gemm/reference.h"

namespace r1::kernels::reference {

void expert_linear(const float* x, int64_t x_stride, bool gather, const int32_t* expert_of_pair,
                   int64_t pairs, int64_t top_k, const float* w, int64_t n, int64_t k, float* y,
                   int64_t y_stride) {
  for (int64_t p = 0; p < pairs; ++p) {
    const float* row = x + (gather ? p / top_k : p) * x_stride;
    const float* matrix = w + expert_of_pair[p] * n * k;
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < k; ++i)
        sum += double(row[i]) * double(matrix[j * k + i]);
      y[p * y_stride + j] = float(sum);
    }
  }
}

} // namespace r1::kernels::reference
