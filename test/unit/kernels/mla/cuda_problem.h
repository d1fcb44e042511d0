// Runs the CUDA skeletons of mla on the emulator over the problems of problem.h: compile-time configurations,
// buffers, and the schedules that every skeleton must stand.
#pragma once
#include "kernels/mla/cuda_combine.h"
#include "kernels/mla/cuda_decode.h"
#include "kernels/mla/cuda_prefill.h"
#include "kernels/simt/launch.h"
#include "test/unit/kernels/mla/problem.h"

namespace r1::test {

inline std::vector<simt::Schedule> schedules() {
  using simt::Async, simt::Order;
  return {{0, Order::kFifo, Async::kEager},      {1, Order::kPriority, Async::kLazy},
          {2, Order::kPriority, Async::kLazy},   {3, Order::kPriority, Async::kLazy},
          {1, Order::kPriority, Async::kRandom}, {2, Order::kPriority, Async::kRandom}};
}

// Strides are as odd as slices can make them. kGap 2 puts the cache's tokens at addresses that are not multiples
// of 16 bytes unless kKey + 2 is a multiple of 8.
template <int64_t kHeads, int64_t kLatent, int64_t kRope, int64_t kNope, int64_t kV, int64_t kGap,
          int64_t kSplit, int64_t kBlock>
struct Case {
  static constexpr int64_t heads = kHeads, kv_lora = kLatent, rope = kRope, nope = kNope, v = kV;
  static constexpr double scale = 0.1352338;
  static constexpr int64_t token_stride = kLatent + kRope + kGap, pages_per_sequence = 8;
  static constexpr int64_t q_stride = kHeads * (kNope + kRope) + 6, q_latent_stride = kHeads * kLatent + 5;
  static constexpr int64_t q_rope_head_stride = kRope + 7, q_rope_stride = kHeads * (kRope + 7) + 3;
  static constexpr int64_t split_tokens = kSplit, max_splits = 7, q_block = kBlock;
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

// One tile a block, and some blocks more than there are tokens, as in a bucket that is not full.
template <class Skeleton> void kernel(void** params) {
  Skeleton::tile(*static_cast<const cuda::Arguments*>(params[0]), cuda::block_index(),
                 simt::current->block->shared);
}
template <class Skeleton>
void launch(std::vector<void*> buffers, std::vector<int> dims, int64_t tiles,
            const simt::Schedule& schedule) {
  cuda::Arguments arguments{dims.data(), {}};
  std::copy(buffers.begin(), buffers.end(), arguments.buffers);
  void* params[] = {&arguments};
  const simt::Shape shape{uint32_t(tiles), uint32_t(Skeleton::kThreads), uint32_t(Skeleton::kSharedBytes)};
  EXPECT_EQ(simt::launch(&kernel<Skeleton>, shape, params, schedule), "");
}

// What lies between rows must stay as strided() made it.
inline void expect_untouched(const std::vector<uint16_t>& rows, int64_t cols, int64_t stride) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (int64_t(i % stride) >= cols) {
      ASSERT_EQ(rows[i], 0xffff) << "written outside of the row's columns, at " << i;
    }
  }
}

// As decode() and prefill() of problem.h. C: the Case that `p` was made by.
template <class C>
std::vector<float> cuda_decode(Problem& p, std::vector<int32_t> slots, std::vector<int32_t> positions,
                               const std::vector<float>& q_latent, const std::vector<float>& q_rope,
                               const simt::Schedule& schedule) {
  using Config = LatentOut<C>;
  using Decode = cuda::MlaDecode<Config, NoHoles>;
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
  launch<Decode>({latent_in.data(), rope_in.data(), p.cache.data(), positions.data(), slots.data(),
                  p.page_table.data(), partial.data()},
                 {tokens, tokens, 0}, (tokens + 1) * C::max_splits * head_blocks, schedule);
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t s = positions[t] / C::split_tokens + 1; s < C::max_splits; ++s)
      for (int64_t h = 0; h < C::heads; ++h) {
        const float* ends =
            &partial[((t * C::max_splits + s) * C::heads + h) * (C::kv_lora + 2) + C::kv_lora];
        EXPECT_EQ(ends[0], -kInfinity) << "maximum of split " << s << " past token " << t;
        EXPECT_EQ(ends[1], 0) << "sum of split " << s << " past token " << t;
      }
  launch<cuda::MlaCombine<Config, NoHoles>>({partial.data(), positions.data(), out.data()},
                                            {tokens, tokens, 0}, (tokens + 1) * C::heads, schedule);
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

template <class C>
std::vector<float> cuda_prefill(Problem& p, std::vector<int32_t> slots, std::vector<int32_t> positions,
                                const std::vector<float>& q, const simt::Schedule& schedule) {
  using Config = HeadOut<C>;
  using Prefill = cuda::MlaPrefill<Config, NoHoles>;
  const int tokens = int(slots.size());
  std::vector<uint16_t> q_in = strided(to_bf16(q), tokens, C::heads * (C::nope + C::rope), C::q_stride);
  std::vector<uint16_t> out(tokens * Config::out_stride, 0xffff);
  std::vector<uint16_t> w_uk = rowmajor(p.w_uk, C::heads * C::nope, C::kv_lora);
  std::vector<uint16_t> w_uv = rowmajor(p.w_uv, C::heads * C::v, C::kv_lora);
  const int64_t blocks = (tokens + C::q_block - 1) / C::q_block + 1;
  const int64_t heads = Prefill::kRows / C::q_block;
  launch<Prefill>({q_in.data(), w_uk.data(), w_uv.data(), p.cache.data(), positions.data(), slots.data(),
                   p.page_table.data(), out.data()},
                  {tokens, 1, 0}, blocks * ((C::heads + heads - 1) / heads), schedule);
  expect_untouched(out, C::heads * C::v, Config::out_stride);
  return dense(from_bf16(out), tokens, C::heads * C::v, Config::out_stride);
}

} // namespace r1::test
