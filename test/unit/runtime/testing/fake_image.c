// The machine code of the fake model (fake_model.h): real kernels behind the real interface, small enough to predict.
#include <stdint.h>

enum { kVocab = 320, kPageTokens = 64, kPagesPerSequence = 4 };  // as in fake_model.h

// Buffers: ids, positions, slots, page table, cache layer. Layer 0 keeps the id, layer 1 (dims unused) is given by append_b.
static void append(void* const* b, int64_t begin, int64_t end, int32_t flip) {
  const int32_t *ids = b[0], *positions = b[1], *slots = b[2], *table = b[3];
  int32_t* cache = b[4];
  for (int64_t t = begin; t < end; ++t) {
    int32_t page = table[slots[t] * kPagesPerSequence + positions[t] / kPageTokens];
    cache[page * kPageTokens + positions[t] % kPageTokens] = ids[t] ^ flip;
  }
}
static void append_a(void* const* b, const int64_t* d, int64_t begin, int64_t end, void* s) { append(b, begin, end, 0); }
static void append_b(void* const* b, const int64_t* d, int64_t begin, int64_t end, void* s) { append(b, begin, end, 0x5a5a); }

// Buffers: positions, slots, page table, cache layer, state u32[T]: a hash of every token up to this one.
static void scan(void* const* b, const int64_t* d, int64_t begin, int64_t end, void* scratch) {
  const int32_t *positions = b[0], *slots = b[1], *table = b[2], *cache = b[3];
  uint32_t* state = b[4];
  for (int64_t t = begin; t < end; ++t) {
    uint32_t h = 17;
    for (int32_t p = 0; p <= positions[t]; ++p)
      h = h * 31 + (uint32_t)cache[table[slots[t] * kPagesPerSequence + p / kPageTokens] * kPageTokens + p % kPageTokens];
    ((volatile uint32_t*)scratch)[0] = h;  // scratch belongs to this thread alone, so it still holds h below
    state[t] = ((volatile uint32_t*)scratch)[0];
  }
}

// Buffers: state of both layers, rows, weights f32[vocab], logits. One tile: 64 columns of one row.
static void logits(void* const* b, const int64_t* d, int64_t begin, int64_t end, void* scratch) {
  const uint32_t *a = b[0], *c = b[1];
  const int32_t* rows = b[2];
  const float* weights = b[3];
  float* out = b[4];
  const int64_t blocks = kVocab / 64;
  for (int64_t tile = begin; tile < end; ++tile) {
    int64_t r = tile / blocks;
    for (int64_t j = tile % blocks * 64; j < tile % blocks * 64 + 64; ++j) {
      uint32_t h = (a[rows[r]] ^ c[rows[r]] * 2654435761u) + (uint32_t)j * 40503u;
      h ^= h >> 15;
      h *= 2246822519u;
      out[r * kVocab + j] = (float)(h >> 20) / 4096 + weights[j];
    }
  }
}

// Buffers: logits, options, draws, chosen. The real kernel (kernels/sample/cpu.cpp).
void r1_sample_fake(void* const*, const int64_t*, int64_t, int64_t, void*, const void*, const void*);
static void sample(void* const* b, const int64_t* d, int64_t begin, int64_t end, void* scratch) {
  const int64_t params[] = {kVocab, kVocab};
  r1_sample_fake(b, d, begin, end, scratch, params, 0);
}

typedef void (*Kernel)(void* const*, const int64_t*, int64_t, int64_t, void*);
const Kernel* r1_cpu_kernels(uint32_t abi, uint32_t* count);
const Kernel* r1_cpu_kernels(uint32_t abi, uint32_t* count) {
  static const Kernel kernels[] = {append_a, append_b, scan, logits, sample};
  *count = sizeof kernels / sizeof *kernels;
  return abi == 1 ? kernels : 0;
}
