#include "tools/gpu/conformance/cases.h"

#include <cmath>
#include <cstring>
#include <functional>

#include "kernels/primitives/cuda/convert.h"
#include "runtime/base/random.h"

namespace r1::conformance {
namespace {

class Random {
public:
  Random(uint64_t seed, uint64_t number) : stream_(random_stream(seed, number)) {}
  uint32_t word() { return uint32_t(random_bits(stream_, at_++)); }
  float uniform(float low, float high) { return low + (high - low) * float(random_unit(stream_, at_++)); }
  float normal() { // near enough: the sum of four uniform numbers
    return (uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1) + uniform(-1, 1)) * 0.866f;
  }

private:
  uint64_t stream_, at_ = 0;
};

template <class T> Bytes bytes_of(const std::vector<T>& values) {
  Bytes bytes(values.size() * sizeof(T));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

Bytes random_bytes(Random& random, size_t size) { // what is not written must stay: so results begin as noise
  Bytes bytes(size);
  for (uint8_t& b : bytes)
    b = uint8_t(random.word());
  return bytes;
}

// A kernel that reads words and writes words.
Case plain(const char* name, unsigned grid, Bytes in, size_t out_bytes, Random& random) {
  return {name,
          {std::string("conformance_") + name, grid, {std::move(in), random_bytes(random, out_bytes)}, {}}};
}

Case conversions(Random& random) {
  std::vector<uint32_t> words;
  for (uint32_t bits = 0; bits < 65536; ++bits) // every bf16 and e4m3, in other bytes too
    words.push_back(bits << 16 | (bits * 40503 & 0xffff));
  for (int i = 0; i < 32768; ++i) { // near borders of rounding, within the range of e4m3 and of bf16
    const float x = std::ldexp(1 + float(random.word() % 64) / 64, int(random.word() % 24) - 14);
    words.push_back(cuda::float_bits(random.word() % 2 ? x : -x) + (i % 3) - 1);
  }
  for (int i = 0; i < 32768; ++i) // borders of bf16
    words.push_back((random.word() & 0xffff0000) + 0x7fff + i % 3);
  for (int i = 0; i < 32768; ++i)
    words.push_back(random.word());
  return plain("convert", unsigned(words.size() / 128), bytes_of(words), words.size() * 32, random);
}

Case functions(Random& random) {
  std::vector<float> in;
  constexpr int kThreads = 128 * 256;
  for (int i = 0; i < kThreads; ++i) {
    const bool wide = i % 4 == 0;
    in.push_back(wide ? random.uniform(-150, 150) : random.normal());
    in.push_back(
        std::ldexp(random.uniform(1, 2), int(random.word() % (wide ? 250 : 20)) - (wide ? 125 : 10)) *
        (random.word() % 2 ? 1 : -1));
    in.push_back(wide ? random.uniform(-200000, 200000) : random.uniform(-4, 4));
  }
  Case c = plain("math", kThreads / 128, bytes_of(in), size_t(kThreads) * 80, random);
  c.compare = Compare::kMath;
  return c;
}

Case matrices(Random& random) {
  constexpr int kBlocks = 64;
  Bytes in;
  for (int block = 0; block < kBlocks; ++block) {
    std::vector<uint32_t> part(160);
    for (uint32_t& word : part)
      word = random.word();
    const Bytes bytes = bytes_of(part);
    in.insert(in.end(), bytes.begin(), bytes.end());
  }
  return plain("load_matrix", kBlocks, in, kBlocks * 32 * 48, random);
}

// Elements of products. Integers so small that no sum is ever rounded, on any chip; or normally distributed numbers.
uint32_t element(Random& random, int bytes, bool integers) {
  const float x = integers ? float(int(random.word() % 5) - 2) : random.normal();
  return bytes == 2 ? cuda::to_bf16(x).bits : cuda::to_e4m3(x).bits;
}
uint32_t packed(Random& random, int bytes, bool integers) {
  uint32_t word = 0;
  for (int i = 0; i < 4 / bytes; ++i)
    word |= element(random, bytes, integers) << (8 * bytes * i);
  return word;
}

// The same launch with every sign of the operands cleared; `first`: of the buffers that hold operands.
Launch magnitudes(Launch launch, size_t first, int bytes, size_t stride_words, size_t operand_words) {
  for (size_t b = first; b < launch.buffers.size(); ++b) {
    auto* words = reinterpret_cast<uint32_t*>(launch.buffers[b].data());
    for (size_t i = 0; i < launch.buffers[b].size() / 4; ++i)
      words[i] &= i % stride_words >= operand_words ? 0x7fffffffu : bytes == 2 ? 0x7fff7fffu : 0x7f7f7f7fu;
    if (first == 0)
      break; // the other one is the result
  }
  return launch;
}

Case products(Random& random, int bytes, bool integers) {
  constexpr int kBlocks = 64;
  std::vector<uint32_t> in;
  for (int i = 0; i < kBlocks * 128; ++i) {
    for (int j = 0; j < 6; ++j)
      in.push_back(packed(random, bytes, integers));
    for (int j = 0; j < 4; ++j)
      in.push_back(cuda::float_bits(integers ? float(int(random.word() % 65) - 32) : random.normal()));
  }
  Case c = plain(bytes == 2 ? "mma_bf16" : "mma_e4m3", kBlocks, bytes_of(in), kBlocks * 128 * 16, random);
  if (!integers) {
    c.compare = bytes == 2 ? Compare::kSums : Compare::kReducedSums;
    c.name += ", random numbers";
    c.magnitudes = magnitudes(c.launch, 0, bytes, 10, 6);
  }
  return c;
}

// by_k: B is [k][columns].
Case wide_products(Random& random, int columns, int bytes, bool integers, bool by_k) {
  const std::string type = by_k         ? "columns"
                           : bytes == 2 ? "bf16"
                                        : "e4m3",
                    name = "wgmma_" + type + "_n" + std::to_string(columns);
  constexpr uint32_t kRows = 128, kRowBytes = 512; // of A; four boxes of 128 bytes
  const uint32_t elements = kRowBytes / uint32_t(bytes), box = 128 / uint32_t(bytes), n = uint32_t(columns);
  std::vector<uint32_t> a(kRows * kRowBytes / 4), b(n * kRowBytes / 4);
  for (std::vector<uint32_t>* operand : {&a, &b})
    for (uint32_t& word : *operand)
      word = packed(random, bytes, integers);
  const int map_type = bytes == 2 ? driver::kMapBF16 : driver::kMapU8;
  Case c{"wgmma_" + type,
         {"conformance_" + name,
          1,
          {random_bytes(random, kRows * n * 4), bytes_of(a), bytes_of(b)},
          {{1, map_type, {elements, kRows}, {kRowBytes}, {box, kRows}, driver::kSwizzle128},
           by_k ? MapRequest{2, map_type, {n, elements}, {n * 2}, {64, 64}, driver::kSwizzle128}
                : MapRequest{2, map_type, {elements, n}, {kRowBytes}, {box, n}, driver::kSwizzle128}}},
         0};
  if (!integers) {
    c.compare = bytes == 2 ? Compare::kSums : Compare::kReducedSums;
    c.name += ", random numbers";
    c.magnitudes = magnitudes(c.launch, 1, bytes, 1, 1);
  }
  return c;
}

// Boxes inside, across and outside a tensor of 100 x 7 (x 5) elements, in every swizzle.
void copies_by_box(Random& random, std::vector<Case>& cases) {
  constexpr int kPlaces[][3] = {{0, 0, 0},   {64, 3, 1},   {-5, -2, -1}, {90, 6, 4},
                                {200, 0, 0}, {16, -20, 2}, {32, 1, 9}};
  constexpr std::pair<int, int> kTypes[] = {{driver::kMapU8, 1}, {driver::kMapBF16, 2}, {driver::kMapF32, 4}};
  constexpr uint64_t kColumns = 100, kRows = 7, kDepth = 5;
  for (int swizzle : {driver::kSwizzleNone, driver::kSwizzle32, driver::kSwizzle64, driver::kSwizzle128})
    for (auto [type, size] : kTypes)
      for (uint32_t rank : {2u, 3u}) {
        const uint32_t inner = (swizzle ? 16u << swizzle : 64u) / uint32_t(size);
        const std::vector<uint32_t> box = rank == 2 ? std::vector{inner, 12u} : std::vector{inner, 5u, 3u};
        const uint64_t row = (kColumns * uint64_t(size) + 15) / 16 * 16;
        std::vector<int32_t> in;
        for (const auto& at : kPlaces) {
          int bytes = size;
          for (uint32_t extent : box)
            bytes *= int(extent);
          in.insert(in.end(), {int(rank), bytes, at[0], at[1], at[2]});
        }
        std::vector<uint64_t> extents = {kColumns, kRows}, strides = {row};
        if (rank == 3)
          extents.push_back(kDepth), strides.push_back(row * kRows);
        Bytes tensor = random_bytes(random, row * kRows * kDepth);
        const size_t places = std::size(kPlaces);
        cases.push_back({"tma_load",
                         {"conformance_tma_load",
                          unsigned(places),
                          {bytes_of(in), random_bytes(random, places * 16384), std::move(tensor)},
                          {{2, type, extents, strides, box, swizzle}}}});
      }
  // Stores: boxes that do not touch one another, cut off at the tensor's edges.
  constexpr int kCorners[][2] = {{-3, -2}, {40, 5}, {200, 1}, {70, -6}, {8, 7}};
  for (int swizzle : {driver::kSwizzleNone, driver::kSwizzle128}) {
    std::vector<int32_t> in;
    for (const auto& at : kCorners) {
      in.insert(in.end(), {8 * 32 * 4, at[0], at[1], 0});
      for (int i = 0; i < 2060; ++i)
        in.push_back(int32_t(random.word()));
    }
    cases.push_back({"tma_store",
                     {"conformance_tma_store",
                      unsigned(std::size(kCorners)),
                      {bytes_of(in), random_bytes(random, 100 * 4 * 12)},
                      {{1, driver::kMapF32, {98, 12}, {400}, {32, 8}, swizzle}}}});
  }
}

} // namespace

std::vector<Case> make_cases(uint64_t seed) {
  std::vector<Case> cases;
  const auto add = [&](const std::function<Case(Random&)>& make) {
    Random random(seed, cases.size());
    cases.push_back(make(random));
  };
  add(conversions);
  add([](Random& r) { return plain("memory", 64, random_bytes(r, 64 * 128 * 32), 64 * 128 * 160, r); });
  add([](Random& r) { return plain("warp", 32, random_bytes(r, 32 * 256 * 8), 32 * 256 * 88, r); });
  add([](Random& r) { return plain("atomic", 32, random_bytes(r, 32 * 1024), 32 * 128 * 12, r); });
  add(functions);
  add([](Random& r) { return plain("copy_async", 32, random_bytes(r, 32 * 2048), 32 * 2048, r); });
  add([](Random& r) { return plain("copy_async_words", 32, random_bytes(r, 32 * 2048), 32 * 2048, r); });
  add([](Random& r) { return plain("copy_ring", 32, random_bytes(r, 32 * 12 * 2048), 32 * 512, r); });
  add([](Random& r) { return plain("named_barriers", 32, random_bytes(r, 32 * 1024), 32 * 1024, r); });
  add([](Random& r) {
    Case c = plain("dependent_launch", 32, random_bytes(r, 32 * 512), 32 * 512, r);
    c.launch.times = 3;
    return c;
  });
  add(matrices);
  for (int bytes : {2, 1})
    for (bool integers : {true, false})
      add([=](Random& r) { return products(r, bytes, integers); });
  add([](Random& r) { return plain("phases", 32, random_bytes(r, 32 * 9 * 128), 32 * 384, r); });
  Random boxes(seed, 1000);
  copies_by_box(boxes, cases);
  for (int bytes : {2, 1})
    for (bool integers : {true, false})
      for (int columns : {8, 16, 32, 64, 96, 128, 192, 256})
        for (bool by_k : {false, true})
          if (!by_k || bytes == 2)
            add([=](Random& r) { return wide_products(r, columns, bytes, integers, by_k); });
  return cases;
}

std::vector<Rate> make_rates(int multiprocessors) {
  const int rounds = 4096;
  const auto launch = [&](const char* name, unsigned blocks) {
    return Launch{
        name, blocks, {bytes_of(std::vector<int32_t>{rounds}), Bytes(size_t(blocks) * 256 * 4)}, {}};
  };
  const unsigned one = unsigned(multiprocessors), two = 2 * one;
  return {{"mma_bf16", launch("rate_mma_bf16", two), 2.0 * two * 8 * rounds * 16 * (16 * 8 * 16)},
          {"wgmma_bf16", launch("rate_wgmma_bf16", one), 2.0 * one * 2 * rounds * 4 * (64 * 256 * 16)},
          {"wgmma_e4m3", launch("rate_wgmma_e4m3", one), 2.0 * one * 2 * rounds * 4 * (64 * 256 * 32)}};
}

} // namespace r1::conformance
