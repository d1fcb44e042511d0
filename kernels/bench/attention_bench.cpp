// Attention, router and row kernels beside the machine's ceilings, in one run: quote ratios, never times of
// different runs.
//
//   attention_bench --benchmark_filter='stream|peak|avx512_bf16' --benchmark_repetitions=5
//   --benchmark_report_aggregates_only=true
//
// Names: <kernel>/<level>/<shape>/threads:<T>; level "specialised" is avx512_bf16 with constant parameters.
// Dimensions of a head are R1's and r1-mini's: kv_lora 512, rope 64, nope 128, v 128. Latent caches cycle
// through 256 MiB of huge pages, so every context comes from memory. bytes_per_second counts cache bytes
// (router: weights, rows: what is read and written), FLOP/s multiply-adds twice. Threads split the tiles and
// do not wait.
#include "kernels/bench/machine.h"
#include "kernels/bench/specialised.h"
#include "kernels/native/levels.h"
#include "kernels/registry/layout.h"
#include "kernels/registry/params.h"
#include "kernels/registry/registry.h"

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

R1_DECLARE_LEVELS(mla_decode);
R1_DECLARE_LEVELS(mla_combine);
R1_DECLARE_LEVELS(mla_prefill);
R1_DECLARE_LEVELS(router_logits);
R1_DECLARE_LEVELS(router_topk);
R1_DECLARE_LEVELS(router_group);
R1_DECLARE_LEVELS(rows);

