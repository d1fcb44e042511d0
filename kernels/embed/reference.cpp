#include "kernels/embed/reference.h"

namespace r1::kernels::reference {

void embed(const int32_t* ids, const float* table, int64_t tokens, int64_t cols, float* y) {
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t c = 0; c < cols; ++c)
      y[t * cols + c] = table[ids[t] * cols + c];
}

} // namespace r1::kernels::reference
