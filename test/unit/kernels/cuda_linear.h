// What the tests of CUDA linear layers share: weights in the layout of the skeletons, a hole that records, and
// running a skeleton on the emulator under every schedule worth running.
#pragma once
#include "kernels/common/numeric.h"
#include "kernels/primitives/cuda/tma.h"
#include "kernels/simt/launch.h"
#include "test/unit/kernels/sanitized.h"
#include "test/unit/kernels/tolerance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <random>
#include <string>
#include <vector>

namespace r1::test::cuda {

using Random = std::mt19937;

inline int64_t round_up(int64_t a, int64_t b) { return (a + b - 1) / b * b; }

// Memory that begins `offset` elements past a multiple of 256 bytes and ends where it ends: AddressSanitizer sees
// who reads past it.
template <class T> class Buffer {
public:
  explicit Buffer(int64_t count, T value = T(), int64_t offset = 0) : count_(count), offset_(offset) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 256, std::max<size_t>(1, size_t(count + offset) * sizeof(T))))
      throw std::bad_alloc();
    memory_.reset(static_cast<T*>(memory));
    std::fill_n(memory_.get(), count + offset, value);
  }
  T* data() { return memory_.get() + offset_; }
  T& operator[](int64_t i) { return data()[i]; }
  int64_t size() const { return count_; }

private:
  struct Free {
    void operator()(void* p) const { std::free(p); }
  };
  int64_t count_, offset_;
  std::unique_ptr<T, Free> memory_;
};

// `rowmajor` weights and `rowscales` of [batch][accumulators][n][k], and what they mean.
struct Weights {
  int64_t batch, accumulators, n, k;
  bool f8;
  std::vector<float> values; // scale applied, rounded to float
  Buffer<uint8_t> packed;
  Buffer<float> scales;

  Weights(int64_t b, int64_t a, int64_t rows, int64_t columns, bool is_f8, Random& random)
      : batch(b), accumulators(a), n(rows), k(columns), f8(is_f8), values(b * a * n * k),
        packed(b * a * n * row_bytes()), scales(is_f8 ? b * a * strips() * lines() : 0) {
    std::uniform_real_distribution<float> weight(-1, 1), scale(0.001f, 0.01f);
    for (int64_t i = 0; i < scales.size(); ++i)
      scales[i] = scale(random);
    for (int64_t matrix = 0; matrix < b * a; ++matrix)
      for (int64_t j = 0; j < n; ++j)
        for (int64_t i = 0; i < k; ++i)
          set(matrix, j, i, f8 ? random_e4m3(random) : kernels::bf16_from_f32(weight(random)));
  }

  int64_t row_bytes() const { return f8 ? round_up(k, 128) : round_up(k, 64) * 2; }
  int64_t strips() const { return round_up(n, 16) / 16; }
  int64_t lines() const { return round_up(k, 128) / 128; }

  void set(int64_t matrix, int64_t j, int64_t i, int bits) {
    uint8_t* row = packed.data() + (matrix * n + j) * row_bytes();
    float& value = values[(matrix * n + j) * k + i];
    if (f8) {
      row[i] = uint8_t(bits);
      value =
          kernels::f32_from_e4m3(uint8_t(bits)) * scales[(matrix * strips() + j / 16) * lines() + i / 128];
    } else {
      const auto element = uint16_t(bits);
      std::memcpy(row + i * 2, &element, 2);
      value = kernels::f32_from_bf16(element);
    }
  }

  // Every finite code is as likely as any other, so subnormals abound.
  static int random_e4m3(Random& random) {
    int bits;
    do
      bits = int(random() & 0xff);
    while ((bits & 0x7f) == 0x7f);
    return bits;
  }
};

// What the hole writes: y[row][column][accumulator], and how often.
struct Output {
  int64_t rows, columns, accumulators;
  std::vector<float> y;
  std::vector<int> writes;
  bool outside = false; // a row, column or count that is not of this product

  Output(int64_t r, int64_t c, int64_t a)
      : rows(r), columns(c), accumulators(a), y(r * c * a), writes(r * c) {}
};

