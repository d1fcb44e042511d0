// Matrix kernels beside the machine's ceilings, in one run: quote ratios, never times of different runs.
//
//   gemm_bench --benchmark_filter='stream|avx512_bf16' --benchmark_repetitions=5
//   --benchmark_report_aggregates_only=true
//
// Names: <kernel>/<level>/<n>x<k>/rows:<M>/threads:<T>. Shapes are r1-mini's. Weights cycle through 512 MiB
// of huge pages, so every matrix comes from memory. bytes_per_second counts weight bytes, FLOP/s
// multiply-adds twice. Threads split the tiles and do not wait for each other.
#include "kernels/bench/machine.h"
#include "kernels/native/levels.h"
#include "kernels/registry/layout.h"
#include "kernels/registry/params.h"
#include "kernels/registry/registry.h"

#include <benchmark/benchmark.h>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

R1_DECLARE_LEVELS(gemm_bf16);
R1_DECLARE_LEVELS(gemm_f8);
R1_DECLARE_LEVELS(grouped_gemm_bf16);
R1_DECLARE_LEVELS(grouped_gemm_f8);

namespace r1::kernels::bench {
namespace {

constexpr int64_t kPool = int64_t(1) << 29;

// Weights, activations and results live in one pool each; contents hardly matter, but no denormals and no
// NaN.
char* huge_pages(int64_t bytes, uint16_t pattern) {
  void* p = mmap(nullptr, size_t(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    return nullptr;
  madvise(p, size_t(bytes), MADV_HUGEPAGE);
  uint16_t* words = static_cast<uint16_t*>(p);
  for (int64_t i = 0; i < bytes / 2; ++i)
    words[i] = uint16_t(pattern + i % 23);
  return static_cast<char*>(p);
}
char* weights() {
  static char* pool = huge_pages(kPool, 0x3c3c);
  return pool;
}
char* activations() {
  static char* pool = huge_pages(int64_t(1) << 25, 0x3c00);
  return pool;
}
float* results() {
  static char* pool = huge_pages(int64_t(1) << 28, 0);
  return reinterpret_cast<float*>(pool);
}
float* scales() {
  static std::vector<float> ones(1 << 20, 0.01f);
  return ones.data();
}

void store_result(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  float* y = static_cast<float*>(buffers[7]) + row * reinterpret_cast<int64_t>(buffers[6]) + col;
  for (int64_t j = 0; j < count; ++j)
    y[j] = values[j];
}
void store_product(void* const* buffers, int64_t row, int64_t col, int64_t count, const float* values) {
  float* y = static_cast<float*>(buffers[7]) + row * reinterpret_cast<int64_t>(buffers[6]) + col;
  for (int64_t j = 0; j < count; ++j)
    y[j] = values[j] * values[16 + j];
}

struct Scratch {
  explicit Scratch(int64_t bytes) : data(std::aligned_alloc(4096, size_t((bytes + 4095) / 4096 * 4096))) {}
  ~Scratch() { std::free(data); }
  void* data;
};

template <class Params> Scratch make_scratch(const char* name, const Params& p) {
  int64_t words[sizeof p / 8];
  std::memcpy(words, &p, sizeof p);
  return Scratch(find_skeleton(name)->scratch_bytes(words));
}

void report(benchmark::State& state, int64_t weight_bytes, double flops) {
  const double share = 1.0 / state.threads(); // every thread reports its part
  state.SetBytesProcessed(int64_t(double(weight_bytes) * share) * state.iterations());
  state.counters["FLOP/s"] =
      benchmark::Counter(flops * share * double(state.iterations()), benchmark::Counter::kIsRate);
}

int64_t tile_override(const char* name, int64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::atoll(text) : otherwise;
}

void gemm(benchmark::State& state, NativeLevel level, bool f8, int64_t n, int64_t k, int64_t rows) {
  const GemmParams p = {n, k, 1, k, 0, 1, tile_override("TILE_M", 256), tile_override("TILE_N", 64), 0, 0};
  const Scratch scratch = make_scratch(f8 ? "gemm_f8" : "gemm_bf16", p);
  const PackShape shape{1, n, k, 1};
  const int64_t bytes = f8 ? vnni16_f8_bytes(shape) : vnni16_bytes(shape), copies = kPool / bytes;
  void* buffers[8] = {activations(), nullptr, scales(), nullptr, nullptr, nullptr, reinterpret_cast<void*>(n),
                      results()};
  const Hole holes[1] = {store_result};
  const int64_t dims[kDimCount] = {rows, 0, 0};
  const int64_t columns = (n + p.tile_n - 1) / p.tile_n, row_blocks = (rows + p.tile_m - 1) / p.tile_m;
  const int64_t tiles = columns * row_blocks, t = state.thread_index(), threads = state.threads();
  int64_t copy = 0;
  for (auto _ : state) {
    buffers[1] = weights() + copy++ % copies * bytes;
    level.run(buffers, dims, tiles * t / threads, tiles * (t + 1) / threads, scratch.data, &p, holes);
  }
  report(state, bytes, 2.0 * double(rows * n * k));
}

// Tokens spread evenly over all 64 experts, eight each: one token activates eight.
void experts(benchmark::State& state, NativeLevel level, bool f8, int64_t n, int64_t k, int64_t tokens,
             bool up) {
  constexpr int64_t kExperts = 64, kTopK = 8;
  const int64_t pairs = tokens * kTopK, accumulators = up ? 2 : 1;
  const int64_t active = std::min(kExperts, pairs);
  const GroupedGemmParams p = {
      n, k, kExperts, kTopK, k, up, accumulators, active, tile_override("TILE_N", 64)};
  const Scratch scratch = make_scratch(f8 ? "grouped_gemm_f8" : "grouped_gemm_bf16", p);
  std::vector<int32_t> groups(group_words(kExperts, pairs));
  groups[0] = int32_t(active);
  for (int32_t a = 0, at = 0; a < active; ++a) {
    groups[1 + a] = int32_t(a * kExperts / active);
    for (int64_t q = a; q < pairs; q += active)
      groups[2 + 2 * kExperts + at++] = int32_t(q);
    groups[2 + kExperts + a] = at;
  }
  const PackShape one{1, n, k, accumulators};
  const int64_t expert_bytes = f8 ? vnni16_f8_bytes(one) : vnni16_bytes(one);
  const int64_t layer = expert_bytes * kExperts, copies = kPool / layer;
  void* buffers[8] = {
      activations(), nullptr, groups.data(), groups.data(), nullptr, nullptr, reinterpret_cast<void*>(n),
      results()};
  if (f8)
    buffers[2] = scales();
  const Hole holes[1] = {up ? store_product : store_result};
  const int64_t dims[kDimCount] = {tokens, 0, 0};
  const int64_t tiles = active * ((n + p.tile_n - 1) / p.tile_n), t = state.thread_index(),
                threads = state.threads();
  int64_t copy = 0;
  for (auto _ : state) {
    buffers[1] = weights() + copy++ % copies * layer;
    level.run(buffers, dims, tiles * t / threads, tiles * (t + 1) / threads, scratch.data, &p, holes);
  }
  report(state, expert_bytes * active, 2.0 * double(pairs * n * k * accumulators));
}

void stream_weights(benchmark::State& state) {
  const int64_t part = kPool / state.threads() / 1024 * 1024;
  for (auto _ : state)
    benchmark::DoNotOptimize(stream(weights() + part * state.thread_index(), part));
  state.SetBytesProcessed(part * state.iterations());
}

void peak(benchmark::State& state, int64_t (*run)(int64_t)) {
  int64_t done = 0;
  for (auto _ : state)
    done += run(10000);
  if (done == 0)
    state.SkipWithError("this machine lacks the instruction");
  state.counters["FLOP/s"] = benchmark::Counter(double(done), benchmark::Counter::kIsRate);
}

benchmark::internal::Benchmark* add(const std::string& name, auto run) {
  return benchmark::RegisterBenchmark(name.c_str(), run)->Threads(1)->Threads(2)->UseRealTime();
}

void add_level(const std::vector<NativeLevel>& all, size_t level, const char* kernel, auto run) {
  struct Shape {
    int64_t n, k;
  };
  for (const Shape s : {Shape{3072, 768}, Shape{2048, 2048}, Shape{6144, 2048}, Shape{32768, 2048}})
    for (int64_t rows : {1, 4, 16, 64, 512})
      add(std::string(kernel) + "/" + all[level].name + "/" + std::to_string(s.n) + "x" +
              std::to_string(s.k) + "/rows:" + std::to_string(rows),
          [=, l = all[level]](benchmark::State& state) { run(state, l, s.n, s.k, rows); });
}

void add_experts(const NativeLevel& level, const char* kernel, bool f8) {
  for (bool up : {true, false})
    for (int64_t tokens : {1, 4, 16, 64, 512}) {
      const int64_t n = up ? 768 : 2048, k = up ? 2048 : 768;
      add(std::string(kernel) + "/" + level.name + "/" + std::to_string(n) + "x" + std::to_string(k) +
              "/rows:" + std::to_string(tokens),
          [=](benchmark::State& state) { experts(state, level, f8, n, k, tokens, up); });
    }
}

void register_all() {
  add("stream", stream_weights);
  add("peak/dots", [](benchmark::State& state) { peak(state, register_dots); });
  add("peak/tiles", [](benchmark::State& state) { peak(state, register_tiles); });
  const auto bf16 = R1_LEVELS(gemm_bf16), f8 = R1_LEVELS(gemm_f8);
  const auto grouped_bf16 = R1_LEVELS(grouped_gemm_bf16), grouped_f8 = R1_LEVELS(grouped_gemm_f8);
  for (size_t i = 0; i < bf16.size(); ++i) {
    if (!bf16[i].supported || bf16[i].name == "amx_model")
      continue;
    add_level(bf16, i, "gemm_bf16",
              [](benchmark::State& s, const NativeLevel& l, int64_t n, int64_t k, int64_t rows) {
                gemm(s, l, false, n, k, rows);
              });
    add_level(f8, i, "gemm_f8",
              [](benchmark::State& s, const NativeLevel& l, int64_t n, int64_t k, int64_t rows) {
                gemm(s, l, true, n, k, rows);
              });
    add_experts(grouped_bf16[i], "grouped_gemm_bf16", false);
    add_experts(grouped_f8[i], "grouped_gemm_f8", true);
  }
}

} // namespace
} // namespace r1::kernels::bench

int main(int argc, char** argv) {
  r1::kernels::bench::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
