// What every skeleton file starts with: how its functions are named, inlined and kept apart per ISA level.
//
// A skeleton is compiled once per ISA level, to bitcode (R1_ISA_SUFFIX empty) and, for tests, natively
// (R1_ISA_SUFFIX=_v4 and so on). In the native build all levels meet in one program, so every function that
// is not a skeleton must live in namespace R1_ISA or be R1_INLINE: an ordinary inline function would be
// merged by the linker, and the survivor might hold instructions the machine lacks.
//
// After linking, `params` and `holes` are constant globals and the skeleton is inlined into a wrapper:
// whatever a skeleton branches on folds away. Copy the parameters once (`const GemmParams p = *params;`), so
// that stores through float pointers cannot be taken for changes to them.
#pragma once
#include "kernels/registry/cpu_abi.h"
#include "kernels/registry/params.h"

#ifndef R1_ISA_SUFFIX
#define R1_ISA_SUFFIX
#endif
#define R1_JOIN_(a, b) a##b
#define R1_JOIN(a, b) R1_JOIN_(a, b)
#define R1_ISA R1_JOIN(isa, R1_ISA_SUFFIX)

// Under a sanitizer inlining is left to the compiler: one instrumented function per skeleton takes minutes to compile.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define R1_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define R1_SANITIZED 1
#endif
#endif
#ifdef R1_SANITIZED
#define R1_INLINE [[maybe_unused]] static inline
#define R1_MEMBER inline
#else
#define R1_INLINE static inline __attribute__((always_inline))
#define R1_MEMBER inline __attribute__((always_inline)) // the same for a non-static member
#endif

// R1_SKELETON(gemm_bf16, GemmParams) { ... } defines r1_gemm_bf16<suffix> of type SkeletonFunction; the body sees its own
// parameters' type.
#define R1_SKELETON_ARGUMENTS(Params)                                                                        \
  ([[maybe_unused]] void* const* buffers, [[maybe_unused]] const int64_t* dims, int64_t begin, int64_t end,  \
   [[maybe_unused]] void* scratch, [[maybe_unused]] Params params,                                           \
   [[maybe_unused]] const r1::kernels::Hole* holes)
#define R1_SKELETON(name, Params)                                                                            \
  R1_INLINE void r1_body_##name R1_SKELETON_ARGUMENTS(const r1::kernels::Params*);                           \
  extern "C" void R1_JOIN(r1_##name, R1_ISA_SUFFIX) R1_SKELETON_ARGUMENTS(const void*) {                     \
    r1_body_##name(buffers, dims, begin, end, scratch, static_cast<const r1::kernels::Params*>(params),      \
                   holes);                                                                                   \
  }                                                                                                          \
  R1_INLINE void r1_body_##name R1_SKELETON_ARGUMENTS(const r1::kernels::Params*)

namespace r1::kernels {

// The type of every skeleton, its parameters untyped.
using SkeletonFunction = void (*)(void* const* buffers, const int64_t* dims, int64_t begin, int64_t end,
                                  void* scratch, const void* params, const Hole* holes);

R1_INLINE constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
R1_INLINE constexpr int64_t round_up(int64_t a, int64_t b) { return ceil_div(a, b) * b; }
R1_INLINE constexpr int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
R1_INLINE constexpr int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

} // namespace r1::kernels
