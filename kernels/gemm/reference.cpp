#include "kernels/gemm/reference.h"

namespace r1::kernels::reference {

void linear(const float* x, int64_t x_stride, int64_t rows, const float* w, int64_t n, int64_t k, float* y,
            int64_t y_stride) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < k; ++i)
        sum += double(x[r * x_stride + i]) * double(w[j * k + i]);
      y[r * y_stride + j] = float(sum);
    }
}

} // namespace r1::kernels::reference
