#include "tools/gpu/conformance/compare.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace r1::conformance {
namespace {

template <class T> std::vector<T> values_of(const Bytes& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

Outcome compare_bits(const Case& c, const Bytes& got, const Bytes& want) {
  Outcome o;
  const std::vector<uint32_t> g = values_of<uint32_t>(got), w = values_of<uint32_t>(want);
  o.values = w.size();
  for (size_t i = 0; i < w.size(); ++i)
    if (g[i] != w[i] && ++o.wrong == 1)
      o.first = format("%s, word %zu: device %08x, model %08x", c.launch.kernel.c_str(), i, g[i], w[i]);
  return o;
}

// As kernels.cu lists them. Units in the last place that the device may differ from the host by: what CUDA's programming guide
// promises of its functions, and one more for the host's; 0 where IEEE 754 leaves no choice.
struct Function {
  const char* name;
  int units;
};
constexpr Function kFunctions[20] = {{"exp", 3},      {"exp2", 3},       {"log", 2},        {"log2", 2},
                                     {"sqrt", 0},     {"rsqrt", 3},      {"tanh", 3},       {"sin", 3},
                                     {"cos", 3},      {"fast_exp2", 4},  {"fma", 0},        {"min", 0},
                                     {"max", 0},      {"floor", 0},      {"abs", 0},        {"fma64", 0},
                                     {"infinity", 0}, {"min of NaN", 0}, {"max of NaN", 0}, {"division", 0}};

// Floats in their order as integers, so that a difference is a number of units in the last place.
int64_t rank_of(float x) {
  int32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits < 0 ? int64_t(INT32_MIN) - bits : bits;
}

Outcome compare_functions(const Bytes& got, const Bytes& want) {
  Outcome o;
  const std::vector<float> g = values_of<float>(got), w = values_of<float>(want);
  o.values = w.size();
  for (size_t i = 0; i < w.size(); ++i) {
    const Function& f = kFunctions[i % std::size(kFunctions)];
    const bool flushed = f.units && std::fabs(w[i]) < 0x1p-126f && std::fabs(g[i]) <= 0x1p-126f;
    const bool both_nan = std::isnan(g[i]) && std::isnan(w[i]);
    const int64_t units =
        std::isnan(g[i]) || std::isnan(w[i]) ? INT64_MAX : std::abs(rank_of(g[i]) - rank_of(w[i]));
    if (units > f.units && !flushed && !both_nan && ++o.wrong == 1)
      o.first = format("%s of set %zu: device %.9g, model %.9g", f.name, i / std::size(kFunctions),
                       double(g[i]), double(w[i]));
  }
  return o;
}

Outcome compare_sums(const Case& c, const Bytes& got, const Bytes& plain, const Bytes& hopper,
                     const Bytes& magnitudes) {
  // Of float32 sums of up to 256 products; of 14-bit ones of up to 512.
  const double limit = c.compare == Compare::kSums ? 4e-6 : 1e-2;
  Outcome o;
  o.sums = true;
  const std::vector<float> g = values_of<float>(got), p = values_of<float>(plain),
                           h = values_of<float>(hopper), m = values_of<float>(magnitudes);
  o.values = g.size();
  for (size_t i = 0; i < g.size(); ++i) {
    const double size = std::max(double(m[i]), 1e-30);
    const double from_plain = std::fabs(double(g[i]) - double(p[i])) / size,
                 from_hopper = std::fabs(double(g[i]) - double(h[i])) / size;
    o.plain_equal += g[i] == p[i];
    o.hopper_equal += g[i] == h[i];
    o.plain_deviation = std::fmax(o.plain_deviation, std::isnan(from_plain) ? INFINITY : from_plain);
    o.hopper_deviation = std::fmax(o.hopper_deviation, std::isnan(from_hopper) ? INFINITY : from_hopper);
    if (!(std::min(from_plain, from_hopper) <= limit) && ++o.wrong == 1)
      o.first = format("%s, value %zu: device %.9g, models %.9g and %.9g", c.launch.kernel.c_str(), i,
                       double(g[i]), double(p[i]), double(h[i]));
  }
  return o;
}

Result<Bytes> result_of(const Launch& launch, int buffer, Machine& machine) {
  Launch copy = launch;
  R1_RETURN_IF_ERROR(machine.run(copy));
  return std::move(copy.buffers[size_t(buffer)]);
}

Result<Outcome> compare(const Case& c, Machine& device, Machine& plain, Machine& hopper) {
  R1_ASSIGN_OR_RETURN(Bytes got, result_of(c.launch, c.result, device));
  R1_ASSIGN_OR_RETURN(Bytes want, result_of(c.launch, c.result, plain));
  if (c.compare == Compare::kBits)
    return compare_bits(c, got, want);
  if (c.compare == Compare::kMath)
    return compare_functions(got, want);
  R1_ASSIGN_OR_RETURN(Bytes hopper_want, result_of(c.launch, c.result, hopper));
  R1_ASSIGN_OR_RETURN(Bytes magnitudes, result_of(c.magnitudes, c.result, plain));
  return compare_sums(c, got, want, hopper_want, magnitudes);
}

} // namespace

Outcome run_case(const Case& c, Machine& device, Machine& plain, Machine& hopper) {
  Result<Outcome> outcome = compare(c, device, plain, hopper);
  if (outcome.ok())
    return *outcome;
  Outcome failed;
  failed.values = failed.wrong = 1;
  failed.first = outcome.status().message();
  return failed;
}

void Outcome::add(const Outcome& other) {
  if (wrong == 0)
    first = other.first;
  values += other.values;
  wrong += other.wrong;
  sums |= other.sums;
  plain_equal += other.plain_equal;
  hopper_equal += other.hopper_equal;
  plain_deviation = std::max(plain_deviation, other.plain_deviation);
  hopper_deviation = std::max(hopper_deviation, other.hopper_deviation);
}

} // namespace r1::conformance
