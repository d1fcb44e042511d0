// Runs the CUDA skeletons of mla on the emulator over the problems of problem.h: compile-time configurations,
// and buffers.
#pragma once
#include "kernels/mla/cuda_combine.h"
#include "kernels/mla/cuda_decode.h"
#include "kernels/mla/cuda_hopper_decode.h"
#include "kernels/mla/cuda_hopper_prefill.h"
#include "kernels/mla/cuda_prefill.h"
#include "kernels/simt/tensor_map.h"
#include "test/unit/kernels/cuda_support.h"
#include "test/unit/kernels/mla/problem.h"

namespace r1::test {

// Strides are as odd as slices can make them. kGap 2 puts the cache's tokens at addresses that are not multiples
// of 16 bytes unless kKey + 2 is a multiple of 8.
template <int64_t kHeads, int64_t kLatent, int64_t kRope, int64_t kNope, int64_t kV, int64_t kGap,
          int64_t kSplit, int64_t kBlock, int64_t kMaxSplits = 7>
struct Case {
  static constexpr int64_t heads = kHeads, kv_lora = kLatent, rope = kRope, nope = kNope, v = kV;
  static constexpr double scale = 0.1352338;
  static constexpr int64_t token_stride = kLatent + kRope + kGap, pages_per_sequence = 20;
  static constexpr int64_t q_stride = kHeads * (kNope + kRope) + 6, q_latent_stride = kHeads * kLatent + 5;
  static constexpr int64_t q_rope_head_stride = kRope + 7, q_rope_stride = kHeads * (kRope + 7) + 3;
  static constexpr int64_t split_tokens = kSplit, max_splits = kMaxSplits, q_block = kBlock;
  static constexpr int64_t gap = kGap, latent_out_stride = kHeads * kLatent + 9,
                           v_out_stride = kHeads * kV + 10;

  static Problem problem(Random& random, std::vector<int64_t> lengths) {
    Problem p = make_problem(random, {kHeads, kLatent, kRope, kNope, kV}, lengths, kGap, pages_per_sequence);
    p.params.scale = scale;
    return p;
  }
};
// out_stride is one field for both kernels that write.
template <class C> struct LatentOut : C {
  static constexpr int64_t out_stride = C::latent_out_stride;
};
template <class C> struct HeadOut : C {
  static constexpr int64_t out_stride = C::v_out_stride;
};
struct NoHoles {};

// Tokens of a split, of those that a token at `position` sees.
template <class C> int64_t split_length(int64_t position) {
  return kernels::cuda_mla_split(int(position + 1), C::split_tokens, C::max_splits);
}

// What lies between rows must stay as strided() made it.
inline void expect_untouched(const std::vector<uint16_t>& rows, int64_t cols, int64_t stride) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (int64_t(i % stride) >= cols) {
      ASSERT_EQ(rows[i], 0xffff) << "written outside of the row's columns, at " << i;
    }
  }
}

#if R1_SM >= 90
// A map of [planes][64 rows][columns] of bf16 whose box is 64 rows x 64 columns.
inline cuda::TensorMap chunk_map(uint16_t* address, int64_t columns, int64_t stride, int64_t rows,
                                 int64_t planes) {
  const uint64_t dims[] = {uint64_t(columns), uint64_t(rows), uint64_t(planes)};
  const uint64_t strides[] = {uint64_t(stride) * 2, uint64_t(rows * stride) * 2};
  const uint32_t box[] = {64, 64, 1}, ones[] = {1, 1, 1};
  const simt::TensorMapFacts facts{.data_type = 9,
                                   .rank = 3,
                                   .address = address,
                                   .dims = dims,
                                   .strides = strides,
                                   .box = box,
                                   .element_strides = ones,
                                   .swizzle = 3};
  cuda::TensorMap map;
  EXPECT_EQ(simt::encode_tensor_map(&map, facts), "");
  return map;
}
template <class C> cuda::TensorMap cache_map(Problem& p) {
  return chunk_map(p.cache.data(), C::kv_lora + C::rope, C::token_stride, kPageTokens,
                   int64_t(p.cache.size()) / (kPageTokens * C::token_stride));
}
#endif

