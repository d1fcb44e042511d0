// Synthetic checkpoint folders for tests: the C++ twin of synthetic.py, bit for bit.
//
// The weights are a pure function of (seed, tensor name, element index); synthetic.py has the formula.  A case is one of
// test/oracle/golden/*.json, or made in a test: any configuration of the family with any weight type.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace r1::oracle {

struct Case {
  nlohmann::ordered_json config; // config.json as it will be written
  std::string weights = "bf16";  // f32, f16, bf16, fp8 or fp8_ue8m0
  uint32_t seed = 1;
  int shards = 1;                      // 1: model.safetensors; more: numbered files and an index
  std::map<std::string, double> gains; // by tensor leaf ("gate", "q_a_proj", ...), and "bias", "bias_offset"
  std::vector<int> tokens;             // what the golden logits were computed for
  uint32_t crc32 = 0;                  // of all safetensors files in order, as synthetic.py wrote them
};

// A float32 matrix, row-major: [tokens, vocab] for golden logits.
struct Matrix {
  size_t rows = 0, columns = 0;
  std::vector<float> values;
};

// Reads a case file; nothing if it is absent or malformed.
std::optional<Case> read_case(const std::filesystem::path& file);

// Reads a two-dimensional little-endian float32 .npy file in C order; nothing if it is anything else.
std::optional<Matrix> read_npy(const std::filesystem::path& file);

// Writes config.json and the safetensors files into `folder` (made if absent) and returns the CRC-32 of the latter.
uint32_t write_checkpoint(const Case& test_case, const std::filesystem::path& folder);

} // namespace r1::oracle
