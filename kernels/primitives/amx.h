// AMX tiles of bf16: eight tile registers of up to 16 rows x 64 bytes.
//
//   tile_dot<D, A, B>: D[m][n] += sum over k of A[m][k] * B[k/2][2n + k%2], D 16x16 float, A 16x32 bf16, B in
//   vnni16 lines.
// The instruction (TDPBF16PS) sums the products of even k and of odd k in two chains of fused multiply-adds,
// each from zero, k ascending, adds the two, then adds that to D. Round to nearest even, denormals taken and
// given as zero, MXCSR ignored. So a sum over k depends on its cut into tiles of 32, and on nothing else.
//
// With R1_AMX_MODEL the same functions run on an architectural model in plain C++ (tests on machines without
// AMX): it keeps rows and column bytes of the configuration, zeroes what a load or dot leaves out, and traps
// on use of an unconfigured or mismatched tile, as the CPU would fault.
//
// The process must have been granted tile data (arch_prctl ARCH_REQ_XCOMP_PERM, 18); the runtime asks before
// it loads an image.
#pragma once
#include "kernels/primitives/vec.h"

#if defined(R1_AMX_MODEL) || (defined(__AMX_BF16__) && defined(__AMX_TILE__))
#define R1_HAS_AMX 1
#else
#define R1_HAS_AMX 0
#endif

#if R1_HAS_AMX
namespace r1::kernels::R1_ISA {

// The 64 bytes LDTILECFG reads.
struct alignas(64) TileConfig {
  uint8_t palette, start_row, reserved[14];
  uint16_t column_bytes[16];
  uint8_t rows[16];
};
static_assert(sizeof(TileConfig) == 64);

#ifdef R1_AMX_MODEL

struct TileModel {
  TileConfig config;
  alignas(64) uint8_t data[8][16][64];
};
inline TileModel& tile_model() {
  static thread_local TileModel model{};
  return model;
}
inline void model_check(bool ok) {
  if (!ok)
    __builtin_trap();
}
// Denormals count as zero of their sign.
inline float model_flush(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  if ((bits & 0x7f800000u) == 0)
    bits &= 0x80000000u;
  __builtin_memcpy(&x, &bits, sizeof x);
  return x;
}
inline float model_widen(const uint8_t* bf16) {
  uint16_t half;
  __builtin_memcpy(&half, bf16, sizeof half);
  const uint32_t bits = uint32_t(half) << 16;
  float x;
  __builtin_memcpy(&x, &bits, sizeof x);
  return model_flush(x);
}

R1_INLINE void tile_load_config(const TileConfig& config) {
  model_check(config.palette == 1 && config.start_row == 0);
  for (int t = 0; t < 8; ++t)
    model_check(config.rows[t] <= 16 && config.column_bytes[t] <= 64);
  TileModel& m = tile_model();
  m = TileModel{};
  m.config = config;
}
R1_INLINE void tile_release() { tile_model() = TileModel{}; }

template <int T> R1_INLINE void tile_zero() {
  TileModel& m = tile_model();
  model_check(m.config.rows[T] > 0);
  for (auto& row : m.data[T])
    for (uint8_t& byte : row)
      byte = 0;
}
template <int T> R1_INLINE void tile_load(const void* p, int64_t stride) {
  TileModel& m = tile_model();
  model_check(m.config.rows[T] > 0);
  tile_zero<T>();
  for (int r = 0; r < m.config.rows[T]; ++r)
    __builtin_memcpy(m.data[T][r], static_cast<const uint8_t*>(p) + r * stride, m.config.column_bytes[T]);
}
template <int T> R1_INLINE void tile_store(void* p, int64_t stride) {
  TileModel& m = tile_model();
  model_check(m.config.rows[T] > 0);
  for (int r = 0; r < m.config.rows[T]; ++r)
    __builtin_memcpy(static_cast<uint8_t*>(p) + r * stride, m.data[T][r], m.config.column_bytes[T]);
}
template <int D, int A, int B> R1_INLINE void tile_dot() {
  TileModel& t = tile_model();
  const TileConfig& c = t.config;
  const int rows = c.rows[D], columns = c.column_bytes[D] / 4, pairs = c.column_bytes[A] / 4;
  model_check(D != A && D != B && A != B && rows > 0 && rows == c.rows[A] && pairs == c.rows[B] &&
              c.column_bytes[B] == c.column_bytes[D]);
  for (int m = 0; m < rows; ++m)
    for (int n = 0; n < columns; ++n) {
      float even = 0, odd = 0, d;
      for (int k = 0; k < pairs; ++k) {
        const uint8_t* a = t.data[A][m] + 4 * k;
        const uint8_t* b = t.data[B][k] + 4 * n;
        even = model_flush(__builtin_fmaf(model_widen(a), model_widen(b), even));
        odd = model_flush(__builtin_fmaf(model_widen(a + 2), model_widen(b + 2), odd));
      }
      __builtin_memcpy(&d, t.data[D][m] + 4 * n, sizeof d);
      d = model_flush(model_flush(d) + model_flush(even + odd));
      __builtin_memcpy(t.data[D][m] + 4 * n, &d, sizeof d);
    }
}

#else

#ifdef __clang__

R1_INLINE void tile_load_config(const TileConfig& config) { _tile_loadconfig(&config); }
R1_INLINE void tile_release() { _tile_release(); }
template <int T> R1_INLINE void tile_zero() { _tile_zero(T); }
template <int T> R1_INLINE void tile_load(const void* p, int64_t stride) { _tile_loadd(T, p, stride); }
template <int T> R1_INLINE void tile_store(void* p, int64_t stride) { _tile_stored(T, p, stride); }
template <int D, int A, int B> R1_INLINE void tile_dot() { _tile_dpbf16ps(D, A, B); }

#else

// GCC 12's intrinsics paste the spelling of the tile number into the instruction, which a template parameter
// is not, and claim to touch less memory than they do.
R1_INLINE void tile_load_config(const TileConfig& config) {
  asm volatile("ldtilecfg %0" : : "m"(config) : "memory");
}
R1_INLINE void tile_release() { asm volatile("tilerelease" : : : "memory"); }
template <int T> R1_INLINE void tile_zero() { asm volatile("tilezero %%tmm%c0" : : "i"(T)); }
template <int T> R1_INLINE void tile_load(const void* p, int64_t stride) {
  asm volatile("tileloadd (%1,%2,1), %%tmm%c0" : : "i"(T), "r"(p), "r"(stride) : "memory");
}
template <int T> R1_INLINE void tile_store(void* p, int64_t stride) {
  asm volatile("tilestored %%tmm%c0, (%1,%2,1)" : : "i"(T), "r"(p), "r"(stride) : "memory");
}
template <int D, int A, int B> R1_INLINE void tile_dot() {
  asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(D), "i"(A), "i"(B));
}

#endif
#endif

} // namespace r1::kernels::R1_ISA
#endif