namespace r1::kernels::bench {
namespace {

constexpr int64_t kPool = int64_t(1) << 28, kStride = specialised_params(1).token_stride;

char* huge_pages(int64_t bytes) {
  void* p = mmap(nullptr, size_t(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return nullptr;
  madvise(p, size_t(bytes), MADV_HUGEPAGE);
  return static_cast<char*>(p);
}

// bf16 values of both signs between 1/64 and 1: no denormals, no NaN, scores of a plausible size.
uint16_t* bf16_pool() {
  static uint16_t* pool = [] {
    auto* words = reinterpret_cast<uint16_t*>(huge_pages(kPool));
    uint32_t state = 1;
    for (int64_t i = 0; i < kPool / 2; ++i) {
      state = state * 1664525 + 1013904223;
      words[i] = uint16_t((state >> 31 << 15) | (0x3c80 + (state >> 16 & 0x2ff)));
    }
    return words;
  }();
  return pool;
}
float* floats() {
  static auto* pool = reinterpret_cast<float*>(huge_pages(kPool));
  return pool;
}

struct Scratch {
  explicit Scratch(int64_t bytes) : data(std::aligned_alloc(4096, size_t((bytes + 8191) / 4096 * 4096))) {}
  ~Scratch() { std::free(data); }
  void* data;
};
template <class Params> Scratch make_scratch(const char* name, const Params& p) {
  int64_t words[sizeof(Params) / 8];
  std::memcpy(words, &p, sizeof p);
  return Scratch(find_skeleton(name)->scratch_bytes(words));
}

void report(benchmark::State& state, double bytes, double flops) {
  const double share = 1.0 / state.threads() * double(state.iterations()); // every thread reports its part
  state.SetBytesProcessed(int64_t(bytes * share));
  state.counters["FLOP/s"] = benchmark::Counter(flops * share, benchmark::Counter::kIsRate);
}

struct Pages {
  std::vector<int32_t> table, positions, slots;
  Pages(int64_t tokens, int64_t first, int64_t context) : positions(tokens), slots(tokens, 0) {
    for (int64_t i = 0; i < context / kPageTokens; ++i)
      table.push_back(int32_t(i));
    for (int64_t t = 0; t < tokens; ++t)
      positions[t] = int32_t(first + t);
  }
};

// One token of one sequence.
void decode(benchmark::State& state, NativeLevel level, int64_t heads, int64_t context) {
  const MlaParams p = specialised_params(heads);
  const Scratch scratch = make_scratch("mla_decode", p);
  Pages pages(1, context - 1, context);
  const int64_t elements = context * kStride, copies = getenv("HOT") ? 1 : kPool / 2 / elements;
  void* buffers[7] = {bf16_pool(),        bf16_pool() + heads * 512, nullptr, pages.positions.data(),
                      pages.slots.data(), pages.table.data(),        floats()};
  const int64_t dims[kDimCount] = {1, 1, context};
  const int64_t tiles = context / p.split_tokens, t = state.thread_index(), threads = state.threads();
  int64_t copy = 0;
  for (auto _ : state) {
    buffers[2] = bf16_pool() + copy++ % copies * elements;
    level.run(buffers, dims, tiles * t / threads, tiles * (t + 1) / threads, scratch.data, &p, nullptr);
  }
  report(state, double(elements * 2), 2.0 * double(heads * context * (2 * 512 + 64)));
}

void combine(benchmark::State& state, NativeLevel level, int64_t heads, int64_t context) {
  const MlaParams p = specialised_params(heads);
  Pages pages(1, context - 1, context);
  void* buffers[3] = {floats(), pages.positions.data(), bf16_pool()};
  const int64_t dims[kDimCount] = {1, 1, context};
  const int64_t t = state.thread_index(), threads = state.threads();
  for (auto _ : state)
    level.run(buffers, dims, heads * t / threads, heads * (t + 1) / threads, nullptr, &p, nullptr);
  report(state, double(heads * (context / p.split_tokens) * 514 * 4),
         2.0 * double(heads * (context / p.split_tokens) * 512));
}

// A prompt of `tokens` at once. Operations: both expansions of each page for each block of queries, and
// causal attention.
void prefill(benchmark::State& state, NativeLevel level, int64_t heads, int64_t tokens) {
  const MlaParams p = specialised_params(heads);
  const Scratch scratch = make_scratch("mla_prefill", p);
  Pages pages(tokens, 0, tokens);
  void* buffers[8] = {bf16_pool(),
                      bf16_pool() + (1 << 22),
                      bf16_pool() + (1 << 23),
                      bf16_pool() + (1 << 24),
                      pages.positions.data(),
                      pages.slots.data(),
                      pages.table.data(),
                      floats()};
  const int64_t dims[kDimCount] = {tokens, 1, tokens};
  const int64_t blocks = tokens / p.q_block, tiles = blocks * heads;
  const int64_t t = state.thread_index(), threads = state.threads();
  // Later blocks see more context: tiles are dealt out one by one.
  for (auto _ : state)
    for (int64_t tile = t; tile < tiles; tile += threads)
      level.run(buffers, dims, tile, tile + 1, scratch.data, &p, nullptr);
  const double expanded = double(p.q_block * blocks * (blocks + 1) / 2);
  report(state, double(tokens * kStride * 2),
         2.0 * double(heads) * (expanded * 512 * 256 + double(tokens) * double(tokens + 1) / 2 * 320));
}

// r1-mini's gate (64 experts, hidden 2048), or R1's.
void logits(benchmark::State& state, NativeLevel level, int64_t experts, int64_t hidden, int64_t tokens) {
  const RouterParams p{hidden, experts, 8, 8, 4, 1, kGroupTop2Sum, 1, 1, 2.5, hidden, kBF16};
  const int64_t elements = experts * hidden, copies = kPool / 2 / elements;
  void* buffers[3] = {floats(), nullptr, floats() + tokens * hidden};
  const int64_t dims[kDimCount] = {tokens, 1, 1};
  const int64_t tiles = tokens * experts / 16, t = state.thread_index(), threads = state.threads();
  int64_t copy = 0;
  for (auto _ : state) {
    buffers[1] = bf16_pool() + copy++ % copies * elements;
    level.run(buffers, dims, tiles * t / threads, tiles * (t + 1) / threads, nullptr, &p, nullptr);
  }
  report(state, double(elements * 2), 2.0 * double(tokens * elements));
}

void topk(benchmark::State& state, NativeLevel level, int64_t experts, int64_t tokens) {
  const RouterParams p{0, experts, 8, 8, 4, 1, kGroupTop2Sum, 1, 1, 2.5, 0, kBF16};
  const Scratch scratch = make_scratch("router_topk", p);
  std::vector<float> x(tokens * experts), bias(experts), weights(tokens * 8);
  std::vector<int32_t> ids(tokens * 8);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = float(i * 2654435761u % 1000) / 500 - 1;
  void* buffers[4] = {x.data(), bias.data(), ids.data(), weights.data()};
  const int64_t dims[kDimCount] = {tokens, 1, 1};
  for (auto _ : state)
    level.run(buffers, dims, 0, tokens, scratch.data, &p, nullptr);
  report(state, double(tokens * experts * 4), 0);
}

void group(benchmark::State& state, NativeLevel level, int64_t experts, int64_t tokens) {
  const RouterParams p{0, experts, 8, 1, 1, 1, 0, 1, 1, 2.5, 0, kBF16};
  const Scratch scratch = make_scratch("router_group", p);
  std::vector<int32_t> ids(tokens * 8), groups(group_words(experts, tokens * 8));
  for (size_t i = 0; i < ids.size(); ++i)
    ids[i] = int32_t(i * 2654435761u % size_t(experts));
  void* buffers[2] = {ids.data(), groups.data()};
  const int64_t dims[kDimCount] = {tokens, 1, 1};
  for (auto _ : state)
    level.run(buffers, dims, 0, 1, scratch.data, &p, nullptr);
  report(state, double(tokens * 8 * 4), 0);
}

// Residual addition, norm and rounding to bf16, as between two layers: x += incoming, y = bf16(norm(x) *
// weight).
void add_residual(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  float* v = const_cast<float*>(values);
  float* x = static_cast<float*>(buffers[0]) + row * 2048 + col;
  const float* incoming = static_cast<const float*>(buffers[1]) + row * 2048 + col;
  for (int64_t i = 0; i < count; ++i)
    x[i] = v[i] = x[i] * 0.5f + incoming[i];
}
void store_normed(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  uint16_t* y = static_cast<uint16_t*>(buffers[2]) + row * 2048 + col;
  const float* weight = static_cast<const float*>(buffers[3]) + col;
  for (int64_t i = 0; i < count; ++i) {
    const float v = values[i] * values[16 + i] * weight[i];
    uint32_t bits;
    std::memcpy(&bits, &v, 4);
    y[i] = uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
}
void norm(benchmark::State& state, NativeLevel level, int64_t tokens) {
  const RowsParams p{2048, 1, 1e-6, 0, 0};
  const Scratch scratch = make_scratch("rows", p);
  void* buffers[4] = {floats(), floats() + tokens * 2048, bf16_pool(), floats() + 2 * tokens * 2048};
  const Hole holes[2] = {add_residual, store_normed};
  const int64_t dims[kDimCount] = {tokens, 1, 1};
  const int64_t t = state.thread_index(), threads = state.threads();
  for (auto _ : state)
    level.run(buffers, dims, tokens * t / threads, tokens * (t + 1) / threads, scratch.data, &p, holes);
  report(state, double(tokens * 2048 * 14), double(tokens * 2048 * 6));
}

benchmark::internal::Benchmark* add(const std::string& name, auto run) {
  return benchmark::RegisterBenchmark(name.c_str(), run)->Threads(1)->Threads(2)->UseRealTime();
}

void add_level(size_t i) {
  const std::string level = (R1_LEVELS(rows))[i].name;
  const auto name = [&](const char* kernel, const std::string& shape) {
    return kernel + ("/" + level) + "/" + shape;
  };
  for (const int64_t heads : {16, 128})
    for (const int64_t context : {512, 4096}) {
      const std::string shape = "heads:" + std::to_string(heads) + "/context:" + std::to_string(context);
      add(name("mla_decode", shape),
          [=, l = (R1_LEVELS(mla_decode))[i]](benchmark::State& s) { decode(s, l, heads, context); });
      add(name("mla_combine", shape),
          [=, l = (R1_LEVELS(mla_combine))[i]](benchmark::State& s) { combine(s, l, heads, context); });
    }
  add(name("mla_prefill", "heads:16/tokens:512"),
      [l = (R1_LEVELS(mla_prefill))[i]](benchmark::State& s) { prefill(s, l, 16, 512); });
  for (const int64_t tokens : {1, 64}) {
    const std::string shape = "/tokens:" + std::to_string(tokens);
    add(name("router_logits", "64x2048" + shape),
        [=, l = (R1_LEVELS(router_logits))[i]](benchmark::State& s) { logits(s, l, 64, 2048, tokens); });
    add(name("router_logits", "256x7168" + shape),
        [=, l = (R1_LEVELS(router_logits))[i]](benchmark::State& s) { logits(s, l, 256, 7168, tokens); });
    add(name("rows", "norm:2048" + shape),
        [=, l = (R1_LEVELS(rows))[i]](benchmark::State& s) { norm(s, l, tokens); });
  }
  for (const int64_t experts : {64, 256}) {
    const std::string shape = "experts:" + std::to_string(experts) + "/tokens:512";
    benchmark::RegisterBenchmark(
        name("router_topk", shape).c_str(),
        [=, l = (R1_LEVELS(router_topk))[i]](benchmark::State& s) { topk(s, l, experts, 512); });
    benchmark::RegisterBenchmark(
        name("router_group", shape).c_str(),
        [=, l = (R1_LEVELS(router_group))[i]](benchmark::State& s) { group(s, l, experts, 512); });
  }
}

void add_specialised() {
  for (const int64_t heads : {16, 128})
    for (const int64_t context : {512, 4096})
      add("mla_decode/specialised/heads:" + std::to_string(heads) + "/context:" + std::to_string(context),
          [=](benchmark::State& s) { decode(s, {"", true, specialised_decode(heads)}, heads, context); });
  add("mla_prefill/specialised/heads:16/tokens:512",
      [](benchmark::State& s) { prefill(s, {"", true, specialised_prefill()}, 16, 512); });
}

void stream_cache(benchmark::State& state) {
  const int64_t part = kPool / state.threads() / 1024 * 1024;
  const char* data = reinterpret_cast<const char*>(bf16_pool());
  for (auto _ : state)
    benchmark::DoNotOptimize(stream(data + part * state.thread_index(), part));
  state.SetBytesProcessed(part * state.iterations());
}

void peak(benchmark::State& state) {
  int64_t done = 0;
  for (auto _ : state)
    done += register_dots(10000);
  if (done == 0)
    state.SkipWithError("this machine lacks the instruction");
  state.counters["FLOP/s"] = benchmark::Counter(double(done), benchmark::Counter::kIsRate);
}

} // namespace
} // namespace r1::kernels::bench

int main(int argc, char** argv) {
  using namespace r1::kernels;
  bench::add("stream", bench::stream_cache);
  bench::add("peak/dots", bench::peak);
  if (cpu_has_bf16())
    bench::add_specialised();
  const std::vector<NativeLevel> levels = R1_LEVELS(rows);
  for (size_t i = 0; i < levels.size(); ++i)
    if (levels[i].supported && levels[i].name != "amx_model")
      bench::add_level(i);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
