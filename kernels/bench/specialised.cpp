// Attention with its parameters known at compile time, as r1c links it: what the benchmark of a skeleton
// cannot show.
#include "kernels/bench/specialised.h"
#include "kernels/mla/combine_cpu.h"
#include "kernels/mla/decode_cpu.h"
#include "kernels/mla/prefill_cpu.h"

namespace r1::kernels::bench {
using namespace R1_ISA;

namespace {

template <int64_t kHeads> constexpr MlaParams kParams = specialised_params(kHeads);

template <int64_t kHeads>
__attribute__((flatten)) void decode(void* const* buffers, const int64_t* dims, int64_t begin, int64_t end,
                                     void* scratch, const void*, const Hole*) {
  r1_mla_decode_specialised(buffers, dims, begin, end, scratch, &kParams<kHeads>, nullptr);
}

template <int64_t kHeads>
__attribute__((flatten)) void prefill(void* const* buffers, const int64_t* dims, int64_t begin, int64_t end,
                                      void* scratch, const void*, const Hole*) {
  r1_mla_prefill_specialised(buffers, dims, begin, end, scratch, &kParams<kHeads>, nullptr);
}

} // namespace

SpecialisedKernel specialised_decode(int64_t heads) { return heads == 16 ? decode<16> : decode<128>; }
SpecialisedKernel specialised_prefill() { return prefill<16>; }

} // namespace r1::kernels::bench
