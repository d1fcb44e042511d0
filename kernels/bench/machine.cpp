#include "kernels/bench/machine.h"
#include "kernels/native/levels.h"

#include <immintrin.h>

#define R1_TARGET(features) __attribute__((target(features), noinline))

namespace r1::kernels::bench {
namespace {

R1_TARGET("avx512f") int64_t stream_512(const char* data, int64_t bytes) {
  __m512i sum[4] = {};
  for (int64_t i = 0; i < bytes; i += 256)
    for (int j = 0; j < 4; ++j) {
      _mm_prefetch(data + i + 4096 + j * 64, _MM_HINT_T0);
      sum[j] = _mm512_add_epi64(sum[j], _mm512_loadu_si512(data + i + j * 64));
    }
  return _mm512_reduce_add_epi64(
      _mm512_add_epi64(_mm512_add_epi64(sum[0], sum[1]), _mm512_add_epi64(sum[2], sum[3])));
}

R1_TARGET("avx2") int64_t stream_256(const char* data, int64_t bytes) {
  __m256i sum[8] = {};
  for (int64_t i = 0; i < bytes; i += 256)
    for (int j = 0; j < 8; ++j) {
      _mm_prefetch(data + i + 4096 + j * 32, _MM_HINT_T0);
      sum[j] =
          _mm256_add_epi64(sum[j], _mm256_loadu_si256(reinterpret_cast<const __m256i*>(data + i + j * 32)));
    }
  for (int j = 1; j < 8; ++j)
    sum[0] = _mm256_add_epi64(sum[0], sum[j]);
  return _mm256_extract_epi64(sum[0], 0) + _mm256_extract_epi64(sum[0], 1) + _mm256_extract_epi64(sum[0], 2) +
         _mm256_extract_epi64(sum[0], 3);
}

R1_TARGET("avx512f,avx512bf16") int64_t dots(int64_t iterations) {
  __m512 sum[24];
  for (__m512& s : sum)
    s = _mm512_setzero_ps();
  __m512i pair = _mm512_set1_epi32(0x3f803f80);
  asm volatile("" : "+v"(pair));
  for (int64_t i = 0; i < iterations; ++i) {
#ifdef __clang__
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 24
#endif
    for (__m512& s : sum)
      s = _mm512_dpbf16_ps(s, (__m512bh)pair, (__m512bh)pair);
  }
  for (__m512& s : sum)
    asm volatile("" : : "v"(s));
  return iterations * 24 * 64;
}

// Hand-written, so that it compiles alike everywhere: four sums, two tiles of A, two of B.
R1_TARGET("avx2") int64_t tiles(int64_t iterations) {
  struct alignas(64) {
    uint8_t palette = 1, rest[15] = {};
    uint16_t column_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } config;
  asm volatile("ldtilecfg %0" : : "m"(config) : "memory");
  asm volatile("tilezero %%tmm0\n\ttilezero %%tmm1\n\ttilezero %%tmm2\n\ttilezero %%tmm3\n\t"
               "tilezero %%tmm4\n\ttilezero %%tmm5\n\ttilezero %%tmm6\n\ttilezero %%tmm7" ::
                   : "memory");
  for (int64_t i = 0; i < iterations; ++i)
    asm volatile("tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\ttdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"
                 "tdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm7, %%tmm5, %%tmm3" ::
                     : "memory");
  asm volatile("tilerelease" ::: "memory");
  return iterations * 4 * 16384;
}

} // namespace

int64_t stream(const char* data, int64_t bytes) {
  return cpu_has_v4() ? stream_512(data, bytes) : stream_256(data, bytes);
}
int64_t register_dots(int64_t iterations) { return cpu_has_bf16() ? dots(iterations) : 0; }
int64_t register_tiles(int64_t iterations) { return cpu_has_amx() ? tiles(iterations) : 0; }

} // namespace r1::kernels::bench
