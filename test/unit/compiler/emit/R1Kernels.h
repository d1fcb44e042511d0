// Every skeleton of the registry once, with parameters and holes as DeepSeek-R1 gives them. Shared by tests of what the compiler
// emits for the shipped kernels.
#pragma once
#include "kernels/registry/params.h"
#include "test/unit/compiler/emit/ImageFixture.h"
#include <cstring>

namespace r1::test {

template <class Params> std::vector<int64_t> words(const Params& params) {
  std::vector<int64_t> result(sizeof(Params) / 8);
  std::memcpy(result.data(), &params, sizeof(Params));
  return result;
}

// Holes that fusions make.
struct R1Holes {
  explicit R1Holes(Bodies& bodies) : bodies(bodies) {}

  // silu(gate) * up to bf16.
  HoleSource swiglu(unsigned buffer, int64_t stride) {
    return {bodies(R"((%gate: f32, %up: f32) -> f32 {
      %one = arith.constant 1.0 : f32  %n = arith.negf %gate : f32  %e = math.exp %n : f32
      %d = arith.addf %one, %e : f32  %s = arith.divf %gate, %d : f32  %y = arith.mulf %s, %up : f32
      return %y : f32 })"),
            {},
            {{buffer, bodies.bf16(), stride, 0}}};
  }
  // The one leading value plus a residual, to f32 in place.
  HoleSource addTo(unsigned buffer, int64_t stride) {
    return {bodies("(%sum: f32, %x: f32) -> f32 { %y = arith.addf %sum, %x : f32 return %y : f32 }"),
            {{buffer, bodies.f32(), Access::RowCol, stride, 0}},
            {{buffer, bodies.f32(), stride, 0}}};
  }
  // map of rows: the one leading value plus the residual, kept as the new residual and written back.
  HoleSource residual(unsigned buffer, int64_t stride) {
    return {
        bodies("(%v: f32, %x: f32) -> (f32, f32) { %y = arith.addf %v, %x : f32 return %y, %y : f32, f32 }"),
        {{buffer, bodies.f32(), Access::RowCol, stride, 0}},
        {{buffer, bodies.f32(), stride, 0}}};
  }
  // finish of rows: v * rstd * weight[col] to bf16.
  HoleSource normed(unsigned weight, unsigned out, int64_t stride) {
    return {bodies(R"((%v: f32, %rstd: f32, %w: f32) -> f32 {
      %0 = arith.mulf %v, %rstd : f32  %1 = arith.mulf %0, %w : f32  return %1 : f32 })"),
            {{weight, bodies.f32(), Access::Col, 0, 0}},
            {{out, bodies.bf16(), stride, 0}}};
  }
  // One leading value, stored as it is.
  HoleSource store(unsigned buffer, int64_t stride, mlir::Type type) {
    return {bodies("(%v: f32) -> f32 { return %v : f32 }"), {}, {{buffer, type, stride, 0}}};
  }

  Bodies& bodies;
};

inline std::vector<KernelSource> r1Kernels(Bodies& bodies) {
  using namespace kernels;
  constexpr int64_t kHidden = 7168, kInner = 18432, kExpertInner = 2048, kLora = 512, kRope = 64,
                    kHeads = 128;
  R1Holes holes(bodies);
  HoleSource none;
  GemmParams down{kHidden, kInner, 1, kInner, 0, 1, 64, 64, 0, 0};
  GemmParams gateUp{kInner, kHidden, 1, kHidden, 0, 2, 64, 64, 0, 0};
  GroupedGemmParams experts{kExpertInner, kHidden, 256, 8, kHidden, 1, 2, 256, 64};
  RouterParams router{kHidden, 256, 8, 8, 4, 1, kGroupTop2Sum, 1, 1, 2.5, kHidden, kF32};
  MlaParams mla{kHeads,       kLora,          kRope,        128, 128,          0.1, 576, 64,
                kHeads * 192, kHeads * kLora, kHeads * 192, 192, kHeads * 128, 256, 16,  64};
  std::vector<KernelSource> sources;
  auto add = [&](const char* name, std::vector<int64_t> params, std::vector<HoleSource> filled) {
    sources.push_back({name, find_skeleton(name), std::move(params), std::move(filled)});
  };
  add("embed", words(EmbedParams{kHidden, kBF16}), {holes.store(2, kHidden, bodies.f32())});
  add("rows", words(RowsParams{kHidden, 1, 1e-6, 8, kHidden}),
      {holes.residual(2, kHidden), holes.normed(3, 4, kHidden)});
  add("gather_words", words(GatherWordsParams{256}), {});
  add("gather", words(GatherParams{kHidden, kHidden, kF32}), {holes.store(2, kHidden, bodies.bf16())});
  add("rope_table", words(RopeTableParams{kRope, 1}), {});
  add("rope", words(RopeParams{kHeads, 192, 128, kRope, 1, kHeads * 192, kHeads * 192, kF32, kBF16}), {});
  add("latent_write", words(LatentWriteParams{kLora, kRope, 1, 1, 1, 1e-6, 576, 576, kF32, 576, 64}), {});
  add("gemm_bf16", words(down), {holes.addTo(2, kHidden), none, none});
  add("gemm_f8", words(gateUp), {holes.swiglu(3, kInner), none, none});
  add("grouped_gemm_bf16", words(experts), {holes.swiglu(4, kExpertInner)});
  add("grouped_gemm_f8", words(experts), {holes.swiglu(4, kExpertInner)});
  for (const char* name : {"router_logits", "router_topk", "router_fused", "router_group"})
    add(name, words(router), {});
  for (const char* name : {"mla_decode", "mla_combine", "mla_prefill"})
    add(name, words(mla), {});
  add("sample", words(SampleParams{129280, 129280}), {});
  return sources;
}

} // namespace r1::test
