#include "test/oracle/synthetic_tensors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

namespace r1::oracle {
namespace {

constexpr int64_t kBlock = 128;
enum class Kind { kLinear, kPlain, kNorm, kBias };

struct Spec {
  std::string name;
  std::vector<int64_t> shape;
  Kind kind;
  double amplitude, offset;
};

// The product has at most 48 bits, so it is exact in double and a fused multiply-add gives the same sum.
std::vector<float> values_of(uint32_t seed, const Spec& spec) {
  int64_t count = 1;
  for (int64_t d : spec.shape)
    count *= d;
  const uint32_t start = crc32(spec.name.data(), spec.name.size()) + seed * 0x9E3779B9u;
  const double amplitude = static_cast<float>(spec.amplitude);
  std::vector<float> values(count);
  for (int64_t i = 0; i < count; ++i) {
    uint32_t h = start + static_cast<uint32_t>(i) * 0x85EBCA6Bu;
    h ^= h >> 16;
    h *= 0x7FEB352Du;
    h ^= h >> 15;
    h *= 0x846CA68Bu;
    h ^= h >> 16;
    const double u = (static_cast<int32_t>(h >> 8) - (1 << 23)) * 0x1p-23;
    values[i] = static_cast<float>(spec.offset + amplitude * u);
  }
  return values;
}

// Rounds to a small binary float (nearest, ties to even): `mantissa` stored bits, smallest normal exponent `lowest`.
// The returned bits have the sign left out; a carry into the exponent comes out right by itself.
uint32_t small_float_bits(float value, int mantissa, int lowest) {
  const float a = std::fabs(value);
  const int exponent = a == 0 ? lowest : std::max(std::ilogb(a), lowest);
  const auto steps = static_cast<uint32_t>(std::nearbyint(std::ldexp(a, mantissa - exponent)));
  return (static_cast<uint32_t>(exponent - lowest) << mantissa) + steps;
}

uint8_t e4m3_bits(float v) { return small_float_bits(v, 3, -6) | (std::signbit(v) ? 0x80 : 0); }
uint16_t f16_bits(float v) { return small_float_bits(v, 10, -14) | (std::signbit(v) ? 0x8000 : 0); }

uint16_t bf16_bits(float v) {
  uint32_t u;
  std::memcpy(&u, &v, 4);
  return (u + 0x7FFFu + ((u >> 16) & 1)) >> 16;
}

// One scale a 128x128 block: max|w| / 448, for ue8m0 rounded up to a power of two.
float block_scale(float largest, bool power_of_two) {
  const float scale = largest / 448.0f;
  if (!power_of_two)
    return scale;
  int exponent;
  const double mantissa = std::frexp(scale, &exponent);
  return static_cast<float>(std::ldexp(1.0, mantissa == 0.5 ? exponent - 1 : exponent));
}

void quantize(const Spec& spec, std::vector<float> w, bool power_of_two, std::vector<Stored>& out) {
  const int64_t rows = spec.shape[0], columns = spec.shape[1];
  const int64_t grid_rows = (rows + kBlock - 1) / kBlock, grid_columns = (columns + kBlock - 1) / kBlock;
  std::string bytes(rows * columns, '\0'), scales;
  for (int64_t r = 0; r < grid_rows; ++r) {
    for (int64_t c = 0; c < grid_columns; ++c) {
      const float divisor = static_cast<float>(1 << ((2 * r + c) % 3));
      const int64_t row_end = std::min(rows, (r + 1) * kBlock),
                    column_end = std::min(columns, (c + 1) * kBlock);
      float largest = 0;
      for (int64_t i = r * kBlock; i < row_end; ++i)
        for (int64_t j = c * kBlock; j < column_end; ++j)
          largest = std::max(largest, std::fabs(w[i * columns + j] /= divisor));
      const float scale = block_scale(largest, power_of_two);
      for (int64_t i = r * kBlock; i < row_end; ++i)
        for (int64_t j = c * kBlock; j < column_end; ++j)
          bytes[i * columns + j] = static_cast<char>(e4m3_bits(w[i * columns + j] / scale));
      append(scales, scale);
    }
  }
  out.push_back({spec.name, "F8_E4M3", spec.shape, std::move(bytes)});
  out.push_back({spec.name + "_scale_inv", "F32", {grid_rows, grid_columns}, std::move(scales)});
}

// The tensors of one checkpoint in file order.
class Specs {
public:
  explicit Specs(const Case& test_case) : case_(test_case) {
    const int64_t layers = at("num_hidden_layers"), vocab = at("vocab_size");
    all.push_back({"model.embed_tokens.weight", {vocab, hidden_}, Kind::kPlain, std::sqrt(3.0), 0.0});
    for (int64_t i = 0; i < layers; ++i)
      layer(i);
    const int64_t extra = case_.config.value("num_nextn_predict_layers", int64_t{0});
    for (int64_t i = layers; i < layers + extra; ++i) {
      const std::string p = "model.layers." + std::to_string(i) + ".";
      all.push_back({p + "embed_tokens.weight", {vocab, hidden_}, Kind::kPlain, std::sqrt(3.0), 0.0});
      norm(p + "enorm", hidden_);
      norm(p + "hnorm", hidden_);
      linear(p + "eh_proj", hidden_, 2 * hidden_, Kind::kPlain);
      layer(i);
      norm(p + "shared_head.norm", hidden_);
      linear(p + "shared_head.head", vocab, hidden_, Kind::kPlain);
    }
    norm("model.norm", hidden_);
    linear("lm_head", vocab, hidden_, Kind::kPlain);
  }

