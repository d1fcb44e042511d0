// The slow, clear form of `sample` (kernels/registry/params.h). Its answer is exact: kernels are compared with it for equality.
#pragma once
#include <cstdint>

namespace r1::kernels::reference {

// floor(exp((logit - top) * inverse_temperature) * 2^40), by one series of double operations, each rounded once: the same bits on
// every machine. top is finite and at least logit.
uint64_t sample_weight(float logit, float top, double inverse_temperature);

// The id chosen from logits [vocab]; options [4] and draw [2] are a row's words.
int32_t sample(const float* logits, int64_t vocab, const int32_t* options, const int32_t* draw);

} // namespace r1::kernels::reference
