// The machine code of the fake model for a simulated GPU, second module.
#include "kernels/sample/cuda.h"

namespace {
using r1::cuda::Arguments, r1::cuda::u8, r1::cuda::u32;

constexpr int kVocab = 320; // as in fake_model.h

// Buffers: state of both layers, rows, weights f32[vocab], logits. One tile: 64 columns of one row. The hash passes through
// the end of shared memory, which must be as large as the artifact says.
struct Logits {
  static constexpr int kThreads = 64, kSharedBytes = 64 << 10, kMinBlocks = 1;
  R1_DEVICE static void tile(const Arguments& a, int tile, u8* shared) {
    const int row = tile / (kVocab / 64), thread = r1::cuda::thread_index();
    if (row >= a.dims[0])
      return;
    const int first = tile % (kVocab / 64) * 64, token = a.in<int>(2)[row];
    u32* hashes = reinterpret_cast<u32*>(shared + kSharedBytes) - 64;
    u32 h = (a.in<u32>(0)[token] ^ a.in<u32>(1)[token] * 2654435761u) + u32(first + thread) * 40503u;
    h ^= h >> 15;
    hashes[thread] = h * 2246822519u;
    r1::cuda::sync_block();
    const int other = 63 - thread; // its hash is another thread's
    a.out<float>(4)[row * kVocab + first + other] =
        float(hashes[other] >> 20) / 4096 + a.in<float>(3)[first + other];
  }
};

// Buffers: destination, request. Every element becomes the scale's value where it is constant, else its own number times scale.
struct Fill {
  static constexpr int kThreads = 64, kSharedBytes = 0, kMinBlocks = 1;
  R1_DEVICE static void tile(const Arguments& a, int, u8*) {
    const long long* request = a.in<long long>(1);
    const float scale = __builtin_bit_cast(float, u32(request[3]));
    const long long step = (long long)(r1::cuda::grid_size()) * kThreads;
    for (long long i = r1::cuda::block_index() * kThreads + r1::cuda::thread_index(); i < request[0];
         i += step)
      a.out<float>(0)[i] = scale > 0 ? float(i) * scale : scale < 0 ? -scale : 1.0f;
  }
};

// The real kernel of this family.
struct Config {
  static constexpr long long vocab = kVocab, stride = kVocab;
};
struct Holes {};
using Choice = r1::cuda::Sample<Config, Holes>;
static_assert(Choice::kThreads == 256 && Choice::kSharedBytes <= 8 << 10); // as in fake_model.cpp
} // namespace

R1_CUDA_KERNEL(fake_sample, Choice)
R1_CUDA_KERNEL(fake_logits, Logits)
R1_CUDA_KERNEL(fake_fill, Fill)
