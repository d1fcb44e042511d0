// What this machine can do at best, measured: the ceilings that kernels are held against.
#pragma once
#include <cstdint>

namespace r1::kernels::bench {

// Reads `bytes` (a multiple of 1024) once with wide loads and software prefetch; the sum keeps the reads
// alive.
int64_t stream(const char* data, int64_t bytes);

// Dots of bf16 pairs from registers alone, `iterations` x 24 x 64 operations. Returns the operations done; 0
// without AVX512-BF16.
int64_t register_dots(int64_t iterations);

// Tile products from registers alone, `iterations` x 4 x 16384 operations; 0 without AMX.
int64_t register_tiles(int64_t iterations);

} // namespace r1::kernels::bench
