// Functions on float. The accurate ones err by a few units in the last place on the device (CUDA's own
// functions, never its fast-math ones) and less on the host, so the two may differ in the last bits.
#pragma once
#include "kernels/primitives/cuda/convert.h"

namespace r1::cuda::math {

R1_DEVICE float infinity() { return float_from_bits(0x7f800000); }
R1_DEVICE float nan() { return float_from_bits(0x7fc00000); }

#ifdef R1_SIMT
#define R1_MATH(device, host) host
#else
#define R1_MATH(device, host) device
#endif

R1_DEVICE float exp(float x) { return R1_MATH(expf, __builtin_expf)(x); }
R1_DEVICE float exp2(float x) { return R1_MATH(exp2f, __builtin_exp2f)(x); }
R1_DEVICE float log(float x) { return R1_MATH(logf, __builtin_logf)(x); }
R1_DEVICE float log2(float x) { return R1_MATH(log2f, __builtin_log2f)(x); }
R1_DEVICE float sqrt(float x) { return R1_MATH(sqrtf, __builtin_sqrtf)(x); }
R1_DEVICE float tanh(float x) { return R1_MATH(tanhf, __builtin_tanhf)(x); }
R1_DEVICE float fma(float a, float b, float c) { return R1_MATH(fmaf, __builtin_fmaf)(a, b, c); }
R1_DEVICE float abs(float x) { return R1_MATH(fabsf, __builtin_fabsf)(x); }
// A number wins over NaN.
R1_DEVICE float min(float a, float b) { return R1_MATH(fminf, __builtin_fminf)(a, b); }
R1_DEVICE float max(float a, float b) { return R1_MATH(fmaxf, __builtin_fmaxf)(a, b); }
R1_DEVICE float floor(float x) { return R1_MATH(floorf, __builtin_floorf)(x); }
R1_DEVICE float sin(float x) { return R1_MATH(sinf, __builtin_sinf)(x); }
R1_DEVICE float cos(float x) { return R1_MATH(cosf, __builtin_cosf)(x); }

#undef R1_MATH

#ifdef R1_SIMT
R1_DEVICE float rsqrt(float x) { return 1.f / __builtin_sqrtf(x); }
R1_DEVICE float fast_exp2(float x) { return __builtin_exp2f(x); }
#else
R1_DEVICE float rsqrt(float x) { return rsqrtf(x); }
// One instruction, 2 units in the last place; subnormal results are 0.
R1_DEVICE float fast_exp2(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
#endif

} // namespace r1::cuda::math