  std::vector<Spec> all;

private:
  int64_t at(const char* key) const {
    const auto& value = case_.config.at(key);
    return value.is_null() ? 0 : value.get<int64_t>();
  }

  double gain(const std::string& leaf, double otherwise) const {
    const auto found = case_.gains.find(leaf);
    return found == case_.gains.end() ? otherwise : found->second;
  }

  void norm(const std::string& stem, int64_t size) {
    all.push_back({stem + ".weight", {size}, Kind::kNorm, 0.125, 1.0});
  }

  void linear(const std::string& stem, int64_t rows, int64_t columns, Kind kind = Kind::kLinear) {
    const size_t dot = stem.rfind('.');
    const std::string leaf = dot == std::string::npos ? stem : stem.substr(dot + 1);
    all.push_back({stem + ".weight",
                   {rows, columns},
                   kind,
                   gain(leaf, 1.0) * std::sqrt(3.0 / static_cast<double>(columns)),
                   0.0});
  }

  void mlp(const std::string& prefix, int64_t width) {
    linear(prefix + "gate_proj", width, hidden_);
    linear(prefix + "up_proj", width, hidden_);
    linear(prefix + "down_proj", hidden_, width);
  }

  void layer(int64_t index) {
    const std::string p = "model.layers." + std::to_string(index) + ".", a = p + "self_attn.", m = p + "mlp.";
    const int64_t heads = at("num_attention_heads"), rope = at("qk_rope_head_dim"),
                  nope = at("qk_nope_head_dim");
    const int64_t q_lora = at("q_lora_rank"), kv_lora = at("kv_lora_rank"), v = at("v_head_dim");
    norm(p + "input_layernorm", hidden_);
    if (q_lora) {
      linear(a + "q_a_proj", q_lora, hidden_);
      norm(a + "q_a_layernorm", q_lora);
      linear(a + "q_b_proj", heads * (nope + rope), q_lora);
    } else {
      linear(a + "q_proj", heads * (nope + rope), hidden_);
    }
    linear(a + "kv_a_proj_with_mqa", kv_lora + rope, hidden_);
    norm(a + "kv_a_layernorm", kv_lora);
    linear(a + "kv_b_proj", heads * (nope + v), kv_lora);
    linear(a + "o_proj", hidden_, heads * v);
    norm(p + "post_attention_layernorm", hidden_);
    if (index < at("first_k_dense_replace"))
      return mlp(m, at("intermediate_size"));
    const int64_t experts = at("n_routed_experts"), width = at("moe_intermediate_size");
    linear(m + "gate", experts, hidden_, Kind::kPlain);
    if (case_.config.at("topk_method") == "noaux_tc")
      all.push_back({m + "gate.e_score_correction_bias",
                     {experts},
                     Kind::kBias,
                     gain("bias", 0.25),
                     gain("bias_offset", 0.0)});
    for (int64_t e = 0; e < experts; ++e)
      mlp(m + "experts." + std::to_string(e) + ".", width);
    mlp(m + "shared_experts.", width * at("n_shared_experts"));
  }

  const Case& case_;
  const int64_t hidden_ = at("hidden_size");
};

} // namespace

uint32_t crc32(const char* data, size_t size, uint32_t crc) {
  static const auto kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t c = i;
      for (int k = 0; k < 8; ++k)
        c = (c & 1) ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      table[i] = c;
    }
    return table;
  }();
  crc = ~crc;
  for (size_t i = 0; i < size; ++i)
    crc = kTable[(crc ^ static_cast<uint8_t>(data[i])) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

std::vector<Stored> stored_tensors(const Case& test_case) {
  std::vector<Stored> out;
  const bool fp8 = test_case.weights.rfind("fp8", 0) == 0;
  for (const Spec& spec : Specs(test_case).all) {
    std::vector<float> values = values_of(test_case.seed, spec);
    if (fp8 && spec.kind == Kind::kLinear) {
      quantize(spec, std::move(values), test_case.weights == "fp8_ue8m0", out);
      continue;
    }
    Stored stored{spec.name, "BF16", spec.shape, {}};
    if (spec.kind == Kind::kBias || test_case.weights == "f32")
      stored.dtype = "F32";
    else if (test_case.weights == "f16")
      stored.dtype = "F16";
    for (float v : values) {
      if (stored.dtype == "F32")
        append(stored.bytes, v);
      else
        append(stored.bytes, stored.dtype == "F16" ? f16_bits(v) : bf16_bits(v));
    }
    out.push_back(std::move(stored));
  }
  return out;
}

} // namespace r1::oracle
