// The slow, clear form of `embed`; the compiled kernel and the interpreter are measured against it.
#pragma once
#include <cstdint>

namespace r1::kernels::reference {

// y[t] = table[ids[t]].  ids [tokens], each in [0, vocab); table [vocab][cols]; y [tokens][cols].
void embed(const int32_t* ids, const float* table, int64_t tokens, int64_t cols, float* y);

} // namespace r1::kernels::reference
