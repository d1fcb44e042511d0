// The native builds of a skeleton, one a level, and which of them this machine runs. For tests and
// benchmarks.
//
//   R1_DECLARE_LEVELS(gemm_bf16);                       // at namespace scope
//   for (const NativeLevel& level : R1_LEVELS(gemm_bf16)) ...
//
// amx_model is the AMX skeleton on the functional model of tiles (kernels/primitives/amx.h): slow, and needs
// no AMX.
#pragma once
#include "kernels/registry/cpu_abi.h"

#include <string>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace r1::kernels {

struct NativeLevel {
  std::string name;
  bool supported; // by this machine
  void (*run)(void* const* buffers, const int64_t* dims, int64_t begin, int64_t end, void* scratch,
              const void* params, const Hole* holes);
};

inline bool cpu_has_v3() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
inline bool cpu_has_v4() {
  return cpu_has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}
inline bool cpu_has_bf16() {
  return cpu_has_v4() && __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vbmi");
}
// Asks the kernel for the tile state (ARCH_REQ_XCOMP_PERM of XFEATURE 18); it refuses where there is no AMX.
inline bool cpu_has_amx() { return cpu_has_bf16() && syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

} // namespace r1::kernels

#define R1_DECLARE_LEVEL(name, suffix)                                                                       \
  extern "C" void r1_##name##suffix(void* const*, const int64_t*, int64_t, int64_t, void*, const void*,      \
                                    const r1::kernels::Hole*)
#define R1_DECLARE_LEVELS(name)                                                                              \
  R1_DECLARE_LEVEL(name, _v3);                                                                               \
  R1_DECLARE_LEVEL(name, _v4);                                                                               \
  R1_DECLARE_LEVEL(name, _bf16);                                                                             \
  R1_DECLARE_LEVEL(name, _amx);                                                                              \
  R1_DECLARE_LEVEL(name, _amx_model)
#define R1_LEVELS(name)                                                                                      \
  (std::vector<r1::kernels::NativeLevel>{{"x86-64-v3", r1::kernels::cpu_has_v3(), r1_##name##_v3},           \
                                         {"x86-64-v4", r1::kernels::cpu_has_v4(), r1_##name##_v4},           \
                                         {"avx512_bf16", r1::kernels::cpu_has_bf16(), r1_##name##_bf16},     \
                                         {"amx_bf16", r1::kernels::cpu_has_amx(), r1_##name##_amx},          \
                                         {"amx_model", r1::kernels::cpu_has_bf16(), r1_##name##_amx_model}})
