#include "runtime/bench/machine.h"

#include <algorithm>
#include <atomic>
#include <immintrin.h>
#include <vector>

#include "runtime/device/cpu/features.h"

namespace r1::bench {
namespace {

constexpr uint64_t kPiece = uint64_t(4) << 20;

// Values that a measuring loop computed, so that it is not removed.
std::atomic<uint64_t> sink;

// Accumulators must be registers, so each is a variable of its own: a compiler that does not unroll would keep an array in memory.
#define R1_EACH_8(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define R1_EACH_12(DO) R1_EACH_8(DO) DO(8) DO(9) DO(10) DO(11)

__attribute__((target("avx512f"))) uint64_t sum_avx512(const uint8_t* p, uint64_t bytes) {
#define R1_ZERO(k) __m512i a##k = _mm512_setzero_si512();
#define R1_ADD(k) a##k = _mm512_add_epi64(a##k, _mm512_load_si512(p + i + 64 * k));
#define R1_JOIN(k) total = _mm512_xor_si512(total, a##k);
  R1_EACH_8(R1_ZERO)
  for (uint64_t i = 0; i < bytes; i += 512) {
    R1_EACH_8(R1_ADD)
  }
  __m512i total = _mm512_setzero_si512();
  R1_EACH_8(R1_JOIN)
  alignas(64) uint64_t lanes[8];
  _mm512_store_si512(lanes, total);
  return lanes[0] ^ lanes[1];
#undef R1_ZERO
#undef R1_ADD
#undef R1_JOIN
}

uint64_t sum_plain(const uint8_t* p, uint64_t bytes) {
#define R1_ZERO(k) __m128i a##k = _mm_setzero_si128();
#define R1_ADD(k)                                                                                            \
  a##k = _mm_add_epi64(a##k, _mm_load_si128(reinterpret_cast<const __m128i*>(p + i + 16 * k)));
#define R1_JOIN(k) total = _mm_xor_si128(total, a##k);
  R1_EACH_8(R1_ZERO)
  for (uint64_t i = 0; i < bytes; i += 128) {
    R1_EACH_8(R1_ADD)
  }
  __m128i total = _mm_setzero_si128();
  R1_EACH_8(R1_JOIN)
  return uint64_t(_mm_cvtsi128_si64(total));
#undef R1_ZERO
#undef R1_ADD
#undef R1_JOIN
}

// Each returns the number of floating-point operations it did.
__attribute__((target("avx512f,avx512bf16"))) double multiply_avx512_bf16(int64_t rounds) {
#define R1_ZERO(k) __m512 a##k = _mm512_setzero_ps();
#define R1_MULTIPLY(k) a##k = _mm512_dpbf16_ps(a##k, x, y);
#define R1_JOIN(k) total += _mm512_cvtss_f32(a##k);
  R1_EACH_12(R1_ZERO)
  __m512bh x = (__m512bh)_mm512_set1_epi32(0x3f803f80), y = (__m512bh)_mm512_set1_epi32(0x3c003c00);
  __asm__ volatile("" : "+v"(x), "+v"(y));
  for (int64_t i = 0; i < rounds; ++i) {
    R1_EACH_12(R1_MULTIPLY)
  }
  float total = 0;
  R1_EACH_12(R1_JOIN)
  sink += uint64_t(total);
  return double(rounds) * 12 * 16 * 2 * 2;
#undef R1_MULTIPLY
}

__attribute__((target("avx512f"))) double multiply_fma512(int64_t rounds) {
#define R1_MULTIPLY(k) a##k = _mm512_fmadd_ps(x, y, a##k);
  R1_EACH_12(R1_ZERO)
  __m512 x = _mm512_set1_ps(1.0f), y = _mm512_set1_ps(0.01f);
  __asm__ volatile("" : "+v"(x), "+v"(y));
  for (int64_t i = 0; i < rounds; ++i) {
    R1_EACH_12(R1_MULTIPLY)
  }
  float total = 0;
  R1_EACH_12(R1_JOIN)
  sink += uint64_t(total);
  return double(rounds) * 12 * 16 * 2;
#undef R1_ZERO
#undef R1_MULTIPLY
#undef R1_JOIN
}

__attribute__((target("avx2,fma"))) double multiply_fma(int64_t rounds) {
#define R1_ZERO(k) __m256 a##k = _mm256_setzero_ps();
#define R1_MULTIPLY(k) a##k = _mm256_fmadd_ps(x, y, a##k);
#define R1_JOIN(k) total += _mm256_cvtss_f32(a##k);
  R1_EACH_12(R1_ZERO)
  __m256 x = _mm256_set1_ps(1.0f), y = _mm256_set1_ps(0.01f);
  __asm__ volatile("" : "+x"(x), "+x"(y));
  for (int64_t i = 0; i < rounds; ++i) {
    R1_EACH_12(R1_MULTIPLY)
  }
  float total = 0;
  R1_EACH_12(R1_JOIN)
  sink += uint64_t(total);
  return double(rounds) * 12 * 8 * 2;
#undef R1_ZERO
#undef R1_MULTIPLY
#undef R1_JOIN
}

// Four accumulator tiles of 16 x 16 and two tiles each of both operands, as a 32 x 32 block product would use them.
__attribute__((target("amx-tile,amx-bf16"))) double multiply_amx(int64_t rounds) {
  struct alignas(64) Config {
    uint8_t palette, start, zero[14];
    uint16_t bytes[16];
    uint8_t rows[16];
  } config = {};
  config.palette = 1;
  for (int i = 0; i < 8; ++i)
    config.bytes[i] = 64, config.rows[i] = 16;
  // The intrinsic of some compilers claims only part of the block; this says that all of it is read.
  __asm__ volatile("" : : "m"(config) : "memory");
  _tile_loadconfig(&config);
  alignas(64) uint16_t operand[16 * 32];
  for (auto& v : operand)
    v = 0x3c00;
  __asm__ volatile("" : : "m"(operand) : "memory");
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, operand, 64);
  _tile_loadd(5, operand, 64);
  _tile_loadd(6, operand, 64);
  _tile_loadd(7, operand, 64);
  for (int64_t i = 0; i < rounds; ++i) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return double(rounds) * 4 * 16 * 16 * 32 * 2;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t n = values.size();
  return n == 0 ? 0 : n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

} // namespace

Result<Stream> Stream::make(Device& device, const artifact::Target& target, uint64_t bytes) {
  if (target.device() != artifact::Device::Cpu) {
    Stream copies;
    copies.bytes_ = bytes;
    return copies;
  }
  uint64_t available = os::available_memory();
  bytes = std::max(kPiece, std::min(bytes, available / 4) / kPiece * kPiece);
  Stream stream;
  R1_ASSIGN_OR_RETURN(stream.memory_, os::Memory::allocate(bytes));
  stream.bytes_ = stream.memory_.bytes();
  uint8_t* base = stream.memory_.data();
  R1_RETURN_IF_ERROR(device.parallel([&](int part, int parts) {
    uint64_t begin = bytes / kPiece * uint64_t(part) / uint64_t(parts) * kPiece;
    uint64_t end = bytes / kPiece * uint64_t(part + 1) / uint64_t(parts) * kPiece;
    std::fill(base + begin, base + end, uint8_t(1));
  }));
  return stream;
}

double Stream::bytes_per_second(Device& device, int passes) {
  if (!memory_.data()) {
    Result<double> rate = device.copy_rate(bytes_, passes);
    return rate.ok() ? *rate : 0;
  }
  static const auto sum = cpu::has_feature("avx512f") ? sum_avx512 : sum_plain;
  uint64_t pieces = memory_.bytes() / kPiece;
  std::vector<double> rates;
  for (int pass = 0; pass <= passes; ++pass) {
    std::atomic<uint64_t> next{0}; // pieces are shared out as they come, as the tiles of a launch are
    double begin = os::now();
    Status ran = device.parallel([&](int, int) {
      uint64_t total = 0;
      for (uint64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < pieces;)
        total += sum(memory_.data() + i * kPiece, kPiece);
      sink += total;
    });
    double seconds = os::now() - begin;
    if (!ran.ok())
      return 0;
    if (pass > 0)
      rates.push_back(double(pieces * kPiece) / seconds); // the first pass warms up
  }
  return median(rates);
}

MatrixRate matrix_rate(Device& device, const artifact::Target& target) {
  if (target.device() != artifact::Device::Cpu)
    return {"unknown", 0};
  auto uses = [&](std::string_view part) {
    for (const flatbuffers::String* f : *target.features())
      if (f->string_view().find(part) != std::string_view::npos)
        return true;
    return false;
  };
  double (*multiply)(int64_t) = multiply_fma;
  MatrixRate rate{"fma-f32", 0};
  if (uses("avx512") && cpu::has_feature("avx512f"))
    rate.instruction = "avx512-fma-f32", multiply = multiply_fma512;
  if (uses("avx512") && uses("bf16") && cpu::has_feature("avx512bf16"))
    rate.instruction = "avx512-bf16", multiply = multiply_avx512_bf16;
  if (uses("amx") && cpu::has_feature("amx-bf16") && os::request_amx().ok())
    rate.instruction = "amx-bf16", multiply = multiply_amx;
  if (multiply == multiply_fma && !cpu::has_feature("fma"))
    return rate;
  std::vector<double> rates;
  int64_t rounds = 1000;
  for (int pass = 0; pass < 8;) {
    std::atomic<uint64_t> operations{0};
    double begin = os::now();
    Status ran = device.parallel([&](int, int) { operations += uint64_t(multiply(rounds)); });
    double seconds = os::now() - begin;
    if (!ran.ok())
      return rate;
    if (seconds < 0.02) { // long enough for the clock and for all threads to be awake
      rounds *= 2;
      continue;
    }
    rates.push_back(double(operations) / seconds);
    ++pass;
  }
  rate.flops_per_second = median(rates);
  return rate;
}

} // namespace r1::bench