// As decode() and prefill() of problem.h. C: the Case that `p` was made by.
template <class C, template <class, class> class Skeleton = cuda::MlaDecode>
std::vector<float> cuda_decode(Problem& p, std::vector<int32_t> slots, std::vector<int32_t> positions,
                               const std::vector<float>& q_latent, const std::vector<float>& q_rope,
                               const CudaRun& run) {
  using Config = LatentOut<C>;
  using Decode = Skeleton<Config, NoHoles>;
  const int tokens = int(slots.size());
  std::vector<uint16_t> latent_in =
      strided(to_bf16(q_latent), tokens, C::heads * C::kv_lora, C::q_latent_stride);
  std::vector<uint16_t> rope_in(tokens * C::q_rope_stride, 0xffff), out(tokens * Config::out_stride, 0xffff);
  const std::vector<uint16_t> rope_bits = to_bf16(q_rope);
  for (int64_t i = 0; i < tokens * C::heads; ++i)
    std::copy_n(&rope_bits[i * C::rope], C::rope,
                &rope_in[i / C::heads * C::q_rope_stride + i % C::heads * C::q_rope_head_stride]);
  std::vector<float> partial(tokens * C::max_splits * C::heads * (C::kv_lora + 2), kNan);
  const int64_t head_blocks = (C::heads + Decode::kRows - 1) / Decode::kRows;
  void* maps = nullptr;
#if R1_SM >= 90
  cuda::TensorMap map;
  if constexpr (requires { Decode::kMaps; }) {
    map = cache_map<C>(p);
    maps = &map;
  }
#endif
  run_cuda<Decode>(run,
                   {latent_in.data(), rope_in.data(), p.cache.data(), positions.data(), slots.data(),
                    p.page_table.data(), partial.data()},
                   {tokens, tokens, 0}, int((tokens + 1) * C::max_splits * head_blocks), maps);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t s = positions[t] / split_length<C>(positions[t]) + 1; s < C::max_splits; ++s)
      for (int64_t h = 0; h < C::heads; ++h) {
        const float* ends =
            &partial[((t * C::max_splits + s) * C::heads + h) * (C::kv_lora + 2) + C::kv_lora];
        EXPECT_EQ(ends[0], -kInfinity) << "maximum of split " << s << " past token " << t;
        EXPECT_EQ(ends[1], 0) << "sum of split " << s << " past token " << t;
      }
  run_cuda<cuda::MlaCombine<Config, NoHoles>>(run, {partial.data(), positions.data(), out.data()},
                                              {tokens, tokens, 0}, int((tokens + 1) * C::heads));
  expect_untouched(out, C::heads * C::kv_lora, Config::out_stride);
  return dense(from_bf16(out), tokens, C::heads * C::kv_lora, Config::out_stride);
}

// `rowmajor`: [heads][n][k rounded up to 64], zero padded.
inline std::vector<uint16_t> rowmajor(const std::vector<float>& w, int64_t rows, int64_t k) {
  const int64_t padded = (k + 63) / 64 * 64;
  std::vector<uint16_t> out(rows * padded, 0);
  const std::vector<uint16_t> source = to_bf16(w);
  for (int64_t r = 0; r < rows; ++r)
    std::copy_n(&source[r * k], k, &out[r * padded]);
  return out;
}

template <class C, template <class, class> class Skeleton = cuda::MlaPrefill>
std::vector<float> cuda_prefill(Problem& p, std::vector<int32_t> slots, std::vector<int32_t> positions,
                                const std::vector<float>& q, const CudaRun& run) {
  using Config = HeadOut<C>;
  using Prefill = Skeleton<Config, NoHoles>;
  const int tokens = int(slots.size());
  std::vector<uint16_t> q_in = strided(to_bf16(q), tokens, C::heads * (C::nope + C::rope), C::q_stride);
  std::vector<uint16_t> out(tokens * Config::out_stride, 0xffff);
  std::vector<uint16_t> w_uk = rowmajor(p.w_uk, C::heads * C::nope, C::kv_lora);
  std::vector<uint16_t> w_uv = rowmajor(p.w_uv, C::heads * C::v, C::kv_lora);
  const int64_t blocks = (tokens + C::q_block - 1) / C::q_block + 1;
  const int64_t heads = Prefill::kRows / C::q_block;
  void* maps = nullptr;
#if R1_SM >= 90
  cuda::TensorMap map[3];
  if constexpr (requires { Prefill::kMaps; }) {
    const int64_t width = (C::kv_lora + 63) / 64 * 64;
    map[0] = cache_map<C>(p);
    map[1] = chunk_map(w_uk.data(), width, width, C::nope, C::heads);
    map[2] = chunk_map(w_uv.data(), width, width, C::v, C::heads);
    maps = map;
  }
#endif
  run_cuda<Prefill>(run,
                    {q_in.data(), w_uk.data(), w_uv.data(), p.cache.data(), positions.data(), slots.data(),
                     p.page_table.data(), out.data()},
                    {tokens, 1, 0}, int(blocks * ((C::heads + heads - 1) / heads)), maps);
  expect_untouched(out, C::heads * C::v, Config::out_stride);
  return dense(from_bf16(out), tokens, C::heads * C::v, Config::out_stride);
}

} // namespace r1::test