template <int kBuffer> struct RecordHoles {
  template <int V, int A>
  static void epilogue(const r1::cuda::Arguments& a, int row, int col, int count, float (&values)[A][V]) {
    Output& out = *static_cast<Output*>(a.buffers[kBuffer]);
    if (row < 0 || row >= out.rows || col < 0 || count < 1 || count > V || col + count > out.columns ||
        A != out.accumulators) {
      out.outside = true;
      return;
    }
    for (int j = 0; j < count; ++j) {
      ++out.writes[row * out.columns + col + j];
      for (int i = 0; i < A; ++i)
        out.y[(row * out.columns + col + j) * A + i] = values[i][j];
    }
  }
};

template <class Skeleton>
concept WithMaps = requires { Skeleton::kMaps; };

// params: Arguments, tensor maps, number of tiles. Blocks share the tiles as those of a persistent kernel do.
template <class Skeleton> void entry(void** params) {
  const auto& arguments = *static_cast<const r1::cuda::Arguments*>(params[0]);
  for (int tile = r1::cuda::block_index(); tile < *static_cast<const int*>(params[2]);
       tile += r1::cuda::grid_size()) {
#if R1_SM >= 90
    if constexpr (WithMaps<Skeleton>) {
      const auto* maps = static_cast<const r1::cuda::TensorMap*>(params[1]);
      Skeleton::tile(arguments, maps, tile, simt::current->block->shared);
    } else
#endif
      Skeleton::tile(arguments, tile, simt::current->block->shared);
    r1::cuda::sync_block();
  }
}

struct NamedSchedule {
  std::string name;
  simt::Schedule schedule;
  int blocks = 0; // 0: one for each tile
};

// The plain order, and the orders and delays that find what it hides.
inline std::vector<NamedSchedule> schedules() {
  if (kSanitized)
    return {{"fifo, eager", {}},
            {"priority, lazy, seed 3, two blocks", {3, simt::Order::kPriority, simt::Async::kLazy}, 2}};
  std::vector<NamedSchedule> all = {{"fifo, eager", {}}};
  for (uint64_t seed : {1, 2, 3})
    all.push_back(
        {"priority, lazy, seed " + std::to_string(seed), {seed, simt::Order::kPriority, simt::Async::kLazy}});
  for (uint64_t seed : {1, 2})
    all.push_back({"priority, random, seed " + std::to_string(seed) + (seed == 2 ? ", two blocks" : ""),
                   {seed, simt::Order::kPriority, simt::Async::kRandom},
                   seed == 2 ? 2 : 0});
  return all;
}

// Runs `tiles` tiles and checks that each element of y is written once.
template <class Skeleton>
std::vector<float> run(const std::string& name, int64_t tiles, std::vector<void*> buffers,
                       const std::vector<int>& dims, Output out, int output_buffer,
                       const NamedSchedule& schedule, void* maps = nullptr) {
  static_assert(Skeleton::kThreads % 32 == 0 && Skeleton::kThreads <= 1024);
  static_assert(Skeleton::kSharedBytes <= (WithMaps<Skeleton> ? 227 : 99) * 1024, "what a block may have");
  r1::cuda::Arguments arguments = {dims.data(), {}};
  std::copy(buffers.begin(), buffers.end(), arguments.buffers);
  arguments.buffers[output_buffer] = &out;
  int count = int(tiles);
  void* params[] = {&arguments, maps, &count};
  const simt::Shape shape{uint32_t(schedule.blocks ? schedule.blocks : count), Skeleton::kThreads,
                          Skeleton::kSharedBytes};
  const std::string wrong = simt::launch(entry<Skeleton>, shape, params, schedule.schedule);
  EXPECT_EQ(wrong, "") << name;
  EXPECT_FALSE(out.outside) << name << ": the hole met a place outside the product";
  for (size_t i = 0; i < out.writes.size(); ++i)
    if (out.writes[i] != 1) {
      ADD_FAILURE() << name << ": row " << int64_t(i) / out.columns << " column " << int64_t(i) % out.columns
                    << " was written " << out.writes[i] << " times";
      break;
    }
  return out.y;
}

} // namespace r1::test::cuda
